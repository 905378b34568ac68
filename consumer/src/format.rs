//! From a record's bytes to rows of Arrow: one module a format, and what every format needs.

pub(crate) mod framing;
pub mod json;
pub mod metadata;

//! From a record's bytes to rows of Arrow: one module for each format, and the parts that every format needs.

pub(crate) mod framing;
pub mod json;
pub mod metadata;

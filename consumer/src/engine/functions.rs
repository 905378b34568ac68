//! The functions that are ours: where DataFusion's would be inexact, wrap, or be fixed at planning.

pub mod arithmetic;
pub mod casts;
pub mod clock;
pub mod exact;
pub mod floats;
pub mod header;
pub mod nan;
pub mod rounding;
mod text;
pub mod timestamps;
pub mod whole;

//! Our own functions, in place of those of DataFusion that are inexact, wrap around on overflow, or have a value fixed
//! at planning.

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

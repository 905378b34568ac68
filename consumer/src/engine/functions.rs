//! The functions that are ours: where DataFusion's would be inexact, wrap, or be fixed at planning.

pub mod arithmetic;
pub mod clock;
pub mod exact;
pub mod nan;
pub mod rounding;

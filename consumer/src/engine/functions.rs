//! The functions that are ours: where DataFusion's would be inexact, or fixed at planning.

pub mod clock;
pub mod exact;

//! What is promised of any bytes, a module for each fuzz target.
//!
//! The fuzz targets need a nightly compiler and lie outside of the workspace. This crate lies in it, so that its tests
//! hold the inputs in `fuzz/corpus` against the same properties wherever the tests are run.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a broken property is told"
)]

pub mod checkpoint;
pub mod decoder;

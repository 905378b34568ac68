//! Holds the properties that must hold for any bytes, in a module for each fuzz target.
//!
//! The fuzz targets need a nightly compiler and lie outside of the workspace. This crate lies in the workspace, so that
//! its tests check the same properties for the inputs in `fuzz/corpus` wherever the tests are run.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a broken property is told"
)]

pub mod checkpoint;
pub mod decoder;

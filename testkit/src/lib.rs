//! What the tests of several crates share.
//!
//! Each module stands alone: a program that is run as a user runs it, what it refuses, and secrets that it must not
//! say. Nothing here knows the consumer, so its unit tests can use all of it, too. Where something
//! goes wrong here, the test that asked for it fails: functions panic, and return no errors.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic fails the test that called"
)]

use std::time::Duration;

pub mod program;
pub mod refusal;
pub mod secrets;

/// Longer than anything in a test takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(120);

//! What the tests of several crates share.
//!
//! Each module stands alone: a program that is run as a user runs it, brokers and their topics, what the result has to
//! be, and stores that fail. Nothing here knows the consumer, so its unit tests can use all of it, too. Where something
//! goes wrong here, the test that asked for it fails: functions panic, and return no errors.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic fails the test that called"
)]

use std::time::Duration;

#[cfg(feature = "kafka")]
pub mod brokers;
#[cfg(feature = "kafka")]
pub mod expected;
#[cfg(feature = "store")]
pub mod failing_store;
#[cfg(feature = "kafka")]
pub mod load;
#[cfg(feature = "kafka")]
pub mod mock_brokers;
#[cfg(feature = "oracle")]
pub mod oracle;
pub mod program;
#[cfg(feature = "kafka")]
pub mod records;
pub mod refusal;
pub mod secrets;
#[cfg(feature = "kafka")]
pub mod topic;

/// Longer than anything in a test takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(120);

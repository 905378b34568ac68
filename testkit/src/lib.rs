//! Holds what the tests of several crates share.
//!
//! Each module stands alone. Together they run a program as a user runs it, start brokers and fill their topics,
//! compute expected results, and provide stores that fail. Nothing here knows the consumer, so its unit tests can use
//! all of it, too. Functions panic instead of returning errors: when something goes wrong here, the calling test fails.

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

/// A deadline that is longer than anything in a test takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(120);

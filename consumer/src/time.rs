//! Formats times for programs: RFC 3339 in UTC with milliseconds, and durations in milliseconds.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// Formats a time: `2026-01-31T12:00:00.250Z`, for instance.
pub fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Returns a duration in whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

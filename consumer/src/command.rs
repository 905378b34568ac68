//! What a person at the dashboard asks of the running query.

use std::time::Duration;

/// One request to the query. Each is an intention, not an order with a reply: what became of it is
/// seen in the events that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryCommand {
    /// Show what has been read and end.
    Stop,
    /// Trigger at this interval from now on.
    SetInterval(Duration),
}

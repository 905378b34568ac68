//! The commands that come for a query while it is still being started.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::command::QueryCommand;

/// The commands that come while the query cannot act on them yet.
pub(in crate::runtime) struct PendingCommands<'a> {
    inbox: &'a Receiver<QueryCommand>,
    /// The interval that was asked for last.
    pub interval: Option<Duration>,
}

impl<'a> PendingCommands<'a> {
    pub(in crate::runtime) fn new(inbox: &'a Receiver<QueryCommand>) -> Self {
        Self {
            inbox,
            interval: None,
        }
    }

    /// Waits for as long as `within` says, and tells whether a stop was asked for. A query that nobody can command any
    /// more is stopped.
    pub(in crate::runtime) fn for_stop(&mut self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        loop {
            match self.inbox.recv_deadline(deadline) {
                Ok(QueryCommand::SetInterval(interval)) => self.interval = Some(interval),
                Ok(QueryCommand::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
    }
}

//! What a run tells while it goes on.

use std::time::Duration;

/// What a run tells while it goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The topic is there and records begin.
    Started {
        /// Whether the topic was missing.
        topic_created: bool,
    },
    /// A burst was handed over.
    Burst {
        /// Transactions in it.
        records: u64,
        /// Transactions until now.
        total: u64,
        /// Until the next burst.
        pause: Duration,
    },
    /// A second of a load went by.
    Progress(Progress),
    /// Nothing is acknowledged; the run waits.
    BrokersLost {
        /// Records that wait with it.
        outstanding: u64,
        /// What librdkafka said.
        reason: Option<String>,
    },
    /// Acknowledgements come again.
    BrokersBack {
        /// How long they did not.
        after: Duration,
    },
    /// No more records; those under way are waited for.
    Flushing {
        /// How many are under way.
        outstanding: u64,
    },
}

/// How far a load is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Records acknowledged.
    pub records: u64,
    /// What was asked for.
    pub count: Option<u64>,
    /// Records acknowledged per second since the last progress.
    pub per_second: f64,
    /// Payload bytes sent.
    pub bytes: u64,
    /// Time left at the average rate until now.
    pub eta: Option<Duration>,
}

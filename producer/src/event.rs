//! Defines the events that a run reports while it goes on.

use std::time::Duration;

/// Something that a run reports while it goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The topic exists, and the run begins to send records.
    Started {
        /// Whether the topic was missing and the run created it.
        topic_created: bool,
    },
    /// The run has handed a burst to Kafka.
    Burst {
        /// Transactions in the burst.
        records: u64,
        /// Transactions since the start of the run.
        total: u64,
        /// The time until the next burst.
        pause: Duration,
    },
    /// A second of a load has passed.
    Progress(Progress),
    /// The brokers acknowledge nothing, and the run waits.
    BrokersLost {
        /// Records that are sent but not acknowledged.
        outstanding: u64,
        /// The last error that librdkafka reported, if there was one.
        reason: Option<String>,
    },
    /// The brokers acknowledge records again.
    BrokersBack {
        /// How long the brokers acknowledged nothing.
        after: Duration,
    },
    /// The run sends no more records and waits for the acknowledgements of those that it has sent.
    Flushing {
        /// Records that are sent but not acknowledged.
        outstanding: u64,
    },
}

/// The progress of a load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Records acknowledged.
    pub records: u64,
    /// The number of records after which the run ends (COUNT); `None` when it has no end.
    pub count: Option<u64>,
    /// Records acknowledged per second since the last progress.
    pub per_second: f64,
    /// Payload bytes sent.
    pub bytes: u64,
    /// The time left at the average rate until now; `None` without a COUNT or before the first acknowledgement.
    pub eta: Option<Duration>,
}

//! What is to be seen of a query at one moment, as plain data.
//!
//! A snapshot is complete and raw. Numbers are numbers, points in time are points in time and not "in 3 s", values of the
//! result are as the query made them, and texts are as they came, so that whoever shows one escapes it. The big parts are
//! shared, so that a copy of a snapshot is cheap.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::behind::Backlog;
use super::result::QueryResult;
use crate::event::{Broker, HeldBack, Level, PeersPart};
use crate::progress::Progress;

/// What is to be seen of a query at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// How far the query is.
    pub phase: Phase,
    /// What is known of it from its start on.
    pub query: QueryDescription,
    /// Time between triggers, as it is now; `None` if what is there is taken and no more.
    pub interval: Option<Duration>,
    /// The result, as of the last batch.
    pub result: Arc<QueryResult>,
    /// The last batch's report.
    pub progress: Option<Arc<Progress>>,
    /// What has been counted.
    pub totals: Totals,
    /// How it is now.
    pub gauges: Gauges,
    /// How it was in the last batches and seconds.
    pub history: History,
    /// When the next batch is due; `None` while the first one is being read.
    pub next_trigger: Option<DateTime<Utc>>,
    /// The brokers.
    pub brokers: Vec<Broker>,
    /// The last notices, oldest first.
    pub notices: VecDeque<RepeatedNotice>,
}

/// How far the query is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It looks for its topics, its schema and its checkpoints.
    #[default]
    Starting,
    /// It reads what was there at its start, which makes the first batch.
    CatchingUp,
    /// It makes batch after batch.
    Running,
    /// It has ended.
    Stopped,
}

/// What is known of the query from its start on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryDescription {
    /// The consumer group, which names it.
    pub name: String,
    /// The topics read.
    pub topics: Vec<String>,
    /// Its text, as it was written.
    pub text: String,
    /// Group members in this process.
    pub workers: usize,
    /// What the demo has to say, a line each; empty if it is none.
    pub demo: Vec<String>,
}

/// Counters from the first event on. None of them ever falls, also where the query is started anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records read, bad ones and tombstones included.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Records that are not JSON objects of the schema.
    pub dead_letters: u64,
    /// Records without a value, which are passed over.
    pub tombstones: u64,
    /// Batches done.
    pub batches: u64,
}

/// What goes up and down.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gauges {
    /// Records not read yet.
    pub lag: u64,
    /// Records that cannot be read before a transaction has ended, if there are any.
    pub held_back: Option<HeldBack>,
    /// Partitions that this process reads.
    pub partitions: usize,
    /// What other processes of the group read, if any do.
    pub others: Option<PeersPart>,
    /// This process's partitions that are paused.
    pub paused: usize,
    /// Whether they wait because memory is short.
    pub memory_short: bool,
    /// How far behind it is; `None` if it keeps up.
    pub behind: Option<Backlog>,
    /// Records per second, over the last second.
    pub rate: f64,
}

/// Samples of the past, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The last batches.
    pub batches: VecDeque<BatchSample>,
    /// Records read in each of the last seconds; begins anew with the first batch, which has read what was there.
    pub throughput: VecDeque<f64>,
    /// Records not read yet, once a second; begins anew with the first batch, too.
    pub lag: VecDeque<f64>,
}

/// One batch in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSample {
    /// Its number.
    pub id: u64,
    /// When it was done.
    pub at: DateTime<Utc>,
    /// Records read for it.
    pub records: u64,
    /// Trigger to result, in ms.
    pub duration_ms: u64,
    /// Whether it took longer than the interval between triggers.
    pub overran: bool,
}

/// A notice, which may have come several times in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedNotice {
    /// The time at which it came, for the last time if it was repeated.
    pub at: DateTime<Utc>,
    /// How grave it is.
    pub level: Level,
    /// What happened, in one line.
    pub text: String,
    /// How often it came in a row.
    pub times: u64,
}

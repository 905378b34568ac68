//! What a running query tells whoever started it: the only thing that outputs and the dashboard see.
//!
//! Events are plain data, in order, each of them complete: a receiver that folds them needs nothing
//! else of the query. What comes from records (text in rows) is as it came; whoever shows it escapes it. One
//! thing comes back: that the rows of a batch are written ([`Batch::acknowledge`]).

mod query_name;
mod receipt;
#[cfg(test)]
pub(crate) mod samples;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use chrono::{DateTime, Utc};

use crate::output_mode::OutputMode;
use crate::progress::Progress;

pub use self::query_name::QueryName;
pub use self::receipt::{Delivery, Receipt};

/// What goes over a channel: an event with the name of its query, since a process may run several.
#[derive(Clone, Debug)]
pub struct NamedEvent {
    /// The query that it happened to.
    pub query: QueryName,
    /// What happened.
    pub event: QueryEvent,
}

/// One thing that happened to a query.
#[derive(Clone, Debug)]
pub enum QueryEvent {
    /// The query has been started; its topics, its schema and its checkpoints are yet to be found. This event comes
    /// first, once.
    Started(Arc<Started>),
    /// All of that has been found, and the query reads now. This event comes at most once.
    Reading,
    /// A micro-batch is done.
    Batch(Arc<Batch>),
    /// How reading goes between batches. This event comes a few times a second.
    Heartbeat(Heartbeat),
    /// All brokers. This event comes whenever one of them changes.
    Brokers(Vec<Broker>),
    /// Something that a person would want to know.
    Notice(Notice),
    /// The query has ended. This event comes last.
    Stopped,
}

/// What is known of the query from its start on.
#[derive(Clone, Debug)]
pub struct Started {
    /// The consumer group, which names the query.
    pub name: String,
    /// The topics read.
    pub topics: Vec<String>,
    /// The query's text.
    pub query: String,
    /// Group members in this process.
    pub workers: usize,
    /// Time between triggers, as set at the start; `None` if what is there is taken and no more.
    pub interval: Option<Duration>,
    /// Set in the demo: what to tell the user about it, one line each.
    pub demo: Vec<String>,
}

/// One micro-batch: its rows and its report.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The result's rows.
    pub rows: RecordBatch,
    /// Which rows of the result they are.
    pub mode: OutputMode,
    /// The column that the query sorts its result by, in the first place.
    pub sorted_by: Option<usize>,
    /// The part of the result that comes from other processes, if there is one.
    pub others: Option<PeersPart>,
    /// The report.
    pub progress: Progress,
    /// How to say that the rows are written.
    pub receipt: Receipt,
}

impl Batch {
    /// Says that the rows are where they were to go. A query without an aggregate keeps no checkpoint behind a
    /// batch before that, makes no more than a thousand that are neither acknowledged nor dropped, and does not end
    /// before all of them are one or the other, unless it is asked to stop once more. A batch that is dropped without
    /// this was not written: from then on the query's checkpoints stay where they are. Other queries have the rows in
    /// their state, and wait for nothing.
    pub fn acknowledge(&self) {
        self.receipt.acknowledge();
    }
}

/// How reading goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heartbeat {
    /// Records read since the start, bad ones and tombstones included.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Records that are not JSON objects of the schema, since the start.
    pub dead_letters: u64,
    /// Records without a value, which are passed over, since the start.
    pub tombstones: u64,
    /// Records that have not been read, in this process's partitions, and in other processes' partitions as far as
    /// their checkpoints are known here.
    pub lag: u64,
    /// Records that are in no lag, since they cannot be read before a transaction has ended; `None` if there are none.
    pub held_back: Option<HeldBack>,
    /// Partitions that this process reads now.
    pub partitions: usize,
    /// What other processes of the group read, if any do.
    pub others: Option<PeersPart>,
    /// This process's partitions that are paused, because they wait for dead letters to be taken, for memory, or for
    /// the next batch.
    pub paused: usize,
    /// Whether memory is short, so that partitions wait before they take more.
    pub memory_short: bool,
    /// Time until the next trigger; `None` while the first batch is being read.
    pub next_trigger: Option<Duration>,
    /// Time between triggers, as it is now; `None` if what is there is taken and no more.
    pub interval: Option<Duration>,
}

/// Records behind open transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// The number of these records.
    pub records: u64,
    /// When the first of them was written.
    pub since: DateTime<Utc>,
}

/// The part of the result that comes from other processes' checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeersPart {
    /// How many partitions they read.
    pub partitions: usize,
    /// Records in these partitions that are not in those checkpoints.
    pub behind: u64,
    /// The time since all of these checkpoints were known to be complete, or to have moved on.
    pub age: Duration,
}

/// One broker as the client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its id; −1 while only its address is known.
    pub id: i32,
    /// `host:port`.
    pub address: String,
    /// Whether a connection to it stands.
    pub up: bool,
}

/// How grave a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The query goes on as it should, for instance with partitions that were assigned.
    Info,
    /// The query goes on, but a person may want to act, for instance because a topic is not there yet. There is no
    /// notice of a lost broker: [`Broker::changes`] tells it from two events.
    Warning,
    /// Something has failed, for instance because dead letters cannot be written.
    Error,
}

/// A line for the events pane and the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The time at which it happened.
    pub at: DateTime<Utc>,
    /// How grave it is.
    pub level: Level,
    /// What happened, in one line.
    pub text: String,
}

impl Broker {
    /// What a person would want to know when the brokers go from `before` to `after`: which brokers were lost, and which
    /// are back. A broker that is met for the first time and is up is not mentioned.
    pub fn changes(before: &[Self], after: &[Self]) -> Vec<(Level, String)> {
        let was = |broker: &Self| {
            before
                .iter()
                .find(|b| b.id == broker.id && (b.id >= 0 || b.address == broker.address))
                .map(|b| b.up)
        };
        after
            .iter()
            .filter_map(|broker| match (was(broker), broker.up) {
                (Some(true), false) => Some((
                    Level::Warning,
                    format!("broker {} ({}) lost", broker.id, broker.address),
                )),
                (Some(false), true) => Some((
                    Level::Info,
                    format!("broker {} ({}) is back", broker.id, broker.address),
                )),
                _ => None,
            })
            .collect()
    }
}

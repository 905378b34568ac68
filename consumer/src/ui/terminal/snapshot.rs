//! Everything that the dashboard draws, as plain data.
//!
//! A snapshot is complete and owns nothing but values: a terminal, a web page or a remote viewer can draw
//! the same one. Texts are escaped already, numbers are numbers, points in time are points in time and not
//! "in 3 s". The big parts are shared, so that a copy of a snapshot is cheap.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use crate::event::Level;
use crate::output_mode::OutputMode;
use crate::status::behind::Behind;
use crate::time;

/// What is to be seen of a query at one moment.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// How far the query is.
    pub phase: Phase,
    /// What is known of it from its start on.
    pub query: Query,
    /// The result, as of the last batch.
    #[serde(serialize_with = "shared")]
    pub result: Arc<ResultTable>,
    /// The last batch's report.
    pub batch: Option<BatchReport>,
    /// The last batches, oldest first.
    pub batches: VecDeque<BatchPoint>,
    /// Records read in each of the last seconds, oldest first.
    pub throughput: VecDeque<f64>,
    /// Records not read yet, once a second, oldest first.
    pub lag: VecDeque<f64>,
    /// How reading goes.
    pub reading: Reading,
    /// When the next batch is due; `None` while the first one is being read.
    #[serde(serialize_with = "time::serialize_option")]
    pub next_trigger: Option<DateTime<Utc>>,
    /// Time between triggers, in ms; 0 if there is none.
    pub interval_ms: u64,
    /// The brokers.
    pub brokers: Vec<BrokerState>,
    /// The last events, oldest first.
    pub events: VecDeque<EventLine>,
}

impl Snapshot {
    /// Time between triggers.
    pub fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }
}

/// How far the query is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// It looks for its topics, its schema and what is kept of it.
    #[default]
    Starting,
    /// It reads what was there at its start, which makes the first batch.
    CatchingUp,
    /// Batch after batch.
    Running,
    /// It has ended.
    Stopped,
}

/// What is known of the query from its start on.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Query {
    /// The consumer group, which names it.
    pub name: String,
    /// The topics read.
    pub topics: Vec<String>,
    /// Its text, line by line.
    pub text: Vec<String>,
    /// Group members in this process.
    pub workers: usize,
    /// What the demo has to say; empty if it is none.
    pub demo: Vec<String>,
}

/// The rows of a result.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultTable {
    /// The columns, in the query's order.
    pub columns: Vec<Column>,
    /// The rows, in the query's order; of rows that only ever add up, the newest first.
    pub rows: Vec<Row>,
    /// How many rows there are, more than are kept here if the result is large.
    pub total_rows: u64,
    /// Which rows each batch has: those of a query that appends come on top of the ones before, others replace them.
    pub mode: OutputMode,
    /// The column that the query sorts by, in the first place.
    pub sorted_by: Option<usize>,
}

/// One column of the result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether it holds numbers.
    pub numeric: bool,
    /// Digits after the point, if it has a fixed number of them.
    pub scale: Option<usize>,
    /// Terminal columns that its widest cell takes, the name not counted.
    pub width: usize,
}

/// One row of the result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// One a column.
    pub cells: Vec<Cell>,
    /// Not there before the last batch.
    pub new: bool,
}

/// One value of the result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// For reading: all digits, thousands of a quantity separated.
    pub text: String,
    /// For bars and sorting; `None` for text and NULL.
    pub value: Option<f64>,
    /// Whether it is NULL, which a text may look like.
    pub null: bool,
    /// What the last batch added to it; `None` if nothing, or if the row is new.
    pub change: Option<f64>,
}

/// The report of one batch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchReport {
    /// Its number.
    pub id: u64,
    /// Records read for it.
    pub records: u64,
    /// Of these, dead letters.
    pub bad_records: u64,
    /// Of these, tombstones.
    pub tombstones: u64,
    /// Trigger to result, in ms.
    pub duration_ms: u64,
    /// Of these, waiting for all workers, in ms.
    pub add_batch_ms: u64,
    /// Of these, computing the result, in ms.
    pub query_ms: u64,
    /// Records per second that came in.
    pub input_rate: f64,
    /// Records per second that could have been taken.
    pub processed_rate: f64,
    /// Groups kept; `None` for a query without state.
    pub groups: Option<u64>,
    /// Bytes of the state.
    pub state_bytes: u64,
}

/// One batch in the history.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchPoint {
    /// Its number.
    pub id: u64,
    /// Trigger to result, in ms.
    pub duration_ms: u64,
    /// Whether it took longer than the interval between triggers.
    pub overran: bool,
}

/// How reading goes, in totals since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// Records read.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Records that are not JSON objects of the schema.
    pub dead_letters: u64,
    /// Records without a value, which are passed over.
    pub tombstones: u64,
    /// Records not read yet.
    pub lag: u64,
    /// Records that cannot be read before a transaction has ended, if there are any.
    pub held_back: Option<HeldBack>,
    /// Partitions that this process reads.
    pub partitions: usize,
    /// What other processes of the group read, if any do.
    pub others: Option<Others>,
    /// Of this process's partitions, paused.
    pub paused: usize,
    /// Whether they wait because memory is short.
    pub memory_short: bool,
    /// How far behind it is; `None` if it keeps up.
    pub behind: Option<Behind>,
    /// Records per second, over the last second.
    pub rate: f64,
}

/// Records behind open transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HeldBack {
    /// How many.
    pub records: u64,
    /// When the first of them was written.
    #[serde(serialize_with = "time::serialize")]
    pub since: DateTime<Utc>,
}

/// The part of the result that comes from other processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Others {
    /// Partitions that they read.
    pub partitions: usize,
    /// Records in these that are not in what they have kept.
    pub behind: u64,
    /// How old their part is.
    pub age_seconds: u64,
}

/// One broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokerState {
    /// Its id; −1 while only its address is known.
    pub id: i32,
    /// `host:port`.
    pub address: String,
    /// Whether a connection to it stands.
    pub up: bool,
}

/// One line of the events pane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventLine {
    /// When; if it was repeated, for the last time.
    #[serde(serialize_with = "time::serialize")]
    pub at: DateTime<Utc>,
    /// How grave.
    #[serde(serialize_with = "level")]
    pub level: Level,
    /// What.
    pub text: String,
    /// How often in a row.
    pub times: u64,
}

fn shared<T: Serialize, S: Serializer>(value: &Arc<T>, out: S) -> Result<S::Ok, S::Error> {
    value.as_ref().serialize(out)
}

fn level<S: Serializer>(level: &Level, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(match level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    })
}

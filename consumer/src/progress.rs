//! The report of one micro-batch, in the JSON fields that users of Spark's
//! `StreamingQueryProgress` know.
//!
//! Plain data: filled in by the trigger, printed by the `json` output, drawn by the dashboard.
//! Times are milliseconds, rates are records per second.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

/// What one micro-batch did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The query; the same after a restart with the same settings.
    pub id: Uuid,
    /// This run of it.
    pub run_id: Uuid,
    /// The consumer group, which names the query.
    pub name: String,
    /// When the trigger fired, RFC 3339 in UTC with milliseconds.
    pub timestamp: String,
    /// Counts up by one from 0.
    pub batch_id: u64,
    /// Trigger to result, in ms.
    pub batch_duration: u64,
    /// Records read for this batch, bad ones and tombstones included.
    pub num_input_rows: u64,
    /// `num_input_rows` over the time since the last trigger.
    pub input_rows_per_second: f64,
    /// `num_input_rows` over the time spent on them.
    pub processed_rows_per_second: f64,
    /// Where the time of the batch went, in ms.
    pub duration_ms: DurationMs,
    /// Smallest, largest and mean event time of the batch; empty until windows are there.
    pub event_time: BTreeMap<String, String>,
    /// The state that the query has between batches; empty for a query without an aggregate.
    pub state_operators: Vec<StateOperator>,
    /// One a topic.
    pub sources: Vec<SourceProgress>,
    /// Records of this batch that went to the dead-letter topic or were dropped.
    pub num_bad_rows: u64,
    /// Records of this batch without a value, which were passed over.
    pub num_tombstones: u64,
}

/// Where the time of a batch went, in ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DurationMs {
    /// Waiting for all workers to finish their partials and merge them into their state.
    pub add_batch: u64,
    /// Merging the partitions' states and computing the result from them.
    pub query_execution: u64,
    /// The whole, as `batch_duration`.
    pub trigger_execution: u64,
}

/// The state of the query's aggregate over all partitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateOperator {
    /// Always `aggregate`.
    pub operator_name: &'static str,
    /// Groups in the result, before HAVING and LIMIT.
    pub num_rows_total: u64,
    /// Groups, counted a partition, that this batch touched.
    pub num_rows_updated: u64,
    /// Bytes of all partitions' states.
    pub memory_used_bytes: u64,
}

/// What was read of one topic. Offsets are listed by partition number.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceProgress {
    /// For instance `Kafka[transactions]`.
    pub description: String,
    /// First offset of this batch, by topic and partition.
    pub start_offset: BTreeMap<String, BTreeMap<i32, i64>>,
    /// One past the last offset of this batch.
    pub end_offset: BTreeMap<String, BTreeMap<i32, i64>>,
    /// The end of the log, as far as the brokers have told.
    pub latest_offset: BTreeMap<String, BTreeMap<i32, i64>>,
    /// Records of this topic in the batch.
    pub num_input_rows: u64,
    /// The same figure as in [`Progress`], for this topic.
    pub input_rows_per_second: f64,
    /// The same figure as in [`Progress`], for this topic.
    pub processed_rows_per_second: f64,
    /// `latest_offset` less `end_offset`, summed over the partitions, but for those that others read where
    /// nothing tells how far they have come.
    pub lag: u64,
    /// Records of these partitions behind transactions that have been open for a while: they are behind
    /// `latest_offset`, and in no lag.
    pub held_back: u64,
}

//! The batch of one partition, as a worker hands it over.

use crate::checkpoint::Epoch;
use crate::engine::task::Output;
use crate::position::{Offset, TopicPartition};

/// The records of one partition that a worker has read for a batch, and what they make.
#[derive(Debug)]
pub struct PartitionBatch {
    /// The partition that was read.
    pub partition: TopicPartition,
    /// The epoch under which the partition was taken over.
    pub epoch: Epoch,
    /// The first offset of this batch, where the checkpoint before it ended.
    pub start: Offset,
    /// The offset after the last one of this batch.
    pub end: Offset,
    /// The number of records read, including bad ones and tombstones.
    pub records: u64,
    /// How many of the records are bad.
    pub bad: u64,
    /// How many of the records are tombstones: they have no value and are passed over.
    pub tombstones: u64,
    /// How many of the records still count against the batch's allowance.
    pub allowed: u64,
    /// The query's output for the records.
    pub output: Output,
}

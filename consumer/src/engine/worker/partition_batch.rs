//! What a worker hands over.

use crate::checkpoint::Epoch;
use crate::engine::task::Output;
use crate::position::{Offset, TopicPartition};

/// What a partition has read for a batch.
#[derive(Debug)]
pub struct PartitionBatch {
    /// Which partition.
    pub partition: TopicPartition,
    /// As whose.
    pub epoch: Epoch,
    /// Its first offset in this batch: where the checkpoint before ended.
    pub start: Offset,
    /// One past its last.
    pub end: Offset,
    /// Records read, bad ones and tombstones included.
    pub records: u64,
    /// Of these, bad.
    pub bad: u64,
    /// How many of these have no value: they are passed over.
    pub tombstones: u64,
    /// Of these, how many still count against the batch's allowance.
    pub allowed: u64,
    /// What they make.
    pub output: Output,
}

//! One worker: a state machine that takes events and answers with actions.
//!
//! The worker has no thread, no clock and no I/O. The member of the consumer group around it polls Kafka, carries out
//! the actions and hands in the events that follow from them. A worker holds a reader for each of its partitions. A
//! trigger makes the worker hand over what each reader has read since the last trigger.
//!
//! - A partition's batch is handed over whole (records, state and offset together), or dropped whole when the partition
//!   is revoked.
//! - A partition whose dead letters are not written yet hands over nothing until they are, and takes no more records
//!   once a trigger has found it in this state.
//! - A record that the worker refuses for now ([`Action::Hold`]) leaves no trace in it, and is handed in again after
//!   [`WorkerEvent::Proceed`].

mod allowance;
mod partition_batch;
mod raw_record;
mod reader;

use datafusion_common::DataFusionError;
use thiserror::Error;

use self::reader::{PartitionReader, Taken};
use super::memory::is_exhausted;
use super::query::{OnRecordError, Query, error_text};
use crate::checkpoint::{Checkpoint, Epoch, TakenOver};
use crate::format::metadata::RecordMeta;
use crate::position::{Offset, TopicPartition};
use crate::schema::TableSchema;

pub use self::allowance::Allowance;
pub use self::partition_batch::PartitionBatch;
pub use self::raw_record::RawRecord;
pub use super::task::Output;

/// An event that a worker takes.
#[derive(Debug)]
pub enum WorkerEvent<'a> {
    /// The partition is this worker's from now on.
    Assigned {
        /// The partition, with its newest state.
        taken_over: TakenOver,
        /// The offset where the partition's log ended when the query was started.
        until: Offset,
    },
    /// The partition is no longer this worker's.
    Revoked(&'a TopicPartition),
    /// A record; the records of a partition come in the order of their offsets.
    Record {
        /// The record's place in its partition, and what else Kafka knows of it.
        meta: RecordMeta<'a>,
        /// The record's value; `None` for a tombstone.
        payload: Option<&'a [u8]>,
    },
    /// Reading has reached this end of the partition's log. Transaction markers and holes before it have been passed
    /// over.
    ReachedEnd(&'a TopicPartition, Offset),
    /// The partition's log begins at this offset now: earlier records are gone, and reading continues without them.
    Gone(&'a TopicPartition, Offset),
    /// The source has no more records at the moment. The event comes again after an [`Action::Compacted`].
    Idle,
    /// The worker shall hand over what its partitions have read.
    Trigger,
    /// The batch is done. Records that the worker refused may be handed in again.
    Proceed,
    /// This number of the partition's dead letters has been written or given up. The worker ignores letters that were
    /// sent under another epoch than the partition's present one.
    LettersSettled(&'a TopicPartition, Epoch, u64),
    /// Dead letters of this partition cannot be written at the moment.
    LettersStuck(&'a TopicPartition, Epoch),
}

/// An action that a worker asks for.
#[derive(Debug)]
pub enum Action {
    /// The record just handed in is bad: write it to the dead-letter topic, then send [`WorkerEvent::LettersSettled`].
    DeadLetter {
        /// The reason why the record is bad.
        reason: String,
        /// The epoch under which its partition was taken over.
        epoch: Epoch,
    },
    /// The query fails on a record that was handed in earlier: write it to the dead-letter topic, then send
    /// [`WorkerEvent::LettersSettled`].
    RejectedLetter {
        /// The record as it came.
        record: RawRecord,
        /// The reason why the query fails.
        reason: String,
        /// The epoch under which its partition was taken over.
        epoch: Epoch,
    },
    /// The record just handed in does not count. It has been read before, its partition has been lost in the meantime,
    /// or it came after the query was started and the query stops at the end that the log had then.
    Ignore,
    /// The worker refuses the record just handed in for now: hold it, and fetch no more of its partition.
    Hold,
    /// Fetch no more of this partition.
    Pause(TopicPartition),
    /// Fetch this partition again, after the records of it that were held have been handed in.
    Resume(TopicPartition),
    /// The worker has read everything from this partition that was there when the query was started.
    CaughtUp(TopicPartition),
    /// A trigger should come: a partition has no room for more records, or its dead letters are written and it can hand
    /// over what it held back.
    BatchFull,
    /// A partition takes no more records because memory is short. A trigger should come, or [`WorkerEvent::Proceed`]
    /// when memory is no longer short.
    MemoryShort,
    /// A state has been merged into fewer layers. It stands for the same records, so its checkpoint can replace the one
    /// that ends at the same offset.
    Compacted {
        /// The partition whose checkpoint it is.
        partition: TopicPartition,
        /// The epoch under which the partition was taken over.
        epoch: Epoch,
        /// The checkpoint that replaces the one before.
        checkpoint: Checkpoint,
    },
    /// Take what each partition has read since the last trigger.
    HandOver {
        /// The batches: one for each partition that has read anything.
        batches: Vec<PartitionBatch>,
        /// Whether other partitions hold their batches back until dead letters that are on their way are written.
        is_deferred: bool,
    },
}

/// An error that stops a worker, and with it the query.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// The query fails on its records or on its groups.
    #[error("the query fails on records of {partition} up to offset {offset}: {reason}")]
    Query {
        /// The partition of the records.
        partition: TopicPartition,
        /// The offset after the last of the records.
        offset: Offset,
        /// The text of DataFusion's error.
        reason: String,
    },
    /// The query fails on one record, below its aggregate.
    #[error(
        "the query fails on the record of {partition} at offset {offset}: {reason}; change the query, or set \
         ON_RECORD_ERROR=dead-letter to go on without such records"
    )]
    Record {
        /// The partition of the record.
        partition: TopicPartition,
        /// The record's offset in the partition.
        offset: Offset,
        /// The text of DataFusion's error.
        reason: String,
    },
    /// The query would hold more memory than its limit allows.
    #[error("memory does not hold the records of {partition} up to offset {offset}")]
    OutOfMemory {
        /// The partition of the records.
        partition: TopicPartition,
        /// The offset after the last of the records.
        offset: Offset,
    },
}

impl WorkerError {
    /// Returns the error for `error`, with the partition and the offset after the last record that may have caused it.
    fn query(partition: &TopicPartition, offset: Offset, error: &DataFusionError) -> Self {
        let partition = partition.clone();
        if is_exhausted(error) {
            return Self::OutOfMemory { partition, offset };
        }
        Self::Query {
            partition,
            offset,
            reason: error_text(error),
        }
    }
}

/// The settings that all workers of a query share.
#[derive(Clone)]
pub struct WorkerPlan {
    /// The query.
    pub query: Query,
    /// The table that the query reads.
    pub table: TableSchema,
    /// Whether reading stops where each partition's log ended when the query was started.
    pub stop_at_end: bool,
    /// The number of records that a batch may still take.
    pub allowance: Allowance,
    /// What the worker does when the query fails on a record.
    pub on_record_error: OnRecordError,
}

impl WorkerPlan {
    /// Returns whether the worker may ask to write a record that it took earlier to the dead-letter topic. Each
    /// [`RecordMeta`] then needs its timestamp and headers, even if the query reads neither.
    pub fn copies_records(&self) -> bool {
        self.on_record_error == OnRecordError::DeadLetter && self.query.can_fail_on_records()
    }
}

/// One worker with the readers of its partitions.
pub struct Worker {
    plan: WorkerPlan,
    readers: Vec<PartitionReader>,
    /// The index of the reader that took the last record. Records of a partition come in runs, so the next record is
    /// looked for there first.
    last: usize,
    /// Whether a batch has been handed over and its checkpoints are not written yet.
    in_batch: bool,
}

impl Worker {
    /// Returns a worker without partitions.
    pub fn new(plan: WorkerPlan) -> Self {
        Self {
            plan,
            readers: Vec::new(),
            last: 0,
            in_batch: false,
        }
    }

    /// Takes one event and appends the actions that follow from it to `actions`.
    ///
    /// # Errors
    /// Fails if the query fails. The worker cannot be used after that.
    #[inline]
    pub fn step(
        &mut self,
        event: WorkerEvent<'_>,
        actions: &mut Vec<Action>,
    ) -> Result<(), WorkerError> {
        match event {
            WorkerEvent::Record { meta, payload } => self.record(&meta, payload, actions),
            WorkerEvent::Idle => self.idle(actions),
            WorkerEvent::Assigned { taken_over, until } => {
                self.assigned(taken_over, until, actions)
            }
            WorkerEvent::Revoked(partition) => {
                self.drop_reader(partition);
                Ok(())
            }
            WorkerEvent::ReachedEnd(partition, end) => {
                if let Some(reader) = self.reader(&partition.topic, partition.partition) {
                    reader.reached_end(end);
                    tell_caught_up(reader, actions)?;
                }
                Ok(())
            }
            WorkerEvent::Gone(partition, first) => {
                if let Some(reader) = self.reader(&partition.topic, partition.partition) {
                    reader.gone_before(first);
                    tell_caught_up(reader, actions)?;
                }
                Ok(())
            }
            WorkerEvent::Trigger => self.hand_over(actions),
            WorkerEvent::Proceed => {
                self.in_batch = false;
                for reader in &mut self.readers {
                    reader.proceed(actions);
                }
                Ok(())
            }
            WorkerEvent::LettersSettled(partition, epoch, count) => {
                if let Some(index) = self.owned(partition, epoch) {
                    let reader = &mut self.readers[index];
                    reader.letters_settled(count, actions);
                    tell_caught_up(reader, actions)?;
                }
                Ok(())
            }
            WorkerEvent::LettersStuck(partition, epoch) => {
                if let Some(index) = self.owned(partition, epoch) {
                    let Self { readers, plan, .. } = self;
                    let reader = &mut readers[index];
                    plan.allowance.give_back(reader.letters_stuck());
                    tell_caught_up(reader, actions)?;
                }
                Ok(())
            }
        }
    }

    /// Returns the next offset to read of each of the worker's partitions.
    pub fn positions(&self) -> impl Iterator<Item = (&TopicPartition, Offset)> {
        self.readers
            .iter()
            .map(|reader| (reader.partition(), reader.next()))
    }

    /// Returns the next offset to read of `partition`, or `None` if the worker does not have it.
    pub fn next(&self, partition: &TopicPartition) -> Option<Offset> {
        let mut positions = self.positions();
        positions
            .find(|(own, _)| *own == partition)
            .map(|(_, next)| next)
    }

    /// Returns whether the worker has `partition` under this epoch.
    pub fn has(&self, partition: &TopicPartition, epoch: Epoch) -> bool {
        let is_it =
            |reader: &PartitionReader| reader.partition() == partition && reader.epoch() == epoch;
        self.readers.iter().any(is_it)
    }

    /// Returns how many of the worker's partitions are not fetched at the moment, though they may have more records.
    pub fn paused(&self) -> usize {
        let paused = self.readers.iter().filter(|reader| reader.is_paused());
        paused.count()
    }

    /// Drops the partition's reader. The next owner of the partition reads again what was read and not handed over.
    fn drop_reader(&mut self, partition: &TopicPartition) {
        let dropped = self
            .readers
            .extract_if(.., |reader| reader.partition() == partition);
        for reader in dropped {
            self.plan.allowance.give_back(reader.allowed());
        }
    }

    /// Drops the readers of all partitions, and returns the partitions.
    pub fn clear(&mut self) -> Vec<TopicPartition> {
        self.in_batch = false;
        self.readers
            .drain(..)
            .map(|reader| {
                self.plan.allowance.give_back(reader.allowed());
                reader.partition().clone()
            })
            .collect()
    }

    fn assigned(
        &mut self,
        taken_over: TakenOver,
        until: Offset,
        actions: &mut Vec<Action>,
    ) -> Result<(), WorkerError> {
        self.drop_reader(&taken_over.partition);
        let (reader, caught_up) = PartitionReader::open(&self.plan, taken_over, until)?;
        if caught_up {
            actions.push(Action::CaughtUp(reader.partition().clone()));
            if self.plan.stop_at_end {
                actions.push(Action::Pause(reader.partition().clone()));
            }
        }
        self.readers.push(reader);
        Ok(())
    }

    #[inline]
    fn record(
        &mut self,
        meta: &RecordMeta<'_>,
        payload: Option<&[u8]>,
        actions: &mut Vec<Action>,
    ) -> Result<(), WorkerError> {
        let Some(index) = self.position(meta.topic, meta.partition) else {
            // The partition has been revoked since the record was fetched.
            actions.push(Action::Ignore);
            return Ok(());
        };
        let Self { readers, plan, .. } = self;
        let reader = &mut readers[index];
        match reader.take(meta, payload, || plan.allowance.take(), actions)? {
            Taken::Yes => {}
            Taken::Known => actions.push(Action::Ignore),
            Taken::Bad(reason) => actions.push(Action::DeadLetter {
                reason,
                epoch: reader.epoch(),
            }),
            Taken::No => {
                actions.push(Action::Hold);
                reader.tell_full(actions);
            }
            Taken::BehindTheEnd => {
                actions.push(Action::Ignore);
                actions.push(Action::Pause(reader.partition().clone()));
            }
        }
        tell_caught_up(reader, actions)
    }

    fn idle(&mut self, actions: &mut Vec<Action>) -> Result<(), WorkerError> {
        let told = actions.len();
        for reader in &mut self.readers {
            reader.feed(actions)?;
            reader.tell_full(actions);
        }
        // The worker compacts one state each time, so that an event which comes meanwhile does not wait for all of
        // them. It compacts none during a batch, because the checkpoint to be replaced does not exist yet.
        if !self.in_batch && actions.len() == told {
            for reader in &mut self.readers {
                if reader.compact(actions)? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn hand_over(&mut self, actions: &mut Vec<Action>) -> Result<(), WorkerError> {
        self.in_batch = true;
        let mut batches = Vec::with_capacity(self.readers.len());
        for reader in &mut self.readers {
            reader.hand_over(&mut batches, actions)?;
        }
        let is_deferred = self.readers.iter().any(PartitionReader::keeps_back);
        actions.push(Action::HandOver {
            batches,
            is_deferred,
        });
        Ok(())
    }

    fn reader(&mut self, topic: &str, partition: i32) -> Option<&mut PartitionReader> {
        let index = self.position(topic, partition)?;
        self.readers.get_mut(index)
    }

    /// Returns the index of the partition's reader, unless the partition is now held under another epoch.
    fn owned(&mut self, partition: &TopicPartition, epoch: Epoch) -> Option<usize> {
        self.position(&partition.topic, partition.partition)
            .filter(|index| self.readers[*index].epoch() == epoch)
    }

    #[inline]
    fn position(&mut self, topic: &str, partition: i32) -> Option<usize> {
        let is_it = |reader: &PartitionReader| {
            let own = reader.partition();
            own.partition == partition && *own.topic == *topic
        };
        if !self.readers.get(self.last).is_some_and(is_it) {
            self.last = self.readers.iter().position(is_it)?;
        }
        Some(self.last)
    }
}

#[inline]
fn tell_caught_up(
    reader: &mut PartitionReader,
    actions: &mut Vec<Action>,
) -> Result<(), WorkerError> {
    reader.catch_up(actions)?;
    if reader.has_caught_up() {
        actions.push(Action::CaughtUp(reader.partition().clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

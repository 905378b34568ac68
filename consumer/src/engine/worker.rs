//! One worker: a state machine that takes events and answers with actions.
//!
//! No thread, clock or I/O is in here: the member of the consumer group around it polls Kafka, does
//! what the actions say and hands in what comes of it. A worker holds its partitions' readers; a
//! trigger makes it hand over what each has read since the last one.
//!
//! - What a partition has read is handed over whole, records, state and offset together, or dropped
//!   whole, when the partition is revoked.
//! - A partition with dead letters that are not written yet hands over nothing until they are, and
//!   takes no more records once a trigger has found it so.
//! - A record that is not taken ([`Action::Hold`]) has left no trace and comes again after
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

/// What happens to a worker.
#[derive(Debug)]
pub enum WorkerEvent<'a> {
    /// The partition is this worker's from now on.
    Assigned {
        /// Which, and its newest state.
        taken_over: TakenOver,
        /// Where its log ended when the query was started.
        until: Offset,
    },
    /// The partition is no longer this worker's.
    Revoked(&'a TopicPartition),
    /// A record, in the order of its partition. `payload` is its value, `None` for a tombstone.
    Record {
        /// Where it stands and what Kafka knows of it.
        meta: RecordMeta<'a>,
        /// Its value.
        payload: Option<&'a [u8]>,
    },
    /// Reading has come to this end of the partition's log, markers and holes passed over.
    ReachedEnd(&'a TopicPartition, Offset),
    /// The log has nothing before this record any more, and reading goes on without what it had.
    Gone(&'a TopicPartition, Offset),
    /// No more records are there now. After [`Action::Compacted`] it comes again.
    Idle,
    /// Hand over.
    Trigger,
    /// The batch is done: records that were not taken may come again.
    Proceed,
    /// So many dead letters have been written, or given up. Those of an earlier owner are none of ours.
    LettersSettled(&'a TopicPartition, Epoch, u64),
    /// Dead letters of this partition cannot be written now.
    LettersStuck(&'a TopicPartition, Epoch),
}

/// What a worker wants done.
#[derive(Debug)]
pub enum Action {
    /// The record just handed in is bad: write it to the dead-letter topic, then say so.
    DeadLetter {
        /// Why it is bad.
        reason: String,
        /// The epoch under which its partition was taken over.
        epoch: Epoch,
    },
    /// The query fails on a record that was handed in before: write it to the dead-letter topic, then say so.
    RejectedLetter {
        /// The record as it came.
        record: RawRecord,
        /// Why the query fails.
        reason: String,
        /// The epoch under which its partition was taken over.
        epoch: Epoch,
    },
    /// The record just handed in does not count: it has been read before, is of a partition that has been lost
    /// meanwhile, or came after the query was started and is not asked for.
    Ignore,
    /// The record just handed in is not taken: keep it, and fetch no more of its partition.
    Hold,
    /// Fetch no more of this partition.
    Pause(TopicPartition),
    /// Fetch this partition again, after what was kept of it.
    Resume(TopicPartition),
    /// All that was there when the query was started has been read from this partition.
    CaughtUp(TopicPartition),
    /// A trigger should come: a partition has no place for more, or what it kept back can be handed over.
    BatchFull,
    /// A partition takes no more, since memory is short: a trigger should come, or, when it is no longer
    /// short, [`WorkerEvent::Proceed`].
    MemoryShort,
    /// The checkpoint that ends where this does has a state that is the same in fewer layers.
    Compacted {
        /// The partition that the checkpoint is of.
        partition: TopicPartition,
        /// The epoch under which it was taken over.
        epoch: Epoch,
        /// The checkpoint to put in its place.
        checkpoint: Checkpoint,
    },
    /// Take what each partition has read.
    HandOver {
        /// One a partition that has read anything.
        batches: Vec<PartitionBatch>,
        /// Whether others keep theirs back until dead letters are written that are on their way.
        is_deferred: bool,
    },
}

/// What stops a worker, and with it the query.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// The query fails on its records or groups.
    #[error("the query fails on records of {partition} up to offset {offset}: {reason}")]
    Query {
        /// Where the records are.
        partition: TopicPartition,
        /// One past the last of them.
        offset: Offset,
        /// What DataFusion says.
        reason: String,
    },
    /// The query fails on one record, below its aggregate.
    #[error(
        "the query fails on the record of {partition} at offset {offset}: {reason}; change the query, or set \
         ON_RECORD_ERROR=dead-letter to go on without such records"
    )]
    Record {
        /// Where the record is.
        partition: TopicPartition,
        /// Its offset there.
        offset: Offset,
        /// What DataFusion says.
        reason: String,
    },
    /// What the query would hold is more than it may.
    #[error("memory does not hold the records of {partition} up to offset {offset}")]
    OutOfMemory {
        /// Where the records are.
        partition: TopicPartition,
        /// One past the last of them.
        offset: Offset,
    },
}

impl WorkerError {
    /// `error`, with the partition and one past the last record that it may be of.
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

/// What all workers of a query share.
#[derive(Clone)]
pub struct WorkerPlan {
    /// The query.
    pub query: Query,
    /// The table that it reads.
    pub table: TableSchema,
    /// Stop reading a partition where its log ended when the query was started.
    pub stop_at_end: bool,
    /// Records that a batch may take.
    pub allowance: Allowance,
    /// What happens when the query fails on a record.
    pub on_record_error: OnRecordError,
}

impl WorkerPlan {
    /// Whether records may be asked for once more, as they came: then [`RecordMeta`] needs timestamps and headers,
    /// whatever the query reads.
    pub fn copies_records(&self) -> bool {
        self.on_record_error == OnRecordError::DeadLetter && self.query.can_fail_on_records()
    }
}

/// One worker's partitions.
pub struct Worker {
    plan: WorkerPlan,
    readers: Vec<PartitionReader>,
    /// The reader of the last record: records of a partition come in runs.
    last: usize,
    /// What was handed over has moved no checkpoint on yet.
    in_batch: bool,
}

impl Worker {
    /// A worker without partitions.
    pub fn new(plan: WorkerPlan) -> Self {
        Self {
            plan,
            readers: Vec::new(),
            last: 0,
            in_batch: false,
        }
    }

    /// Takes one event; what is to be done is added to `actions`.
    ///
    /// # Errors
    /// If the query fails; the worker is of no use after that.
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

    /// The next offset of each of its partitions.
    pub fn positions(&self) -> impl Iterator<Item = (&TopicPartition, Offset)> {
        self.readers
            .iter()
            .map(|reader| (reader.partition(), reader.next()))
    }

    /// The next offset of `partition`, if it is one of its own.
    pub fn next(&self, partition: &TopicPartition) -> Option<Offset> {
        let mut positions = self.positions();
        positions
            .find(|(own, _)| *own == partition)
            .map(|(_, next)| next)
    }

    /// Whether it has `partition`, as it was taken over as `epoch`.
    pub fn has(&self, partition: &TopicPartition, epoch: Epoch) -> bool {
        let is_it =
            |reader: &PartitionReader| reader.partition() == partition && reader.epoch() == epoch;
        self.readers.iter().any(is_it)
    }

    /// How many of its partitions are not fetched for now, though there may be more of them.
    pub fn paused(&self) -> usize {
        let paused = self.readers.iter().filter(|reader| reader.is_paused());
        paused.count()
    }

    /// What it has read and not handed over is read again by whoever has the partition next.
    fn drop_reader(&mut self, partition: &TopicPartition) {
        let dropped = self
            .readers
            .extract_if(.., |reader| reader.partition() == partition);
        for reader in dropped {
            self.plan.allowance.give_back(reader.allowed());
        }
    }

    /// Drops all partitions, and tells which they were.
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
            // Of a partition that has been revoked since it was fetched.
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
        // One at a time, so that whoever comes meanwhile does not wait for all of them; and not before the
        // checkpoint whose state it is can be found.
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

    /// The reader of `partition`, unless it has been taken over since `epoch`.
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

//! One partition in the hands of a worker, from its records to the batches that it hands over.

mod chunk;
mod chunk_records;
mod chunk_size;
mod feeding;
mod letters;
mod reason;

use std::{iter, mem};

use datafusion_common::DataFusionError;

use self::chunk::ChunkDecoder;
use self::chunk_records::ChunkRecords;
use self::letters::Letters;
use super::{Action, PartitionBatch, WorkerError, WorkerPlan};
use crate::checkpoint::{Checkpoint, Epoch, TakenOver};
use crate::engine::task::{Task, TaskBatch, columns_read_by};
use crate::format::metadata::RecordMeta;
use crate::position::{Offset, TopicPartition};

/// The reader's decision about a record.
pub(super) enum Taken {
    /// The reader took the record into the batch, or counted it there as a tombstone.
    Yes,
    /// The reader took this record before. It was fetched again after a lost connection.
    Known,
    /// The record is bad, and the reader has counted it as such.
    Bad(String),
    /// The reader refuses the record for now, because the batch is full.
    No,
    /// The record came after the query was started, and the query does not ask for such records.
    BehindTheEnd,
}

pub(super) struct PartitionReader {
    partition: TopicPartition,
    epoch: Epoch,
    chunk: ChunkDecoder,
    /// The tasks that the records go to: one for each query, and there is one query.
    tasks: Vec<Task>,
    /// The first offset of this batch.
    start: Offset,
    /// The next offset to read.
    next: Offset,
    records: u64,
    /// The number of records that do not fit the schema. The task counts the records on which its query fails.
    bad: u64,
    tombstones: u64,
    allowed: u64,
    until: Offset,
    stop_at_end: bool,
    caught_up: CaughtUp,
    letters: Letters,
    /// Whether the partition has as many rows as a batch may have.
    full: bool,
    /// Whether the reader has reported in this batch that it takes no more.
    told_full: bool,
    /// Whether the batch of the whole process may have no more records.
    starved: bool,
    /// Whether the process is short of memory.
    crowded: bool,
    /// Whether the reader handed over nothing at the last trigger because of its dead letters.
    overdue: bool,
    /// Whether the partition is not fetched, for one of the reasons above.
    paused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CaughtUp {
    No,
    /// The reader has read everything, but some records have not gone to the tasks yet and may still become dead
    /// letters.
    Read,
    Now,
    Told,
}

impl PartitionReader {
    /// Opens a reader that starts at a checkpoint. The second value says whether there is nothing to catch up with.
    pub(super) fn open(
        plan: &WorkerPlan,
        taken_over: TakenOver,
        until: Offset,
    ) -> Result<(Self, bool), WorkerError> {
        let TakenOver {
            partition,
            from,
            epoch,
            problems: _,
            unknown: _,
        } = taken_over;
        let columns = columns_read_by(iter::once(&plan.query));
        let memory = plan.query.memory();
        let records = plan
            .query
            .can_fail_on_records()
            .then(|| ChunkRecords::new(plan.on_record_error));
        let started = ChunkDecoder::new(&plan.table, &columns, records, memory)
            .map_err(DataFusionError::from)
            .and_then(|chunk| Ok((chunk, Task::new(plan.query.clone(), from.state, &columns)?)));
        let (chunk, task) = started.map_err(|error| WorkerError::Query {
            partition: partition.clone(),
            offset: from.next,
            reason: error.to_string(),
        })?;
        let caught_up = from.next >= until;
        let reader = Self {
            partition,
            epoch,
            chunk,
            tasks: vec![task],
            start: from.next,
            next: from.next,
            records: 0,
            bad: 0,
            tombstones: 0,
            allowed: 0,
            until,
            stop_at_end: plan.stop_at_end,
            caught_up: if caught_up {
                CaughtUp::Told
            } else {
                CaughtUp::No
            },
            letters: Letters::none(memory.reserve("dead letters")),
            full: false,
            told_full: false,
            starved: false,
            crowded: false,
            overdue: false,
            paused: false,
        };
        Ok((reader, caught_up))
    }

    pub(super) fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns whether the reader takes no more records at the moment, though the partition may have more.
    pub(super) fn is_paused(&self) -> bool {
        self.paused || self.letters.stuck
    }

    /// Returns how many records of this batch count against the allowance.
    pub(super) fn allowed(&self) -> u64 {
        self.allowed
    }

    pub(super) fn next(&self) -> Offset {
        self.next
    }

    /// Takes a record, if `allowed` returns true. `allowed` is called only if nothing else stands against the record.
    #[inline]
    pub(super) fn take(
        &mut self,
        meta: &RecordMeta<'_>,
        payload: Option<&[u8]>,
        allowed: impl FnOnce() -> bool,
        actions: &mut Vec<Action>,
    ) -> Result<Taken, WorkerError> {
        let offset = Offset(meta.offset);
        if offset < self.next {
            return Ok(Taken::Known);
        }
        if self.stop_at_end && offset >= self.until {
            self.next = self.next.max(self.until);
            self.tell_caught_up();
            return Ok(Taken::BehindTheEnd);
        }
        if self.waits() || !allowed() {
            self.starved |= !self.waits();
            self.paused = true;
            return Ok(Taken::No);
        }
        self.next = offset.next();
        self.records += 1;
        self.allowed += 1;
        if self.next >= self.until {
            self.tell_caught_up();
        }
        let Some(payload) = payload else {
            // A tombstone says that the earlier records of its key no longer count. A query over all records ignores
            // that.
            self.tombstones += 1;
            return Ok(Taken::Yes);
        };
        if let Err(defect) = self.chunk.push(payload, meta) {
            self.bad += 1;
            self.letters.add(payload.len());
            return Ok(Taken::Bad(defect.to_string()));
        }
        if self.chunk.is_full() {
            self.feed(actions)?;
        }
        Ok(Taken::Yes)
    }

    fn tell_caught_up(&mut self) {
        if self.caught_up == CaughtUp::No {
            self.caught_up = match self.chunk.records() {
                Some(_) => CaughtUp::Read,
                None => CaughtUp::Now,
            };
        }
    }

    /// Hands the decoded records to the tasks, if the reader has caught up except for dead letters that these may
    /// become.
    #[inline]
    pub(super) fn catch_up(&mut self, actions: &mut Vec<Action>) -> Result<(), WorkerError> {
        if self.caught_up == CaughtUp::Read {
            self.feed(actions)?;
            self.caught_up = CaughtUp::Now;
        }
        Ok(())
    }

    /// Returns true once, when the reader has caught up. It does not do so before its dead letters are written, since
    /// nothing is handed over before. Stuck letters delay it only if reading stops at the end, where the result must be
    /// complete.
    pub(super) fn has_caught_up(&mut self) -> bool {
        let goes_without = self.letters.stuck && !self.stop_at_end;
        let now = self.caught_up == CaughtUp::Now && (self.letters.count == 0 || goes_without);
        if now {
            self.caught_up = CaughtUp::Told;
        }
        now
    }

    /// Notes that reading has reached this end of the log. It is not before the end that the log had at the start, and
    /// everything before it has been read.
    pub(super) fn reached_end(&mut self, end: Offset) {
        // The end is of no account while the partition is paused: its records are fetched again after the pause, up to
        // another end, and the record that was refused comes again.
        if !self.paused {
            let end = if self.stop_at_end { self.until } else { end };
            self.next = self.next.max(end);
            self.tell_caught_up();
        }
    }

    /// Notes that the records before `first` are gone. Reading continues at `first`.
    pub(super) fn gone_before(&mut self, first: Offset) {
        let first = match self.stop_at_end {
            true => first.min(self.until),
            false => first,
        };
        self.next = self.next.max(first);
        if self.next >= self.until {
            self.tell_caught_up();
        }
    }

    /// Returns whether the reader holds its batch back until dead letters on their way are written, which will be soon.
    pub(super) fn keeps_back(&self) -> bool {
        self.letters.count > 0 && !self.letters.stuck
    }

    /// Appends what the reader has read since the last trigger to `batches`. It appends nothing if there are no
    /// records, or while dead letters are on their way.
    pub(super) fn hand_over(
        &mut self,
        batches: &mut Vec<PartitionBatch>,
        actions: &mut Vec<Action>,
    ) -> Result<(), WorkerError> {
        // This may make dead letters.
        self.feed(actions)?;
        if self.letters.count > 0 {
            // If bad records keep coming, some letters would be on their way at every trigger. So the reader takes no
            // more records until it has handed over.
            self.overdue = true;
            return Ok(());
        }
        self.overdue = false;
        if self.next == self.start {
            return Ok(());
        }
        for task in &mut self.tasks {
            let TaskBatch { failed, output } = task
                .hand_over()
                .map_err(|error| WorkerError::query(&self.partition, self.next, &error))?;
            batches.push(PartitionBatch {
                partition: self.partition.clone(),
                epoch: self.epoch,
                start: self.start,
                end: self.next,
                records: self.records,
                bad: self.bad + failed,
                tombstones: self.tombstones,
                // A record counts once, however many tasks it goes to.
                allowed: mem::take(&mut self.allowed),
                output,
            });
        }
        self.start = self.next;
        self.records = 0;
        self.bad = 0;
        self.tombstones = 0;
        self.full = false;
        self.told_full = false;
        Ok(())
    }

    /// Merges what a batch has left unmerged in the state of one task, and puts the new state into `actions`. Returns
    /// whether there was something to merge.
    pub(super) fn compact(&mut self, actions: &mut Vec<Action>) -> Result<bool, WorkerError> {
        for task in &mut self.tasks {
            let compacted = task
                .compact()
                .map_err(|error| WorkerError::query(&self.partition, self.next, &error))?;
            if let Some(state) = compacted {
                actions.push(Action::Compacted {
                    partition: self.partition.clone(),
                    epoch: self.epoch,
                    checkpoint: Checkpoint {
                        next: self.start,
                        state,
                    },
                });
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes that the next batch has begun.
    pub(super) fn proceed(&mut self, actions: &mut Vec<Action>) {
        self.starved = false;
        self.crowded = false;
        self.resume(actions);
        // What the reader reported during the last batch no longer counts.
        self.told_full = false;
        self.tell_settled(actions);
    }

    pub(super) fn letters_settled(&mut self, count: u64, actions: &mut Vec<Action>) {
        self.letters.settle(count);
        self.resume(actions);
        self.tell_settled(actions);
    }

    /// Reports, once the reader's dead letters are written, that it can hand over the batch that it held back, or that
    /// it takes no more records.
    fn tell_settled(&mut self, actions: &mut Vec<Action>) {
        if self.letters.count > 0 {
            return;
        }
        if self.overdue {
            actions.push(Action::BatchFull);
        } else {
            self.tell_full(actions);
        }
    }

    /// Notes that dead letters cannot be written. Returns how many records no longer count against the batch's
    /// allowance. The partition is paused when its next record comes.
    pub(super) fn letters_stuck(&mut self) -> u64 {
        self.letters.stuck = true;
        mem::take(&mut self.allowed)
    }

    /// Reports, once in a batch, that the reader takes no more records.
    pub(super) fn tell_full(&mut self, actions: &mut Vec<Action>) {
        // An overdue reader has nothing to hand over until its dead letters are written, and reports that then.
        let is_full = !self.overdue && (self.full || self.starved || self.letters.are_too_many());
        if (is_full || self.crowded) && !mem::replace(&mut self.told_full, true) {
            actions.push(match is_full {
                true => Action::BatchFull,
                false => Action::MemoryShort,
            });
        }
    }

    #[inline]
    fn waits(&self) -> bool {
        self.full
            || self.starved
            || self.crowded
            || self.overdue
            || self.letters.stuck
            || self.letters.are_too_many()
    }

    fn resume(&mut self, actions: &mut Vec<Action>) {
        if self.paused && !self.waits() {
            self.paused = false;
            self.told_full = false;
            actions.push(Action::Resume(self.partition.clone()));
        }
    }
}

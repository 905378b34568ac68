//! One partition in the hands of a worker: from its records to what it hands over.

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

/// What became of a record.
pub(super) enum Taken {
    /// It is in the batch, or passed over and counted in it.
    Yes,
    /// It has been read before, and was fetched again after a lost connection.
    Known,
    /// It is bad, and counted.
    Bad(String),
    /// The batch is full.
    No,
    /// It came after the query was started, and is not asked for.
    BehindTheEnd,
}

pub(super) struct PartitionReader {
    partition: TopicPartition,
    epoch: Epoch,
    chunk: ChunkDecoder,
    /// What the records go to: one a query, and there is one query.
    tasks: Vec<Task>,
    /// The first offset of this batch.
    start: Offset,
    /// The next one to read.
    next: Offset,
    records: u64,
    /// Records that are not what the schema says. Those that a query fails on are counted by its task.
    bad: u64,
    tombstones: u64,
    allowed: u64,
    until: Offset,
    stop_at_end: bool,
    caught_up: CaughtUp,
    letters: Letters,
    /// Its rows are as many as a batch may have.
    full: bool,
    /// It has told so, or has nothing to tell.
    told_full: bool,
    /// The process's batch may have no more records.
    starved: bool,
    /// The process's memory is short.
    crowded: bool,
    /// It could not hand over at the last trigger, for its dead letters.
    overdue: bool,
    /// Not fetched, because of any of the above.
    paused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CaughtUp {
    No,
    /// The tasks do not have all that has been read yet, so there may be dead letters to come.
    Read,
    Now,
    Told,
}

impl PartitionReader {
    /// A reader that starts at a checkpoint, and whether it has nothing to catch up with.
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

    /// Whether no more of it is taken for now, though there may be more.
    pub(super) fn is_paused(&self) -> bool {
        self.paused || self.letters.stuck
    }

    /// How many records read for this batch count against its allowance.
    pub(super) fn allowed(&self) -> u64 {
        self.allowed
    }

    pub(super) fn next(&self) -> Offset {
        self.next
    }

    /// Takes a record, if `allowed`, which is asked only when all else allows it.
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
            // It says that its key's records no longer count. A query over all records has nothing to do with that.
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

    /// Hands what has been decoded to the tasks, if it has caught up but for the dead letters that may come of that.
    #[inline]
    pub(super) fn catch_up(&mut self, actions: &mut Vec<Action>) -> Result<(), WorkerError> {
        if self.caught_up == CaughtUp::Read {
            self.feed(actions)?;
            self.caught_up = CaughtUp::Now;
        }
        Ok(())
    }

    /// Whether it has caught up just now; true once. Not before its dead letters are written, since
    /// nothing is handed over before; but stuck ones hold up only what must be complete.
    pub(super) fn has_caught_up(&mut self) -> bool {
        let goes_without = self.letters.stuck && !self.stop_at_end;
        let now = self.caught_up == CaughtUp::Now && (self.letters.count == 0 || goes_without);
        if now {
            self.caught_up = CaughtUp::Told;
        }
        now
    }

    /// The log's end, which is not before the one at the start: whatever lies before it has been read.
    pub(super) fn reached_end(&mut self, end: Offset) {
        // What is fetched anew after a pause has another end; and a record that was not taken comes
        // again.
        if !self.paused {
            let end = if self.stop_at_end { self.until } else { end };
            self.next = self.next.max(end);
            self.tell_caught_up();
        }
    }

    /// The records before `first` are gone: reading goes on there.
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

    /// Whether it will hand over as soon as its dead letters are written, which is soon.
    pub(super) fn keeps_back(&self) -> bool {
        self.letters.count > 0 && !self.letters.stuck
    }

    /// Adds what it has read since the last time to `batches`: nothing while dead letters are on their way, or without
    /// records.
    pub(super) fn hand_over(
        &mut self,
        batches: &mut Vec<PartitionBatch>,
        actions: &mut Vec<Action>,
    ) -> Result<(), WorkerError> {
        // Dead letters may come of it.
        self.feed(actions)?;
        if self.letters.count > 0 {
            // Where bad records keep coming, some would be on their way at every trigger: it takes no
            // more until it has handed over.
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

    /// Merges what a batch has left to be merged, of one task; whether there was something. `actions` has the new state
    /// then.
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

    /// The next batch has begun.
    pub(super) fn proceed(&mut self, actions: &mut Vec<Action>) {
        self.starved = false;
        self.crowded = false;
        self.resume(actions);
        // What was told before counts no longer.
        self.told_full = false;
        self.tell_settled(actions);
    }

    pub(super) fn letters_settled(&mut self, count: u64, actions: &mut Vec<Action>) {
        self.letters.settle(count);
        self.resume(actions);
        self.tell_settled(actions);
    }

    /// Tells what held back for its dead letters, if they are written: that it can be handed over, or that there
    /// is no place for more.
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

    /// How many records no longer count against the batch's allowance. The next record pauses the partition, if one
    /// comes.
    pub(super) fn letters_stuck(&mut self) -> u64 {
        self.letters.stuck = true;
        mem::take(&mut self.allowed)
    }

    /// Tells, once a batch, that it has no place for more.
    pub(super) fn tell_full(&mut self, actions: &mut Vec<Action>) {
        // An overdue one has nothing to hand over until its dead letters are written, which it tells.
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

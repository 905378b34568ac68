//! One micro-batch: what the workers hand over, and the result.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use chrono::Utc;
use datafusion_common::DataFusionError;

use super::Driver;
use crate::checkpoint::commit::{Committed, commit};
use crate::checkpoint::writer::NewState;
use crate::engine::memory::is_exhausted;
use crate::engine::query::error_text;
use crate::engine::state::State;
use crate::engine::worker::{Output, PartitionBatch};
use crate::event::{Batch, QueryEvent, Receipt};
use crate::runtime::StreamingError;
use crate::runtime::changelog::ShownStates;
use crate::runtime::report::BatchFacts;
use crate::source::member::{MemberCommand, Report};

/// What a batch begins with.
struct HandedOver {
    /// What moves the checkpoints on.
    parts: Vec<PartitionBatch>,
    /// What was there before, if what changes is looked up in it.
    before: Option<ShownStates>,
    /// Checkpoints that may be kept once the batch's rows are written.
    held: Vec<NewState>,
}

impl Driver {
    /// One micro-batch, which waits so long for dead letters. Without records none results, unless
    /// `always`.
    pub(super) fn batch(
        &mut self,
        started: Instant,
        always: bool,
        letters: Duration,
    ) -> Result<(), StreamingError> {
        let timestamp = Utc::now();
        self.query.clock().set(timestamp);
        let all = self.workers.counters.records.load(Ordering::Relaxed);
        self.offsets.begin_batch(all);
        let HandedOver {
            parts: batches,
            before,
            held,
        } = self.hand_over(started + letters)?;
        let gathered = started.elapsed();
        let records: u64 = batches.iter().map(|part| part.records).sum();
        let starts = self.offsets.next().clone();
        let read: BTreeMap<_, _> = batches
            .iter()
            .map(|part| (part.partition.clone(), part.end))
            .collect();
        // What the groups of this batch had before it, if all that was before it has been shown.
        let before = match &mut self.changelog {
            Some(changelog) => before.filter(|before| changelog.go_on(before, &read)),
            None => None,
        };
        self.offsets.read_to(read);
        let peers_moved = self.peers.take_moved();
        if records == 0 && !always && !peers_moved {
            if let Some(deliveries) = &mut self.deliveries {
                deliveries.pass(held);
            }
            return Ok(());
        }
        let mut facts = BatchFacts {
            timestamp,
            records,
            bad: batches.iter().map(|part| part.bad).sum(),
            tombstones: batches.iter().map(|part| part.tombstones).sum(),
            starts,
            ..BatchFacts::default()
        };
        let (mut rows, mut made) = (Vec::new(), Vec::new());
        for part in batches {
            facts
                .starts
                .entry(part.partition.clone())
                .or_insert(part.start);
            *facts.records_of.entry(part.partition.topic).or_default() += part.records;
            match part.output {
                Output::State(_, groups) => {
                    facts.touched += rows_of(&groups);
                    made.extend(groups);
                }
                Output::Rows(batches) => rows.extend(batches),
            }
        }
        let now = self.shown();
        let states: Vec<State> = now.values().map(|at| at.state.clone()).collect();
        if self.backpressure.is_filled_by(&states) {
            return Err(self.out_of_memory());
        }
        let changed = match (&mut self.changelog, &before) {
            (Some(changelog), Some(before)) => Some(changelog.changed(before, made)),
            _ => None,
        };
        // No longer needed, and merging may have made other layers of them.
        drop(before);
        let is_all = changed.is_none();
        match changed.transpose().map_err(|error| self.failed(&error))? {
            Some(changed) => rows.extend(changed),
            None if self.query.appends() => {}
            None => rows.extend(states.iter().flat_map(State::batches)),
        }
        let outcome = self
            .query
            .result(rows)
            .map_err(|error| self.failed(&error))?;
        facts.groups = outcome.groups as u64;
        if let Some(changelog) = &mut self.changelog {
            if is_all {
                changelog.all(&now, facts.groups);
            }
            facts.groups = changelog.groups();
        }
        facts.state_bytes = states.iter().map(|state| state.bytes() as u64).sum();
        facts.gathering = gathered;
        facts.duration = started.elapsed();
        let busy = self.workers.counters.busy_nanos.swap(0, Ordering::Relaxed);
        facts.busy =
            Duration::from_nanos(busy) / u32::try_from(self.workers.len().max(1)).unwrap_or(1);
        let progress = self.reporter.progress(
            &facts,
            &self.offsets,
            &self.assignment,
            &self.transactions,
            started,
        );
        let batch = Arc::new(Batch {
            rows: outcome.rows,
            mode: self.query.output_mode(),
            sorted_by: self.query.sorted_by(),
            others: self.peers.part(&self.assignment, Instant::now()),
            progress,
            receipt: match &mut self.deliveries {
                Some(deliveries) => deliveries.hold(held),
                None => Receipt::default(),
            },
        });
        self.backpressure.give_out(&batch, Instant::now());
        self.tell.event(QueryEvent::Batch(batch));
        self.heartbeat_at = Instant::now();
        Ok(())
    }

    /// Lets every worker hand over, and moves the checkpoints on; those of rows are kept later. What comes from one
    /// that has lost the partition meanwhile is dropped: its successor reads it again.
    fn hand_over(&mut self, deadline: Instant) -> Result<HandedOver, StreamingError> {
        let mut batches = Vec::new();
        while self.gather(&mut batches)? && self.await_full(deadline)? {}
        let before = self.changelog.is_some().then(|| self.shown());
        let taken = batches.iter().map(|part| part.allowed).sum();
        let mut held = Vec::new();
        let Committed { parts, refused } =
            commit(&self.checkpoints, batches, |state| match &self.deliveries {
                Some(_) => {
                    held.push(state);
                    Ok(())
                }
                None => self.keep(state),
            })?;
        self.allowance.give_back(taken);
        for (partition, epoch) in refused {
            self.workers
                .tell(|| MemberCommand::Refused(partition.clone(), epoch));
        }
        self.batches += 1;
        self.trigger.empty();
        self.workers.tell(|| MemberCommand::Proceed(self.batches));
        Ok(HandedOver {
            parts,
            before,
            held,
        })
    }

    /// The checkpoints that the result is made of. While a partition moves between workers its state stays in the
    /// result; what others of the group have read on from does not, unless they keep it where this process finds
    /// it.
    fn shown(&self) -> ShownStates {
        self.checkpoints.newest(|partition| {
            self.writer.is_some() || !self.told_of_peers || self.assignment.reads(partition)
        })
    }

    fn failed(&self, error: &DataFusionError) -> StreamingError {
        match is_exhausted(error) {
            true => self.out_of_memory(),
            false => StreamingError::Result(error_text(error)),
        }
    }

    /// Takes what the workers have read; whether there is more that waits for dead letters.
    fn gather(&mut self, into: &mut Vec<PartitionBatch>) -> Result<bool, StreamingError> {
        self.trigger.empty();
        self.backpressure.begin();
        self.workers.tell(|| MemberCommand::Trigger);
        let mut awaited = self.workers.len();
        let mut more = false;
        while awaited > 0 {
            match self.workers.report()? {
                (
                    _,
                    Report::HandedOver {
                        batches,
                        is_deferred,
                    },
                ) => {
                    into.extend(batches);
                    more |= is_deferred;
                    awaited -= 1;
                }
                (number, report) => self.report(number, report)?,
            }
        }
        Ok(more)
    }

    /// Waits until some partition can hand over; `false` if none can before `deadline`.
    fn await_full(&mut self, deadline: Instant) -> Result<bool, StreamingError> {
        while !self.trigger.is_full() {
            match self.workers.report_before(deadline)? {
                Some((number, report)) => self.report(number, report)?,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    pub(super) fn out_of_memory(&self) -> StreamingError {
        let all = self.checkpoints.newest(|_all| true);
        let states: Vec<State> = all.into_values().map(|at| at.state).collect();
        let states = (!self.query.appends()).then_some(states.as_slice());
        self.backpressure.exceeded(states, self.writer.is_some())
    }
}

fn rows_of(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}

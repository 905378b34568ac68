//! One micro-batch: what the workers hand over, and the result.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;

use super::Driver;
use super::query_run::CommittedBatch;
use crate::engine::state::State;
use crate::engine::worker::PartitionBatch;
use crate::event::{Batch, QueryEvent};
use crate::position::TopicPartition;
use crate::runtime::StreamingError;
use crate::runtime::report::BatchFacts;
use crate::source::member::{MemberCommand, Report};

impl Driver {
    /// Makes one micro-batch, which waits for dead letters as long as `letters` says. Without records there is no
    /// result, unless it `always` comes.
    pub(super) fn batch(
        &mut self,
        started: Instant,
        always: bool,
        letters: Duration,
    ) -> Result<(), StreamingError> {
        let timestamp = Utc::now();
        self.query.begin_batch(timestamp);
        self.offsets.begin_batch(self.workers.records_read());
        let CommittedBatch {
            parts,
            ends,
            before,
            held,
            ..
        } = self.hand_over(started + letters)?;
        let gathering = started.elapsed();
        let starts = self.offsets.next().clone();
        self.offsets.read_to(ends);
        let facts = BatchFacts::of(timestamp, starts, &parts);
        let peers_moved = self.peers.take_moved();
        if facts.records == 0 && !always && !peers_moved {
            self.query.durability.pass(held);
            return Ok(());
        }
        let shown = self
            .query
            .shown(|partition| self.peers.are_reading(partition, &self.assignment));
        let states: Vec<State> = shown.values().map(|at| at.state.clone()).collect();
        if self.backpressure.is_filled_by(&states) {
            return Err(self.query.out_of_memory(&self.backpressure));
        }
        let result = self.query.result(parts, before, &shown);
        let result = result.map_err(|error| self.query.failed(&error, &self.backpressure))?;
        let facts = BatchFacts {
            groups: result.groups,
            state_bytes: states.iter().map(|state| state.bytes() as u64).sum(),
            gathering,
            duration: started.elapsed(),
            busy: self.workers.take_busy(),
            ..facts
        };
        let progress = self.query.reporter.progress(
            &facts,
            &self.offsets,
            &self.assignment,
            self.logs.transactions(),
            started,
        );
        let batch = Arc::new(Batch {
            rows: result.rows,
            mode: self.query.output_mode(),
            sorted_by: self.query.sorted_by(),
            others: self.peers.part(&self.assignment, Instant::now()),
            progress,
            receipt: self.query.durability.hold(held),
        });
        self.backpressure.give_out(&batch, Instant::now());
        self.tell.event(QueryEvent::Batch(batch));
        self.heartbeat.hasten(Instant::now());
        Ok(())
    }

    /// Lets every worker hand over, and moves the checkpoints on. What a worker hands over of a partition that it has
    /// lost meanwhile is dropped: its successor reads it again.
    fn hand_over(&mut self, deadline: Instant) -> Result<CommittedBatch, StreamingError> {
        let mut batches = Vec::new();
        while self.gather(&mut batches)? && self.await_full(deadline)? {}
        let allowed = batches.iter().map(|part| part.allowed).sum();
        let (peers, assignment) = (&self.peers, &self.assignment);
        let is_others = |partition: &TopicPartition| peers.are_reading(partition, assignment);
        let mut batch = self.query.commit(batches, is_others)?;
        self.trigger.empty();
        self.workers
            .end_batch(allowed, mem::take(&mut batch.refused));
        Ok(batch)
    }

    /// Takes what the workers have read. Tells whether there is more, which waits for dead letters.
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
}

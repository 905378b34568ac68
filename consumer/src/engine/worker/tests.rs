//! Tests of a worker that takes events in any order.

mod fullness;
mod gone;
mod letters;
mod memory;
mod merging;
mod partitions;
mod record_errors;
mod tombstones;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use super::*;
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::engine::memory::Memory;
use crate::engine::state::State;

const BY_BRAND: &str = "SELECT brand, count(*) AS n FROM transactions GROUP BY brand";
const GOOD: &str = r#"{"brand":"Visa"}"#;
const COUNT: &str = "SELECT count(*) AS n FROM transactions";

/// A worker with partition 0, and all actions that it has asked for.
struct Bench {
    worker: Worker,
    checkpoints: Checkpoints,
    partition: TopicPartition,
    epoch: Epoch,
    actions: Vec<Action>,
    next: i64,
}

impl Bench {
    fn new(query: &str, until: i64, allowance: Option<u64>, stop_at_end: bool) -> Self {
        let table = TableSchema::parse("brand STRING").unwrap();
        let query = Query::plan(query, table.table(), &[]).unwrap();
        let plan = WorkerPlan {
            query,
            table,
            stop_at_end,
            allowance: Allowance::new(allowance),
            on_record_error: OnRecordError::Fail,
        };
        Self::of(plan, until)
    }

    /// Returns a bench whose worker may hold this many bytes, and the memory that counts them.
    fn within(limit: u64) -> (Self, Memory) {
        let memory = Memory::new(Some(limit));
        let table = TableSchema::parse("brand STRING").unwrap();
        let plan = WorkerPlan {
            query: Query::plan(BY_BRAND, table.table(), &[])
                .and_then(|query| Ok(query.within(&memory)?))
                .unwrap(),
            table,
            stop_at_end: false,
            allowance: Allowance::new(None),
            on_record_error: OnRecordError::Fail,
        };
        (Self::of(plan, 0), memory)
    }

    fn of(plan: WorkerPlan, until: i64) -> Self {
        let mut bench = Self {
            worker: Worker::new(plan),
            checkpoints: Checkpoints::default(),
            partition: TopicPartition::new("t", 0),
            epoch: Epoch::default(),
            actions: Vec::new(),
            next: 0,
        };
        bench.assign(until);
        bench
    }

    fn assign(&mut self, until: i64) {
        let taken_over = self
            .checkpoints
            .take_over(self.partition.clone(), Offset(0));
        self.epoch = taken_over.epoch;
        self.next = taken_over.from.next.0;
        self.step(WorkerEvent::Assigned {
            taken_over,
            until: Offset(until),
        });
    }

    fn step(&mut self, event: WorkerEvent<'_>) {
        self.worker.step(event, &mut self.actions).unwrap();
    }

    /// Hands in the next record. Returns `false` if the worker refuses it; the same record then comes again.
    fn record(&mut self, payload: &str) -> bool {
        self.take(Some(payload.as_bytes()))
    }

    /// Hands in the next record without a value.
    fn tombstone(&mut self) -> bool {
        self.take(None)
    }

    fn take(&mut self, payload: Option<&[u8]>) -> bool {
        let meta = RecordMeta {
            topic: "t",
            partition: 0,
            offset: self.next,
            timestamp_ms: None,
            key: None,
            headers: &[],
        };
        self.worker
            .step(WorkerEvent::Record { meta, payload }, &mut self.actions)
            .unwrap();
        let taken = !self.said(|action| matches!(action, Action::Hold));
        self.next += i64::from(taken);
        taken
    }

    fn settled(&mut self) {
        let (partition, epoch) = (self.partition.clone(), self.epoch);
        self.step(WorkerEvent::LettersSettled(&partition, epoch, 1));
    }

    /// Returns whether the worker has asked for such an action, and forgets these actions.
    fn said(&mut self, what: impl Fn(&Action) -> bool) -> bool {
        self.actions.extract_if(.., |action| what(action)).count() > 0
    }

    fn said_full(&mut self) -> bool {
        self.said(|action| matches!(action, Action::BatchFull))
    }

    /// Sends a trigger. Returns the batches that it brings, and whether some are deferred.
    fn trigger(&mut self) -> (Vec<PartitionBatch>, bool) {
        self.step(WorkerEvent::Trigger);
        let mut handed_over = None;
        for action in std::mem::take(&mut self.actions) {
            match action {
                Action::HandOver {
                    batches,
                    is_deferred,
                } => handed_over = Some((batches, is_deferred)),
                other => self.actions.push(other),
            }
        }
        handed_over.unwrap()
    }

    /// Returns the checkpoint that an idle worker has made of the newest one, if any.
    fn compacted(&mut self) -> Option<Checkpoint> {
        let answers = self
            .actions
            .extract_if(.., |action| matches!(action, Action::Compacted { .. }));
        let mut compacted = answers.filter_map(|action| match action {
            Action::Compacted { checkpoint, .. } => Some(checkpoint),
            _ => None,
        });
        compacted.next()
    }

    /// Returns the count that the batches' states stand for.
    fn count(&self, batches: &[PartitionBatch]) -> i64 {
        let states = batches.iter().flat_map(|part| match &part.output {
            Output::State(state, _) => state.batches().collect::<Vec<_>>(),
            Output::Rows(_) => panic!("no state"),
        });
        let rows = self.worker.plan.query.result(states).unwrap().rows;
        rows.column(0).as_primitive::<Int64Type>().value(0)
    }
}

//! Checks that a run that is cut anywhere and goes on from its checkpoints has the result of the run that was not cut.
//! It may go on in this process or another, with this worker or another.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use consumer::checkpoint::commit::commit;
use consumer::checkpoint::identity::Description;
use consumer::checkpoint::repository::Repository;
use consumer::checkpoint::store::Store;
use consumer::checkpoint::writer::CheckpointWriter;
use consumer::checkpoint::{Checkpoint, Checkpoints};
use consumer::engine::query::{OnRecordError, Query};
use consumer::engine::worker::{Action, Allowance, Worker, WorkerEvent, WorkerPlan};
use consumer::format::metadata::RecordMeta;
use consumer::position::{Offset, TopicPartition};
use consumer::schema::TableSchema;
use object_store::memory::InMemory;
use object_store::path::Path;
use proptest::prelude::*;

const SCHEMA: &str = "brand STRING, amount DECIMAL(12,2), quantity INT";

/// Queries with states of several kinds. No result depends on the order of records.
const QUERIES: &[&str] = &[
    "SELECT brand, count(*), sum(amount), avg(amount), min(amount), max(quantity) FROM transactions \
     GROUP BY brand ORDER BY brand",
    "SELECT count(*), sum(quantity), avg(quantity), max(brand) FROM transactions",
    "SELECT brand, median(quantity), count(DISTINCT quantity) FROM transactions GROUP BY brand \
     ORDER BY brand",
    "SELECT brand, sum(DISTINCT amount), count(*) FILTER (WHERE quantity > 3) FROM transactions \
     GROUP BY brand ORDER BY brand",
    "SELECT brand, quantity, sum(amount) AS total FROM transactions GROUP BY ROLLUP (brand, quantity) \
     HAVING count(*) > 1 ORDER BY total DESC NULLS LAST, brand, quantity LIMIT 3",
];

const PARTITIONS: usize = 2;
const WORKERS: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    /// The owner of a partition (the first number) reads some of its records (the second number).
    Read(usize, usize),
    /// All workers hand over what they have read.
    Batch,
    /// What was handed over is written into checkpoints and becomes durable.
    Keep,
    /// Another worker gets the partition. What its owner has read but not handed over is lost.
    Move(usize),
    /// The process is killed, and another one takes its place.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let partition = 0..PARTITIONS;
    let step = prop_oneof![
        6 => (partition.clone(), 1_usize..6).prop_map(|(of, records)| Step::Read(of, records)),
        4 => Just(Step::Batch),
        3 => Just(Step::Keep),
        2 => partition.prop_map(Step::Move),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 0..40)
}

fn record() -> impl Strategy<Value = String> {
    let brand = prop_oneof![
        Just(r#""Visa""#),
        Just(r#""JCB""#),
        Just(r#""""#),
        Just("null")
    ];
    let good = (brand, 0..99, 0..99, 0..6).prop_map(|(brand, units, cents, quantity)| {
        format!(r#"{{"brand":{brand},"amount":{units}.{cents:02},"quantity":{quantity}}}"#)
    });
    prop_oneof![9 => good, 1 => Just("bad".to_owned())]
}

fn logs() -> impl Strategy<Value = Vec<Vec<String>>> {
    let log = proptest::collection::vec(record(), 0..30);
    proptest::collection::vec(log, PARTITIONS)
}

/// One process, with a store that outlives it.
struct Run<'a> {
    logs: &'a [Vec<String>],
    plan: WorkerPlan,
    objects: Arc<InMemory>,
    checkpoints: Checkpoints,
    writer: CheckpointWriter,
    workers: Vec<Worker>,
    /// For each partition, the worker that has it and the offset that it reads next.
    owners: Vec<(usize, usize)>,
    /// How many partitions went on from a checkpoint at the start.
    kept: usize,
}

fn partition(number: usize) -> TopicPartition {
    TopicPartition::new("t", number as i32)
}

impl<'a> Run<'a> {
    fn start(plan: &WorkerPlan, logs: &'a [Vec<String>], objects: Arc<InMemory>) -> Self {
        let query = &plan.query;
        let store = Store::new(Arc::clone(&objects) as _, Path::from("x"), "memory:///x").unwrap();
        let identity = Description::of(query, &["t".to_owned()], query.table());
        let fingerprint = identity.fingerprint().unwrap();
        let kept = Arc::new(Repository::new(store, fingerprint, query.clone()));
        let checkpoints = Checkpoints::of(Arc::clone(&kept));
        let mut resumed = 0;
        for number in 0..PARTITIONS {
            let found = kept.newest(&partition(number)).unwrap();
            assert_eq!(found.problems, [""; 0]);
            resumed += usize::from(found.checkpoint.is_some());
            let checkpoint = found.checkpoint.unwrap_or_else(|| {
                Checkpoint::at(kept.begin(&partition(number), Offset(0)).unwrap())
            });
            checkpoints.begin(partition(number), checkpoint);
        }
        let mut run = Self {
            logs,
            plan: plan.clone(),
            objects,
            checkpoints,
            writer: CheckpointWriter::new(kept, |_told| {}),
            workers: (0..WORKERS).map(|_| Worker::new(plan.clone())).collect(),
            owners: vec![(0, 0); PARTITIONS],
            kept: resumed,
        };
        for number in 0..PARTITIONS {
            run.assign(number, number % WORKERS);
        }
        run
    }

    fn assign(&mut self, number: usize, worker: usize) {
        let taken_over = self.checkpoints.take_over(partition(number), Offset(0));
        self.owners[number] = (worker, taken_over.from.next.0 as usize);
        let until = Offset(0);
        self.step(worker, WorkerEvent::Assigned { taken_over, until });
    }

    fn step(&mut self, worker: usize, event: WorkerEvent<'_>) -> Vec<Action> {
        let mut actions = Vec::new();
        self.workers[worker].step(event, &mut actions).unwrap();
        actions
    }

    fn read(&mut self, number: usize, records: usize) {
        let partition = partition(number);
        let (worker, next) = self.owners[number];
        let logs = self.logs;
        for (offset, payload) in logs[number].iter().enumerate().skip(next).take(records) {
            let meta = RecordMeta {
                topic: "t",
                partition: partition.partition,
                offset: offset as i64,
                timestamp_ms: None,
                key: None,
                headers: &[],
            };
            let payload = Some(payload.as_bytes());
            for action in self.step(worker, WorkerEvent::Record { meta, payload }) {
                match action {
                    Action::DeadLetter { epoch, .. } => {
                        self.step(worker, WorkerEvent::LettersSettled(&partition, epoch, 1));
                    }
                    Action::CaughtUp(_) => {}
                    other => panic!("{other:?}"),
                }
            }
            self.owners[number].1 = offset + 1;
        }
    }

    fn batch(&mut self) {
        let mut batches = Vec::new();
        for worker in 0..WORKERS {
            for action in self.step(worker, WorkerEvent::Trigger) {
                if let Action::HandOver { batches: parts, .. } = action {
                    batches.extend(parts);
                }
            }
        }
        let handed = batches.len();
        let gathered = self.writer.gathered();
        let advanced = commit(&self.checkpoints, batches, |state| {
            gathered.add(state);
            Ok::<_, ()>(())
        });
        assert_eq!(advanced.unwrap().parts.len(), handed);
    }

    fn take(self, step: &Step) -> Self {
        let mut run = self;
        match *step {
            Step::Read(number, records) => run.read(number, records),
            Step::Batch => run.batch(),
            Step::Keep => {
                run.writer.write();
            }
            Step::Move(number) => {
                let (worker, _) = run.owners[number];
                run.step(worker, WorkerEvent::Revoked(&partition(number)));
                run.assign(number, (worker + 1) % WORKERS);
            }
            Step::Restart => return Self::start(&run.plan, run.logs, run.objects),
        }
        run
    }

    fn result(mut self) -> Vec<String> {
        for number in 0..PARTITIONS {
            self.read(number, usize::MAX);
        }
        self.batch();
        let newest = self.checkpoints.newest(|_| true);
        let batches = newest.values().flat_map(|at| at.state.batches());
        lines(
            &self
                .plan
                .query
                .result(batches.collect::<Vec<_>>())
                .unwrap()
                .rows,
        )
    }
}

fn lines(rows: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL");
    let formatters: Vec<_> = rows
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    let line = |row| {
        let cells = formatters.iter().map(|of| of.value(row).to_string());
        cells.collect::<Vec<_>>().join("|")
    };
    (0..rows.num_rows()).map(line).collect()
}

fn plan(query: &str) -> WorkerPlan {
    let table = TableSchema::parse(SCHEMA).unwrap();
    WorkerPlan {
        query: Query::plan(query, table.table(), &[]).unwrap(),
        table,
        stop_at_end: false,
        allowance: Allowance::new(None),
        on_record_error: OnRecordError::Fail,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn a_cut_run_has_the_result_of_the_uncut_one(logs in logs(), steps in steps()) {
        for query in QUERIES {
            let plan = plan(query);
            let start = || Run::start(&plan, &logs, Arc::new(InMemory::new()));
            let cut = steps.iter().fold(start(), Run::take);
            prop_assert_eq!(cut.result(), start().result(), "{}", query);
        }
    }
}

#[test]
fn a_restart_goes_on_where_the_checkpoints_end() {
    let logs = vec![vec![r#"{"brand":"Visa","amount":1,"quantity":1}"#.to_owned(); 3]; 2];
    let plan = plan(QUERIES[1]);
    let mut run = Run::start(&plan, &logs, Arc::new(InMemory::new()));
    run.read(0, 2);
    run.read(1, 1);
    for step in [Step::Batch, Step::Keep, Step::Read(1, 1), Step::Restart] {
        run = run.take(&step);
    }
    assert_eq!(run.kept, 2);
    assert_eq!(run.owners, [(0, 2), (1, 1)]);
    assert_eq!(run.result(), ["6|6|1.0|Visa"]);
}

//! What a worker does with events that come in any order.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;

use super::*;
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::engine::memory::Memory;
use crate::engine::state::State;

const BY_BRAND: &str = "SELECT brand, count(*) AS n FROM transactions GROUP BY brand";
const COUNT: &str = "SELECT count(*) AS n FROM transactions";

/// A worker with partition 0, and whatever it has said.
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
        };
        Self::of(plan, until)
    }

    /// A worker that may hold so many bytes, and what counts them.
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
        self.step(Event::Assigned {
            taken_over,
            until: Offset(until),
        });
    }

    fn step(&mut self, event: Event<'_>) {
        self.worker.step(event, &mut self.actions).unwrap();
    }

    /// The next record; `false` if it is not taken, and so comes again.
    fn record(&mut self, payload: &str) -> bool {
        let meta = RecordMeta {
            topic: "t",
            partition: 0,
            offset: self.next,
            timestamp_ms: None,
            key: None,
            headers: &[],
        };
        let payload = Some(payload.as_bytes());
        self.worker
            .step(Event::Record { meta, payload }, &mut self.actions)
            .unwrap();
        let taken = !self.said(|action| matches!(action, Action::Hold));
        self.next += i64::from(taken);
        taken
    }

    fn settled(&mut self) {
        let (partition, epoch) = (self.partition.clone(), self.epoch);
        self.step(Event::LetterSettled(&partition, epoch));
    }

    /// Whether it has said this; it is then forgotten.
    fn said(&mut self, what: impl Fn(&Action) -> bool) -> bool {
        self.actions.extract_if(.., |action| what(action)).count() > 0
    }

    fn said_full(&mut self) -> bool {
        self.said(|action| matches!(action, Action::BatchFull))
    }

    /// What a trigger brings, and whether something is kept back.
    fn trigger(&mut self) -> (Vec<Contribution>, bool) {
        self.step(Event::Trigger);
        let mut handed_over = None;
        for action in std::mem::take(&mut self.actions) {
            match action {
                Action::HandOver {
                    contributions,
                    kept_back,
                } => handed_over = Some((contributions, kept_back)),
                other => self.actions.push(other),
            }
        }
        handed_over.unwrap()
    }

    /// What an idle worker has made of the newest checkpoint.
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

    /// The count that the contributions' states stand for.
    fn count(&self, contributions: &[Contribution]) -> i64 {
        let states = contributions.iter().flat_map(|part| match &part.output {
            Output::State(state, _) => state.batches().collect::<Vec<_>>(),
            Output::Rows(_) => panic!("no state"),
        });
        let rows = self.worker.plan.query.result(states).unwrap().rows;
        rows.column(0).as_primitive::<Int64Type>().value(0)
    }
}

const GOOD: &str = r#"{"brand":"Visa"}"#;

#[test]
fn a_partition_whose_letters_are_on_their_way_at_each_trigger_hands_over() {
    let mut bench = Bench::new(COUNT, 0, None, false);
    bench.record(GOOD);
    bench.record("bad");
    let (contributions, kept_back) = bench.trigger();
    assert!(contributions.is_empty() && kept_back);
    bench.step(Event::Proceed);

    // More bad records come; without an end to them nothing would ever be handed over.
    assert!(!bench.record("bad"));
    assert!(!bench.said_full());
    bench.settled();
    assert!(bench.said_full());
    let (contributions, kept_back) = bench.trigger();
    assert!(!kept_back);
    assert_eq!(bench.count(&contributions), 1);
    assert_eq!((contributions[0].records, contributions[0].bad), (2, 1));

    bench.step(Event::Proceed);
    assert!(bench.said(|action| matches!(action, Action::Resume(_))));
    assert!(bench.record(GOOD));
}

#[test]
fn stuck_letters_are_not_waited_for_and_come_later() {
    let mut bench = Bench::new(COUNT, 0, Some(2), false);
    bench.record("bad");
    bench.record(GOOD);
    let (partition, epoch) = (bench.partition.clone(), bench.epoch);
    bench.step(Event::LettersStuck(&partition, epoch));
    assert!(!bench.said(|action| matches!(action, Action::Pause(_))));
    assert_eq!(bench.worker.paused(), 1);
    assert!(!bench.record(GOOD));
    assert!(!bench.trigger().1);
    // Its share of the batch is free for others.
    assert!(bench.worker.plan.allowance.take());

    bench.settled();
    assert!(bench.said_full());
    let (contributions, _) = bench.trigger();
    assert_eq!(bench.count(&contributions), 1);
    bench.step(Event::Proceed);
    assert_eq!(bench.worker.paused(), 0);
}

#[test]
fn letters_of_an_earlier_owner_do_not_count() {
    let mut bench = Bench::new(COUNT, 0, None, false);
    bench.record("bad");
    let (partition, earlier) = (bench.partition.clone(), bench.epoch);
    bench.step(Event::Revoked(&partition));
    bench.assign(0);
    bench.record("bad");
    bench.step(Event::LetterSettled(&partition, earlier));
    bench.step(Event::LettersStuck(&partition, earlier));
    let (contributions, kept_back) = bench.trigger();
    assert!(contributions.is_empty() && kept_back);
}

#[test]
fn an_end_that_was_seen_before_a_pause_is_not_the_end() {
    let mut bench = Bench::new(COUNT, 10, Some(1), true);
    assert!(bench.record(GOOD));
    assert!(!bench.record(GOOD));
    assert!(bench.said_full());
    let partition = bench.partition.clone();
    bench.step(Event::ReachedEnd(&partition, Offset(10)));
    assert!(!bench.said(|action| matches!(action, Action::CaughtUp(_))));

    let (contributions, _) = bench.trigger();
    assert_eq!(contributions[0].end, Offset(1));
    bench.worker.plan.allowance.give_back(1);
    bench.step(Event::Proceed);
    assert!(bench.record(GOOD));
    bench.step(Event::ReachedEnd(&partition, Offset(10)));
    assert!(bench.said(|action| matches!(action, Action::CaughtUp(_))));
    let (contributions, _) = bench.trigger();
    assert_eq!(
        (contributions[0].start, contributions[0].end),
        (Offset(1), Offset(10))
    );
}

#[test]
fn large_merges_wait_until_a_batch_is_done_and_nothing_else_is_to_do() {
    let mut bench = Bench::new(BY_BRAND, 0, None, false);
    for (brands, kept, compacted) in [
        (0..30_000, 30_000, None),
        (10_000..40_000, 60_000, Some(40_000)),
        (0..1, 40_001, None),
    ] {
        for i in brands {
            assert!(bench.record(&format!(r#"{{"brand":"b{i}"}}"#)));
        }
        let (contributions, _) = bench.trigger();
        let part = &contributions[0];
        let Output::State(state, _) = &part.output else {
            panic!("rows");
        };
        assert_eq!(state.groups(), kept);
        // What was handed over is not yet a checkpoint, whose state could be replaced.
        bench.step(Event::Idle);
        assert!(bench.compacted().is_none());
        let checkpoint = Checkpoint {
            next: part.end,
            state: state.clone(),
        };
        let (partition, epoch) = (bench.partition.clone(), bench.epoch);
        let checkpoints = bench.checkpoints.clone();
        assert!(checkpoints.advance(&partition, epoch, part.start, checkpoint));
        bench.step(Event::Proceed);
        bench.step(Event::Idle);
        let answer = bench.compacted();
        let groups = answer.as_ref().map(|checkpoint| checkpoint.state.groups());
        assert_eq!(groups, compacted);
        if let Some(checkpoint) = answer {
            assert!(checkpoints.advance(&partition, epoch, part.end, checkpoint));
        }
        bench.step(Event::Idle);
        assert!(bench.compacted().is_none());
    }
}

#[test]
fn large_merges_do_not_wait_where_memory_is_scarce() {
    for (limit, kept) in [(10_000_000, 30_000), (1_000_000_000, 40_000)] {
        let (mut bench, _memory) = Bench::within(limit);
        let mut groups = 0;
        for brands in [0..20_000, 10_000..30_000] {
            for i in brands {
                assert!(bench.record(&format!(r#"{{"brand":"b{i}"}}"#)));
            }
            let (contributions, _) = bench.trigger();
            let Output::State(state, _) = &contributions[0].output else {
                panic!("rows");
            };
            groups = state.groups();
            bench.step(Event::Proceed);
        }
        assert_eq!(groups, kept, "{limit}");
    }
}

#[test]
fn rows_that_fill_a_batch_ask_for_a_trigger_though_no_record_follows() {
    let mut bench = Bench::new("SELECT brand FROM transactions", 3, None, true);
    let large = format!(r#"{{"brand":"{}"}}"#, "x".repeat(9 << 20));
    bench.record(&large);
    bench.record(&large);
    assert!(!bench.said_full());
    bench.step(Event::Idle);
    assert!(bench.said_full());
    bench.step(Event::Idle);
    assert!(!bench.said_full(), "it is told once");
    // The last one is hidden: it was part of a transaction that was aborted.
    let partition = bench.partition.clone();
    bench.step(Event::ReachedEnd(&partition, Offset(3)));
    assert!(bench.said(|action| matches!(action, Action::CaughtUp(_))));
    let (contributions, _) = bench.trigger();
    let Output::Rows(rows) = &contributions[0].output else {
        panic!("a state");
    };
    assert_eq!(rows.iter().map(|rows| rows.num_rows()).sum::<usize>(), 2);
}

#[test]
fn large_records_fill_a_batch_though_they_are_few() {
    let mut bench = Bench::new("SELECT brand FROM transactions", 0, None, false);
    let large = format!(r#"{{"brand":"{}"}}"#, "x".repeat(9 << 20));
    assert!(bench.record(&large) && bench.record(&large));
    assert!(!bench.record(&large));
}

#[test]
fn rows_that_a_filter_leaves_out_fill_nothing() {
    let mut bench = Bench::new(
        "SELECT brand FROM transactions WHERE brand = 'Visa'",
        0,
        None,
        false,
    );
    let large = format!(r#"{{"brand":"{}"}}"#, "x".repeat(9 << 20));
    for _ in 0..3 {
        assert!(bench.record(&large));
        bench.step(Event::Idle);
    }
    assert!(!bench.said_full());
}

#[test]
fn hidden_records_are_behind_the_next_offset_once_their_end_is_reached() {
    for (stop_at_end, end) in [(false, 5), (true, 2)] {
        let mut bench = Bench::new(COUNT, 2, None, stop_at_end);
        bench.record(GOOD);
        let partition = bench.partition.clone();
        bench.step(Event::ReachedEnd(&partition, Offset(5)));
        let (contributions, _) = bench.trigger();
        assert_eq!(contributions[0].end, Offset(end));
    }
}

#[test]
fn a_partition_that_is_lost_gives_back_its_share() {
    let mut bench = Bench::new(COUNT, 0, Some(2), false);
    assert!(bench.record(GOOD) && bench.record(GOOD) && !bench.record(GOOD));
    let partition = bench.partition.clone();
    bench.step(Event::Revoked(&partition));
    bench.assign(0);
    assert!(bench.record(GOOD) && bench.record(GOOD) && !bench.record(GOOD));
}

#[test]
fn state_goes_on_from_the_checkpoint() {
    let mut bench = Bench::new(COUNT, 0, None, false);
    for _ in 0..3 {
        bench.record(GOOD);
    }
    let (contributions, _) = bench.trigger();
    let [part] = contributions.as_slice() else {
        panic!("{contributions:?}");
    };
    let Output::State(state, _) = &part.output else {
        panic!("rows");
    };
    let checkpoint = Checkpoint {
        next: part.end,
        state: State::clone(state),
    };
    assert!(
        bench
            .checkpoints
            .advance(&part.partition, part.epoch, part.start, checkpoint)
    );
    // What has been read since is dropped, and read again.
    bench.record(GOOD);
    let partition = bench.partition.clone();
    bench.step(Event::Revoked(&partition));
    bench.assign(0);
    assert_eq!(bench.next, 3);
    bench.record(GOOD);
    let (contributions, _) = bench.trigger();
    assert_eq!(bench.count(&contributions), 4);
}

impl Bench {
    /// Records of brands that have not come before, until one is not taken.
    fn fill(&mut self) -> i64 {
        let start = self.next;
        while self.record(&format!(r#"{{"brand":"brand {}"}}"#, self.next)) {
            assert!(self.next - start < 1_000_000, "no end to what it takes");
        }
        self.next - start
    }

    fn said_memory_short(&mut self) -> bool {
        self.said(|action| matches!(action, Action::MemoryShort))
    }
}

#[test]
fn a_partition_that_finds_memory_short_hands_over_before_it_takes_more() {
    let (mut bench, memory) = Bench::within(16_000_000);
    let first = bench.fill();
    assert!(first > 0 && memory.held() <= 16_000_000);
    assert!(bench.said_memory_short() && !bench.said_full());
    assert!(!bench.record(GOOD));
    assert!(!bench.said_memory_short(), "it says so once a batch");
    assert_eq!(bench.worker.paused(), 1);

    let (contributions, _) = bench.trigger();
    assert_eq!(contributions[0].records, first as u64);
    // What is handed over takes less than what it was made of.
    assert!(memory.held() < memory.room().unwrap());
    bench.step(Event::Proceed);
    assert!(bench.said(|action| matches!(action, Action::Resume(_))));
    assert!(bench.fill() > 0);
}

#[test]
fn a_partition_goes_on_without_a_batch_when_memory_is_no_longer_short() {
    let (mut bench, memory) = Bench::within(16_000_000);
    let others = memory.reserve("the result of the batch before");
    others.grow(7_000_000);
    let first = bench.fill();
    assert!(bench.said_memory_short());
    others.free();
    bench.step(Event::Proceed);
    assert!(bench.said(|action| matches!(action, Action::Resume(_))));
    let second = bench.fill();
    assert!(second > 0 && bench.said_memory_short(), "it says so again");
    let (contributions, _) = bench.trigger();
    assert_eq!(contributions[0].records, (first + second) as u64);
}

#[test]
fn memory_that_is_short_again_is_told_again_though_no_record_was_refused() {
    let (mut bench, memory) = Bench::within(16_000_000);
    let others = memory.reserve("the result of the batch before");
    for _ in 0..2 {
        others.grow(7_000_000);
        bench.record(GOOD);
        bench.step(Event::Idle);
        assert!(bench.said_memory_short());
        others.free();
        bench.step(Event::Proceed);
    }
}

#[test]
fn groups_that_memory_does_not_hold_end_the_worker_by_name() {
    let (mut bench, memory) = Bench::within(16_000_000);
    bench.fill();
    let others = memory.reserve("something else");
    others.grow(16_000_000);
    let (partition, next) = (bench.partition.clone(), bench.next);
    let error = bench.worker.step(Event::Trigger, &mut bench.actions);
    match error.unwrap_err() {
        WorkerError::OutOfMemory {
            partition: at,
            offset,
        } => {
            assert_eq!((at, offset.0), (partition, next));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn dead_letters_on_their_way_and_decoded_records_are_counted() {
    let (mut bench, memory) = Bench::within(1 << 30);
    let before = memory.held();
    bench.record(&"x".repeat(100_000));
    assert_eq!(memory.held() - before, 100_000);
    bench.settled();
    assert_eq!(memory.held(), before);
    bench.record(GOOD);
    bench.step(Event::Idle);
    assert!(memory.held() > before);
    bench.worker.clear();
    bench.actions.clear();
    assert_eq!(memory.held(), 0);
}

/// Whoever triggers forgets what was full before the batch was done.
#[test]
fn what_settles_before_the_batch_is_done_is_told_after_it() {
    let mut bench = Bench::new(COUNT, 10, None, false);
    bench.record("no JSON");
    let (parts, kept_back) = bench.trigger();
    assert!(parts.is_empty() && kept_back);
    bench.settled();
    assert!(bench.said_full());
    bench.step(Event::Proceed);
    assert!(bench.said_full());
    let (parts, kept_back) = bench.trigger();
    assert_eq!((parts.len(), kept_back), (1, false));
    bench.step(Event::Proceed);
    assert!(!bench.said_full());
}

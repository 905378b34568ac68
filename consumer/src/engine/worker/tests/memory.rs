//! Tests of a worker that is short of memory.

use super::*;

impl Bench {
    /// Hands in records of brands that have not come before, until the worker refuses one.
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

    let (batches, _) = bench.trigger();
    assert_eq!(batches[0].records, first as u64);
    // The batch takes less memory than the records from which it was made.
    assert!(memory.held() < memory.room().unwrap());
    bench.step(WorkerEvent::Proceed);
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
    bench.step(WorkerEvent::Proceed);
    assert!(bench.said(|action| matches!(action, Action::Resume(_))));
    let second = bench.fill();
    assert!(second > 0 && bench.said_memory_short(), "it says so again");
    let (batches, _) = bench.trigger();
    assert_eq!(batches[0].records, (first + second) as u64);
}

#[test]
fn memory_that_is_short_again_is_told_again_though_no_record_was_refused() {
    let (mut bench, memory) = Bench::within(16_000_000);
    let others = memory.reserve("the result of the batch before");
    for _ in 0..2 {
        others.grow(7_000_000);
        bench.record(GOOD);
        bench.step(WorkerEvent::Idle);
        assert!(bench.said_memory_short());
        others.free();
        bench.step(WorkerEvent::Proceed);
    }
}

#[test]
fn groups_that_memory_does_not_hold_end_the_worker_by_name() {
    let (mut bench, memory) = Bench::within(16_000_000);
    bench.fill();
    let others = memory.reserve("something else");
    others.grow(16_000_000);
    let (partition, next) = (bench.partition.clone(), bench.next);
    let error = bench.worker.step(WorkerEvent::Trigger, &mut bench.actions);
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
    bench.step(WorkerEvent::Idle);
    assert!(memory.held() > before);
    bench.worker.clear();
    bench.actions.clear();
    assert_eq!(memory.held(), 0);
}

//! Tests of where a partition begins and ends, and of what is left of it when it is lost.

use super::*;

#[test]
fn an_end_that_was_seen_before_a_pause_is_not_the_end() {
    let mut bench = Bench::new(COUNT, 10, Some(1), true);
    assert!(bench.record(GOOD));
    assert!(!bench.record(GOOD));
    assert!(bench.said_full());
    let partition = bench.partition.clone();
    bench.step(WorkerEvent::ReachedEnd(&partition, Offset(10)));
    assert!(!bench.said(|action| matches!(action, Action::CaughtUp(_))));

    let (batches, _) = bench.trigger();
    assert_eq!(batches[0].end, Offset(1));
    bench.worker.plan.allowance.give_back(1);
    bench.step(WorkerEvent::Proceed);
    assert!(bench.record(GOOD));
    bench.step(WorkerEvent::ReachedEnd(&partition, Offset(10)));
    assert!(bench.said(|action| matches!(action, Action::CaughtUp(_))));
    let (batches, _) = bench.trigger();
    assert_eq!((batches[0].start, batches[0].end), (Offset(1), Offset(10)));
}

#[test]
fn hidden_records_are_behind_the_next_offset_once_their_end_is_reached() {
    for (stop_at_end, end) in [(false, 5), (true, 2)] {
        let mut bench = Bench::new(COUNT, 2, None, stop_at_end);
        bench.record(GOOD);
        let partition = bench.partition.clone();
        bench.step(WorkerEvent::ReachedEnd(&partition, Offset(5)));
        let (batches, _) = bench.trigger();
        assert_eq!(batches[0].end, Offset(end));
    }
}

#[test]
fn a_partition_that_is_lost_gives_back_its_share() {
    let mut bench = Bench::new(COUNT, 0, Some(2), false);
    assert!(bench.record(GOOD) && bench.record(GOOD) && !bench.record(GOOD));
    let partition = bench.partition.clone();
    bench.step(WorkerEvent::Revoked(&partition));
    bench.assign(0);
    assert!(bench.record(GOOD) && bench.record(GOOD) && !bench.record(GOOD));
}

#[test]
fn state_goes_on_from_the_checkpoint() {
    let mut bench = Bench::new(COUNT, 0, None, false);
    for _ in 0..3 {
        bench.record(GOOD);
    }
    let (batches, _) = bench.trigger();
    let [part] = batches.as_slice() else {
        panic!("{batches:?}");
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
    // Records that are read after the checkpoint are dropped, and read again.
    bench.record(GOOD);
    let partition = bench.partition.clone();
    bench.step(WorkerEvent::Revoked(&partition));
    bench.assign(0);
    assert_eq!(bench.next, 3);
    bench.record(GOOD);
    let (batches, _) = bench.trigger();
    assert_eq!(bench.count(&batches), 4);
}

#[test]
fn a_record_that_comes_again_or_of_a_lost_partition_is_not_counted() {
    let mut bench = Bench::new(COUNT, 0, None, false);
    let ignored = |bench: &mut Bench| bench.said(|action| matches!(action, Action::Ignore));
    bench.record(GOOD);
    assert!(!ignored(&mut bench));
    // The record is fetched again after a lost connection.
    bench.next = 0;
    bench.record(GOOD);
    assert!(ignored(&mut bench));
    bench.record(GOOD);
    assert!(!ignored(&mut bench));
    let (batches, _) = bench.trigger();
    assert_eq!(batches[0].records, 2);
    let partition = bench.partition.clone();
    bench.step(WorkerEvent::Revoked(&partition));
    bench.record(GOOD);
    assert!(ignored(&mut bench));
}

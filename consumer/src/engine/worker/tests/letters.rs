//! Tests of a record whose dead letter is on its way, or cannot be written.

use super::*;

#[test]
fn a_partition_whose_letters_are_on_their_way_at_each_trigger_hands_over() {
    let mut bench = Bench::new(COUNT, 0, None, false);
    bench.record(GOOD);
    bench.record("bad");
    let (batches, is_deferred) = bench.trigger();
    assert!(batches.is_empty() && is_deferred);
    bench.step(WorkerEvent::Proceed);

    // More bad records come. If the worker took them without end, it would never hand over anything.
    assert!(!bench.record("bad"));
    assert!(!bench.said_full());
    bench.settled();
    assert!(bench.said_full());
    let (batches, is_deferred) = bench.trigger();
    assert!(!is_deferred);
    assert_eq!(bench.count(&batches), 1);
    assert_eq!((batches[0].records, batches[0].bad), (2, 1));

    bench.step(WorkerEvent::Proceed);
    assert!(bench.said(|action| matches!(action, Action::Resume(_))));
    assert!(bench.record(GOOD));
}

#[test]
fn stuck_letters_are_not_waited_for_and_come_later() {
    let mut bench = Bench::new(COUNT, 0, Some(2), false);
    bench.record("bad");
    bench.record(GOOD);
    let (partition, epoch) = (bench.partition.clone(), bench.epoch);
    bench.step(WorkerEvent::LettersStuck(&partition, epoch));
    assert!(!bench.said(|action| matches!(action, Action::Pause(_))));
    assert_eq!(bench.worker.paused(), 1);
    assert!(!bench.record(GOOD));
    assert!(!bench.trigger().1);
    // The partition's share of the batch is free for other partitions.
    assert!(bench.worker.plan.allowance.take());

    bench.settled();
    assert!(bench.said_full());
    let (batches, _) = bench.trigger();
    assert_eq!(bench.count(&batches), 1);
    bench.step(WorkerEvent::Proceed);
    assert_eq!(bench.worker.paused(), 0);
}

#[test]
fn letters_of_an_earlier_owner_do_not_count() {
    let mut bench = Bench::new(COUNT, 0, None, false);
    bench.record("bad");
    let (partition, earlier) = (bench.partition.clone(), bench.epoch);
    bench.step(WorkerEvent::Revoked(&partition));
    bench.assign(0);
    bench.record("bad");
    bench.step(WorkerEvent::LettersSettled(&partition, earlier, 1));
    bench.step(WorkerEvent::LettersStuck(&partition, earlier));
    let (batches, is_deferred) = bench.trigger();
    assert!(batches.is_empty() && is_deferred);
}

/// The caller forgets what was reported as full before the batch was done, so the worker reports it again afterwards.
#[test]
fn what_settles_before_the_batch_is_done_is_told_after_it() {
    let mut bench = Bench::new(COUNT, 10, None, false);
    bench.record("no JSON");
    let (parts, is_deferred) = bench.trigger();
    assert!(parts.is_empty() && is_deferred);
    bench.settled();
    assert!(bench.said_full());
    bench.step(WorkerEvent::Proceed);
    assert!(bench.said_full());
    let (parts, is_deferred) = bench.trigger();
    assert_eq!((parts.len(), is_deferred), (1, false));
    bench.step(WorkerEvent::Proceed);
    assert!(!bench.said_full());
}

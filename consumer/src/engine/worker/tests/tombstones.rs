//! Tests of records without a value.

use super::*;

#[test]
fn a_tombstone_is_passed_over_and_counted_apart_from_bad_records() {
    let mut bench = Bench::new(COUNT, 0, None, false);
    for _ in 0..2 {
        assert!(bench.record(GOOD) && bench.tombstone());
    }
    assert!(!bench.said(|action| matches!(action, Action::DeadLetter { .. })));
    // An empty value is a value, too.
    assert!(bench.record(""));
    assert!(bench.said(|action| matches!(action, Action::DeadLetter { .. })));
    bench.settled();
    let (batches, _) = bench.trigger();
    let part = &batches[0];
    assert_eq!((part.records, part.bad, part.tombstones), (5, 1, 2));
    assert_eq!(part.end, Offset(5));
    assert_eq!(bench.count(&batches), 2);
    bench.step(WorkerEvent::Proceed);

    bench.tombstone();
    let (batches, _) = bench.trigger();
    let part = &batches[0];
    assert_eq!((part.records, part.bad, part.tombstones), (1, 0, 1));
}

#[test]
fn tombstones_count_as_records_where_those_of_a_batch_are_limited() {
    let mut bench = Bench::new(COUNT, 0, Some(2), false);
    assert!(bench.tombstone() && bench.tombstone());
    assert!(!bench.record(GOOD));
}

#[test]
fn a_log_that_ends_in_a_tombstone_is_read_to_its_end() {
    let mut bench = Bench::new(COUNT, 2, None, true);
    bench.record(GOOD);
    bench.tombstone();
    assert!(bench.said(|action| matches!(action, Action::CaughtUp(_))));
}

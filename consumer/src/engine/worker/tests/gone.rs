//! Tests of records that are gone from the log before they were read.

use super::*;

#[test]
fn what_was_read_stays_and_reading_goes_on_behind_what_is_gone() {
    let mut bench = Bench::new(COUNT, 100, None, false);
    assert!(bench.record(GOOD) && bench.record(GOOD));
    let partition = bench.partition.clone();
    bench.step(WorkerEvent::Gone(&partition, Offset(40)));
    assert!(!bench.said(|action| matches!(action, Action::CaughtUp(_))));
    assert_eq!(bench.worker.next(&partition), Some(Offset(40)));
    bench.next = 40;
    assert!(bench.record(GOOD));
    let (batches, _) = bench.trigger();
    let [part] = &batches[..] else {
        panic!("one partition");
    };
    // Only records that were read are counted, each of them once.
    assert_eq!(
        (part.start, part.end, part.records),
        (Offset(0), Offset(41), 3)
    );
    assert_eq!(bench.count(&batches), 3);

    // A beginning of the log before the next offset does not move reading back.
    bench.step(WorkerEvent::Gone(&partition, Offset(7)));
    assert_eq!(bench.worker.next(&partition), Some(Offset(41)));
}

#[test]
fn a_partition_whose_last_records_are_gone_has_caught_up() {
    for stop_at_end in [false, true] {
        let mut bench = Bench::new(COUNT, 10, None, stop_at_end);
        assert!(bench.record(GOOD));
        let partition = bench.partition.clone();
        bench.step(WorkerEvent::Gone(&partition, Offset(25)));
        assert!(bench.said(|action| matches!(action, Action::CaughtUp(_))));
        // A query that stops at the end does not read past the end at its start, even if later records are gone.
        let next = if stop_at_end { 10 } else { 25 };
        assert_eq!(bench.worker.next(&partition), Some(Offset(next)));
        let (batches, _) = bench.trigger();
        assert_eq!(batches[0].end, Offset(next));
        assert_eq!(bench.count(&batches), 1);
    }
}

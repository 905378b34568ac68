//! Tests of what fills a batch.

use super::*;

#[test]
fn rows_that_fill_a_batch_ask_for_a_trigger_though_no_record_follows() {
    let mut bench = Bench::new("SELECT brand FROM transactions", 3, None, true);
    let large = format!(r#"{{"brand":"{}"}}"#, "x".repeat(9 << 20));
    bench.record(&large);
    bench.record(&large);
    assert!(!bench.said_full());
    bench.step(WorkerEvent::Idle);
    assert!(bench.said_full());
    bench.step(WorkerEvent::Idle);
    assert!(!bench.said_full(), "it is told once");
    // The last record is hidden, because its transaction was aborted.
    let partition = bench.partition.clone();
    bench.step(WorkerEvent::ReachedEnd(&partition, Offset(3)));
    assert!(bench.said(|action| matches!(action, Action::CaughtUp(_))));
    let (batches, _) = bench.trigger();
    let Output::Rows(rows) = &batches[0].output else {
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
        bench.step(WorkerEvent::Idle);
    }
    assert!(!bench.said_full());
}

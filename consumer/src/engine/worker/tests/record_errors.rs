//! Tests of records that fit the schema and on which the query fails.

use super::*;
use crate::format::metadata::Header;

const SCHEMA: &str = "brand STRING, part INT";
/// A query that fails where `part` is 0.
const PARTS: &str = "SELECT count(*) AS n FROM transactions WHERE 10 / part > 0";

fn bench(on_record_error: OnRecordError, until: i64) -> Bench {
    let table = TableSchema::parse(SCHEMA).unwrap();
    let plan = WorkerPlan {
        query: Query::plan(PARTS, table.table(), &[]).unwrap(),
        table,
        stop_at_end: false,
        allowance: Allowance::new(None),
        on_record_error,
    };
    Bench::of(plan, until)
}

fn part(part: i64) -> String {
    format!(r#"{{"part":{part}}}"#)
}

/// Returns the records that were rejected, each with its reason, and forgets them.
fn rejected(bench: &mut Bench) -> Vec<(RawRecord, String)> {
    let rejected = bench
        .actions
        .extract_if(.., |action| matches!(action, Action::RejectedLetter { .. }));
    let rejected = rejected.filter_map(|action| match action {
        Action::RejectedLetter { record, reason, .. } => Some((record, reason)),
        _ => None,
    });
    rejected.collect()
}

#[test]
fn a_record_that_the_query_fails_on_is_a_dead_letter_as_it_came_and_its_neighbours_count() {
    let mut bench = bench(OnRecordError::DeadLetter, 0);
    bench.record(&part(1));
    let value = r#"{ "part":0, "brand":"Visa","more":[1]}"#;
    let headers = [Header {
        key: "trace",
        value: Some(b"\xff".as_slice()),
    }];
    let meta = RecordMeta {
        topic: "t",
        partition: 0,
        offset: 7,
        timestamp_ms: Some(1234),
        key: Some(b"key"),
        headers: &headers,
    };
    let payload = Some(value.as_bytes());
    bench.step(WorkerEvent::Record { meta, payload });
    bench.next = 8;
    bench.record(&part(2));
    assert!(rejected(&mut bench).is_empty());

    // The worker hands over nothing before the letter is written.
    let (batches, is_deferred) = bench.trigger();
    assert!(batches.is_empty() && is_deferred);
    let rejected = rejected(&mut bench);
    assert_eq!(rejected.len(), 1);
    let (record, reason) = &rejected[0];
    assert_eq!(
        *record,
        RawRecord {
            partition: TopicPartition::new("t", 0),
            offset: 7,
            timestamp_ms: Some(1234),
            key: Some(b"key".to_vec()),
            value: value.as_bytes().to_vec(),
            headers: vec![("trace".to_owned(), Some(b"\xff".to_vec()))],
        }
    );
    assert!(reason.starts_with("the query fails: "), "{reason}");
    assert!(reason.to_lowercase().contains("divi"), "{reason}");

    bench.settled();
    assert!(bench.said_full());
    let (batches, is_deferred) = bench.trigger();
    assert!(!is_deferred);
    assert_eq!((batches[0].records, batches[0].bad), (3, 1));
    assert_eq!(bench.count(&batches), 2);
}

#[test]
fn a_chunk_of_records_that_all_fail_makes_a_letter_of_each_and_the_next_one_counts() {
    let mut bench = bench(OnRecordError::DeadLetter, 0);
    for _ in 0..8192 {
        assert!(bench.record(&part(0)));
    }
    let offsets: Vec<_> = rejected(&mut bench)
        .iter()
        .map(|(record, _)| record.offset)
        .collect();
    assert_eq!(offsets, (0..8192).collect::<Vec<_>>());
    bench.record(&part(1));
    for _ in 0..8192 {
        bench.settled();
    }
    let (batches, _) = bench.trigger();
    assert_eq!((batches[0].records, batches[0].bad), (8193, 8192));
    assert_eq!(bench.count(&batches), 1);
}

#[test]
fn a_partition_has_not_caught_up_before_the_letters_of_its_last_records_are_written() {
    let caught_up = |action: &Action| matches!(action, Action::CaughtUp(_));
    let mut bench = bench(OnRecordError::DeadLetter, 2);
    bench.record(&part(0));
    bench.record(&part(1));
    assert!(!bench.said(caught_up));
    assert_eq!(rejected(&mut bench).len(), 1);
    bench.settled();
    assert!(bench.said(caught_up));
    let (batches, _) = bench.trigger();
    assert_eq!(bench.count(&batches), 1);
}

#[test]
fn where_it_ends_the_query_the_first_record_that_fails_is_named() {
    let mut bench = bench(OnRecordError::Fail, 0);
    bench.next = 100;
    for number in 0..1000 {
        bench.record(&part(if number % 400 == 123 { 0 } else { 1 }));
    }
    let error = bench
        .worker
        .step(WorkerEvent::Trigger, &mut bench.actions)
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("the record of t-0 at offset 223: "), "{text}");
    assert!(text.contains("ON_RECORD_ERROR=dead-letter"), "{text}");
}

#[test]
fn what_is_shown_of_a_value_is_cut_and_has_no_control_characters() {
    let table = TableSchema::parse("brand STRING").unwrap();
    let query = "SELECT CAST(brand AS INT) AS n, count(*) FROM transactions GROUP BY 1";
    let plan = WorkerPlan {
        query: Query::plan(query, table.table(), &[]).unwrap(),
        table,
        stop_at_end: false,
        allowance: Allowance::new(None),
        on_record_error: OnRecordError::DeadLetter,
    };
    let mut bench = Bench::of(plan, 0);
    bench.record(r#"{"brand":"\u001b[31m1"}"#);
    bench.record(&format!(r#"{{"brand":"{}"}}"#, "x".repeat(100_000)));
    bench.trigger();
    let rejected = rejected(&mut bench);
    assert_eq!(rejected.len(), 2);
    for (_, reason) in rejected {
        assert!(reason.chars().count() < 400, "{}", reason.len());
        assert!(!reason.contains(char::is_control), "{reason}");
    }
}

//! Tests of several queries on the records of one partition.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, StringViewArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};

use super::*;

fn table() -> SchemaRef {
    let column = |name, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        column("part", DataType::Int64),
        column("unread", DataType::Int64),
        column("brand", DataType::Utf8View),
        column("whole", DataType::Int64),
    ]))
}

fn query(text: &str) -> Query {
    Query::plan(text, &table(), &[]).unwrap()
}

fn rows(records: &[(i64, &str, i64)], columns: &[usize]) -> RecordBatch {
    let numbers = |number: fn(&(i64, &str, i64)) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(records.iter().map(number)))
    };
    let brands = records.iter().map(|(_, brand, _)| *brand);
    let brands = Arc::new(StringViewArray::from_iter_values(brands));
    let arrays = vec![numbers(|r| r.0), numbers(|_| 0), brands, numbers(|r| r.2)];
    let all = RecordBatch::try_new(table(), arrays).unwrap();
    all.project(columns).unwrap()
}

/// Returns the first column of a result that has one row.
fn number(query: &Query, batch: TaskBatch) -> i64 {
    let Output::State(state, _) = batch.output else {
        panic!("no state");
    };
    let made = query.result(state.batches()).unwrap().rows;
    made.column(0).as_primitive::<Int64Type>().value(0)
}

#[test]
fn tasks_that_read_different_columns_take_the_same_chunk() {
    let texts = [
        "SELECT sum(whole) AS n FROM transactions WHERE brand = 'Visa'",
        "SELECT sum(part) AS n FROM transactions",
        "SELECT count(*) AS n FROM transactions",
    ];
    let queries = texts.map(query);
    let decoded = columns_read_by(&queries);
    let mut read = decoded.clone();
    read.sort_unstable();
    assert_eq!(read, [0, 2, 3]);
    let records = [(1, "Visa", 10), (2, "Amex", 20), (4, "Visa", 40)];
    let expected = [50, 7, 3];
    for (query, expected) in queries.iter().zip(expected) {
        let mut task = Task::new(query.clone(), State::default(), &decoded).unwrap();
        for chunk in records.chunks(2) {
            let failed = task.push(rows(chunk, &decoded), OnRecordError::Fail);
            assert!(failed.unwrap().is_empty());
        }
        assert_eq!(number(query, task.hand_over().unwrap()), expected);
    }
    assert!(Task::new(queries[1].clone(), State::default(), &[2, 3]).is_err());
}

#[test]
fn a_record_that_one_query_fails_on_counts_for_the_other_one() {
    let queries = [
        "SELECT sum(whole / part) AS n FROM transactions",
        "SELECT sum(whole) AS n FROM transactions",
    ];
    let queries = queries.map(query);
    let decoded = columns_read_by(&queries);
    let records = [(0, "", 8), (2, "", 8), (0, "", 3), (1, "", 5)];
    let expected: [(&[usize], f64); 2] = [(&[0, 2], 9.0), (&[], 24.0)];
    for (query, (failing, sum)) in queries.iter().zip(expected) {
        let mut task = Task::new(query.clone(), State::default(), &decoded).unwrap();
        let failed = task.push(rows(&records, &decoded), OnRecordError::DeadLetter);
        let failed: Vec<_> = failed.unwrap().iter().map(|record| record.row).collect();
        assert_eq!(failed, failing);
        let batch = task.hand_over().unwrap();
        assert_eq!(batch.failed, failing.len() as u64);
        let Output::State(state, _) = batch.output else {
            panic!("no state");
        };
        let made = query.result(state.batches()).unwrap().rows;
        let made = arrow::compute::cast(made.column(0), &DataType::Float64).unwrap();
        let made = made.as_primitive::<arrow::datatypes::Float64Type>();
        assert_eq!(made.value(0), sum);
        // The next batch begins without the failures of this one.
        assert_eq!(task.hand_over().unwrap().failed, 0);
    }
}

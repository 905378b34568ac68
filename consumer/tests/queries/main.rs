//! Tests which SQL is accepted, how its columns are named, and for which reasons queries are refused. This file has
//! what the tests share.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod bytes;
mod decimals;
mod floats;
mod mistakes;
mod names;
mod refused;
mod results;
mod spark;
mod timestamps;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::SchemaRef;
use arrow::util::display::{ArrayFormatter, FormatOptions, array_value_to_string};
use consumer::engine::query::{Query, QueryError, error_text};
use consumer::engine::state::State;
use consumer::schema::TableSchema;

fn cards() -> SchemaRef {
    let ddl = "card_brand STRING, amount DECIMAL(12,2), quantity BIGINT, timestamp TIMESTAMP, \
               tags ARRAY<STRING>, Channel STRING, \
               battery STRUCT<volts: DOUBLE, low: BOOLEAN>, data STRUCT<volts: DOUBLE>";
    Arc::clone(TableSchema::parse(ddl).unwrap().columns())
}

fn plan(sql: &str) -> Result<Query, QueryError> {
    Query::plan(sql, &cards(), &["payments".to_owned()])
}

/// Returns the result over one batch of four records, as text.
fn result(sql: &str) -> Vec<Vec<String>> {
    let query = plan(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    result_of(&query, &[records()])
}

fn result_of(query: &Query, batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let mut state = State::default();
    let mut rows = Vec::new();
    for batch in batches {
        let mut partial = query.partial().unwrap();
        partial
            .push(batch.project(query.columns()).unwrap())
            .unwrap();
        let groups = partial.finish().unwrap();
        if query.appends() {
            rows = groups;
        } else {
            state = state.merged(query, groups).unwrap();
            rows = state.batches().collect();
        }
    }
    let rows = query.result(rows).unwrap().rows;
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> = rows
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    (0..rows.num_rows())
        .map(|row| {
            columns
                .iter()
                .map(|column| column.value(row).to_string())
                .collect()
        })
        .collect()
}

/// Returns the values of an expression over records, or why there are none.
fn values_of(expression: &str, records: &RecordBatch) -> Result<Vec<String>, String> {
    let sql = format!("SELECT {expression} FROM transactions");
    let planned = Query::plan(&sql, &records.schema(), &[]);
    let query = planned.map_err(|error| error.to_string())?;
    let mut partial = query.partial().unwrap();
    let rows = partial
        .push(records.project(query.columns()).unwrap())
        .and_then(|()| partial.finish())
        .and_then(|rows| query.result(rows))
        .map_err(|error| error_text(&error))?
        .rows;
    let column = rows.column(0);
    let shown = |row| array_value_to_string(column, row).unwrap();
    Ok((0..rows.num_rows()).map(shown).collect())
}

fn records() -> RecordBatch {
    let hour = 3_600_000_000;
    batch(
        &[("a", 1000, 1), ("b", 250, 2), ("a", -300, 3), ("b", 5, 4)],
        &[0, hour, 25 * hour, 26 * hour],
    )
}

/// Makes a batch from each record's brand, cents and quantity. Columns that the tests here do not read are NULL.
fn batch(values: &[(&str, i128, i64)], micros: &[i64]) -> RecordBatch {
    let schema = cards();
    let columns = schema
        .fields()
        .iter()
        .map(|field| -> ArrayRef {
            match field.name().as_str() {
                "card_brand" => Arc::new(
                    values
                        .iter()
                        .map(|v| Some(v.0))
                        .collect::<StringViewArray>(),
                ),
                "amount" => Arc::new(
                    Decimal128Array::from_iter_values(values.iter().map(|v| v.1))
                        .with_precision_and_scale(12, 2)
                        .unwrap(),
                ),
                "quantity" => Arc::new(Int64Array::from_iter_values(values.iter().map(|v| v.2))),
                "timestamp" => Arc::new(
                    TimestampMicrosecondArray::from_iter_values(micros.iter().copied())
                        .with_timezone("UTC"),
                ),
                "Channel" => Arc::new(
                    values
                        .iter()
                        .map(|_| Some("pos"))
                        .collect::<StringViewArray>(),
                ),
                _ => arrow::array::new_null_array(field.data_type(), values.len()),
            }
        })
        .collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

fn rows(expected: &[&[&str]]) -> Vec<Vec<String>> {
    expected
        .iter()
        .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
        .collect()
}

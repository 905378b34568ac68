//! Tests of what the decoder promises as a whole. Expected values are written by hand, or come from serde_json, chrono,
//! or arithmetic on digits, and never from the decoder.

use arrow::array::{Array, AsArray};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::*;

mod batches;
mod cases;
mod properties;
mod sql;

/// The metadata of a record without a key, at a place that does not matter.
const META: RecordMeta<'static> = RecordMeta {
    topic: "transactions",
    partition: 3,
    offset: 41,
    timestamp_ms: None,
    key: None,
    headers: &[],
};

/// Returns a decoder for the columns of `ddl` that `columns` names, in that order.
fn decoder(ddl: &str, columns: &[&str]) -> Decoder {
    let schema = TableSchema::parse(ddl).unwrap();
    let projection: Vec<usize> = columns
        .iter()
        .map(|name| schema.table().index_of(name).unwrap())
        .collect();
    Decoder::new(&schema, &projection).unwrap()
}

/// Returns a column's values as Arrow shows them.
fn shown(column: &dyn Array) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL");
    let formatter = ArrayFormatter::try_new(column, &options).unwrap();
    (0..column.len())
        .map(|row| formatter.value(row).to_string())
        .collect()
}

/// Returns a batch's rows, with the values as Arrow shows them.
fn rows(batch: &RecordBatch) -> Vec<Vec<String>> {
    let columns: Vec<_> = batch.columns().iter().map(|column| shown(column)).collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column[row].clone()).collect())
        .collect()
}

//! What the decoder promises as a whole. Expected values are written by hand, or come from serde_json,
//! chrono, or arithmetic on digits: never from the decoder.

use arrow::array::{Array, AsArray};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::*;

mod batches;
mod cases;
mod properties;
mod sql;

/// A record of no key, at a place that does not matter.
const META: RecordMeta<'static> = RecordMeta {
    topic: "transactions",
    partition: 3,
    offset: 41,
    timestamp_ms: None,
    key: None,
    headers: &[],
};

/// A decoder for the columns of `ddl` named in `columns`, in that order.
fn decoder(ddl: &str, columns: &[&str]) -> Decoder {
    let schema = TableSchema::parse(ddl).unwrap();
    let projection: Vec<usize> = columns
        .iter()
        .map(|name| schema.table().index_of(name).unwrap())
        .collect();
    Decoder::new(&schema, &projection).unwrap()
}

/// A column's values as Arrow shows them.
fn shown(column: &dyn Array) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL");
    let formatter = ArrayFormatter::try_new(column, &options).unwrap();
    (0..column.len())
        .map(|row| formatter.value(row).to_string())
        .collect()
}

/// A batch's rows as Arrow shows their values.
fn rows(batch: &RecordBatch) -> Vec<Vec<String>> {
    let columns: Vec<_> = batch.columns().iter().map(|column| shown(column)).collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column[row].clone()).collect())
        .collect()
}

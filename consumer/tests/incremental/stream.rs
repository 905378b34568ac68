//! Draws the records, and the batches and partitions in which they come.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int64Type, Schema, SchemaRef};
use proptest::prelude::*;

#[derive(Clone, Debug)]
pub struct Record {
    brand: Option<&'static str>,
    cents: Option<i64>,
    quantity: Option<i64>,
    score: Option<f64>,
    at: i64,
    tags: Vec<i64>,
}

fn record() -> impl Strategy<Value = Record> {
    (
        prop::option::weighted(0.9, prop::sample::select(vec!["a", "b", "c", "d"])),
        prop::option::weighted(0.9, -5_000_i64..20_000),
        prop::option::weighted(0.9, -3_i64..100),
        prop::option::weighted(0.9, -1e3..1e3_f64),
        0_i64..300_000_000,
        prop::collection::vec(0_i64..4, 0..3),
    )
        .prop_map(|(brand, cents, quantity, score, at, tags)| Record {
            brand,
            cents,
            quantity,
            score,
            at,
            tags,
        })
}

/// Draws records, each with its partition and the batch in which it comes.
pub fn stream() -> impl Strategy<Value = Vec<(Record, i32, usize)>> {
    prop::collection::vec((record(), 0..3_i32, 0..4_usize), 1..60).prop_map(|mut stream| {
        stream.sort_by_key(|(_, partition, batch)| (*batch, *partition));
        stream
    })
}

pub fn rows(records: &[(Record, i32, i64)]) -> RecordBatch {
    fn column<T: 'static>(
        records: &[(Record, i32, i64)],
        value: impl Fn(&Record) -> T,
    ) -> impl Iterator<Item = T> {
        records.iter().map(move |(record, ..)| value(record))
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "brand",
            Arc::new(column(records, |r| r.brand).collect::<StringViewArray>()),
        ),
        (
            "amount",
            Arc::new(
                column(records, |r| r.cents.map(i128::from))
                    .collect::<Decimal128Array>()
                    .with_precision_and_scale(12, 2)
                    .unwrap(),
            ),
        ),
        (
            "quantity",
            Arc::new(column(records, |r| r.quantity).collect::<Int64Array>()),
        ),
        (
            "score",
            Arc::new(column(records, |r| r.score).collect::<Float64Array>()),
        ),
        (
            "at",
            Arc::new(
                TimestampMicrosecondArray::from_iter_values(column(records, |r| r.at))
                    .with_timezone("UTC"),
            ),
        ),
        (
            "tags",
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(column(
                records,
                |r| Some(r.tags.iter().copied().map(Some).collect::<Vec<_>>()),
            ))),
        ),
        (
            "_partition",
            Arc::new(Int32Array::from_iter_values(
                records.iter().map(|(_, partition, _)| *partition),
            )),
        ),
        (
            "_offset",
            Arc::new(Int64Array::from_iter_values(
                records.iter().map(|(.., offset)| *offset),
            )),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap()
}

pub fn schema() -> SchemaRef {
    let schema = rows(&[]).schema();
    Arc::new(Schema::new(schema.fields().clone()))
}

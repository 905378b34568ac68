//! Tests that streams are read as they were written, and of what happens when they are changed.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, FixedSizeListArray, Int32Array, Int64Array, ListArray, RecordBatch,
    StringDictionaryBuilder, StringViewArray, StructArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{Field, Fields, Int32Type};
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// One of each type that a state may have.
fn types() -> Vec<DataType> {
    use arrow::datatypes::IntervalUnit::{DayTime, MonthDayNano, YearMonth};
    use arrow::datatypes::TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};

    let number = Field::new("n", DataType::Int64, true);
    let text = Field::new("text", DataType::Utf8View, true);
    let parts = DataType::Struct(Fields::from(vec![number, text]));
    let key = Field::new("key", DataType::Utf8, false);
    let value = Field::new("value", DataType::Int64, true);
    let entries = DataType::Struct(Fields::from(vec![key, value]));
    let words = |index| DataType::Dictionary(Box::new(index), Box::new(DataType::Utf8));
    vec![
        DataType::Null,
        DataType::Boolean,
        DataType::Int8,
        DataType::UInt64,
        DataType::Float16,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal32(9, 2),
        DataType::Decimal64(18, -2),
        DataType::Decimal128(38, 10),
        DataType::Decimal256(76, 76),
        DataType::Date32,
        DataType::Date64,
        DataType::Time32(Second),
        DataType::Time32(Millisecond),
        DataType::Time64(Microsecond),
        DataType::Time64(Nanosecond),
        DataType::Timestamp(Microsecond, Some("UTC".into())),
        DataType::Timestamp(Nanosecond, None),
        DataType::Duration(Second),
        DataType::Interval(YearMonth),
        DataType::Interval(DayTime),
        DataType::Interval(MonthDayNano),
        DataType::Binary,
        DataType::LargeBinary,
        DataType::BinaryView,
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::FixedSizeBinary(16),
        DataType::List(item(DataType::Utf8View)),
        DataType::List(item(DataType::List(item(parts.clone())))),
        DataType::LargeList(item(DataType::Decimal128(38, 2))),
        DataType::FixedSizeList(item(DataType::Int32), 3),
        DataType::ListView(item(DataType::Utf8View)),
        DataType::LargeListView(item(DataType::Int16)),
        DataType::RunEndEncoded(
            Arc::new(Field::new("run_ends", DataType::Int32, false)),
            Arc::new(Field::new("values", DataType::Utf8, true)),
        ),
        DataType::Struct(Fields::empty()),
        parts,
        DataType::Map(Arc::new(Field::new("entries", entries, false)), false),
        words(DataType::UInt8),
        DataType::List(item(words(DataType::Int64))),
    ]
}

/// Columns with values of several kinds, which lie in each other.
fn columns() -> Vec<ArrayRef> {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(-7), Some(9)]));
    let texts = [
        "a",
        "a text of more than twelve bytes",
        "",
        "and another one of them",
    ];
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
    let nulls = NullBuffer::from(vec![true, false, true, true]);
    let parts = Fields::from(vec![
        Field::new("n", DataType::Int64, true),
        Field::new("text", DataType::Utf8View, true),
    ]);
    let both = vec![Arc::clone(&numbers), Arc::clone(&texts)];
    let parts: ArrayRef = Arc::new(StructArray::new(parts, both, Some(nulls.clone())));
    let lists: ArrayRef = Arc::new(ListArray::new(
        item(parts.data_type().clone()),
        OffsetBuffer::from_lengths([2, 0, 1, 1]),
        Arc::clone(&parts),
        Some(nulls.clone()),
    ));
    let eight: ArrayRef = Arc::new(Int32Array::from_iter_values(0..8));
    // Without nulls of its own, so that the list's nulls are spread over its values.
    let pair = Arc::new(Field::new("pair", DataType::Int32, false));
    let pairs = FixedSizeListArray::new(pair, 2, eight, Some(nulls));
    let mut words = StringDictionaryBuilder::<Int32Type>::new();
    for word in [Some("x"), Some("y"), None, Some("x")] {
        words.append_option(word);
    }
    let to = |column: &ArrayRef, data_type| cast(column, &data_type).unwrap();
    let runs = DataType::RunEndEncoded(
        Arc::new(Field::new("run_ends", DataType::Int64, false)),
        Arc::new(Field::new("values", DataType::Utf8View, true)),
    );
    vec![
        to(&texts, DataType::Utf8),
        to(&texts, DataType::LargeUtf8),
        to(&texts, runs),
        to(&texts, DataType::BinaryView),
        to(&numbers, DataType::Decimal128(38, 2)),
        to(&numbers, DataType::Float32),
        to(&numbers, DataType::Boolean),
        to(&lists, DataType::LargeList(item(parts.data_type().clone()))),
        to(&lists, DataType::ListView(item(parts.data_type().clone()))),
        numbers,
        texts,
        parts,
        lists,
        Arc::new(pairs),
        Arc::new(words.finish()),
    ]
}

fn batch(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("c", column, true)]).unwrap()
}

#[test]
fn each_type_that_a_state_may_have_is_read_as_it_was_written() {
    let nulls = types()
        .into_iter()
        .map(|data_type| new_null_array(&data_type, 4));
    for column in nulls.chain(columns()) {
        let batch = batch(column);
        let mut whole = vec![batch.clone(), batch.slice(1, 2)];
        // Of no runs Arrow writes what it does not read.
        if !matches!(batch.column(0).data_type(), DataType::RunEndEncoded(..)) {
            whole.push(batch.slice(0, 0));
        }
        let stream = stream_of(&batch.schema(), &whole);
        assert_eq!(batches_of(stream.into()).unwrap(), whole);
    }
}

#[test]
fn lists_in_lists_are_read_to_the_depth_that_flatbuffers_allows() {
    let nested = |depth| {
        let mut column: ArrayRef = Arc::new(Int64Array::from(vec![7]));
        for _level in 0..depth {
            column = Arc::new(ListArray::new(
                item(column.data_type().clone()),
                OffsetBuffer::from_lengths([1]),
                column,
                None,
            ));
        }
        let batch = batch(column);
        (
            stream_of(&batch.schema(), std::slice::from_ref(&batch)),
            batch,
        )
    };
    let (stream, batch) = nested(59);
    assert_eq!(batches_of(stream.into()).unwrap(), [batch]);
    let (stream, _) = nested(70);
    assert!(batches_of(stream.into()).is_err());
}

/// Where each message, without its frame and its body, lies in `stream`.
fn messages(stream: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut messages = Vec::new();
    let mut rest = stream;
    while let Some(found) = next(rest).unwrap() {
        let start = stream.len() - rest.len() + 8;
        messages.push(start..start + found.length);
        rest = found.rest;
    }
    messages
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Numbers of a message that are changed, and bytes of a body, where no checksum tells of it, do no harm.
    #[test]
    fn changed_messages_are_an_error_or_read(
        column in any::<Index>(),
        changes in proptest::collection::vec((
            any::<Index>(),
            any::<Index>(),
            prop_oneof![Just(1_usize), Just(2), Just(4), Just(8)],
            prop_oneof![
                any::<i64>(),
                -2_i64..40,
                Just(i64::MAX),
                Just(i64::MIN),
                (0_u32..63).prop_map(|bit| 1_i64 << bit),
            ],
            any::<bool>(),
        ), 1..4),
        body in proptest::option::weighted(0.3, (any::<Index>(), any::<u8>())),
    ) {
        let nulls = types().into_iter().map(|data_type| new_null_array(&data_type, 4));
        let columns: Vec<ArrayRef> = nulls.chain(columns()).collect();
        let batch = batch(Arc::clone(column.get(&columns)));
        let mut stream = stream_of(&batch.schema(), &[batch.clone(), batch]);
        let messages = messages(&stream);
        for (message, at, width, value, add) in changes {
            let message = message.get(&messages).clone();
            let at = message.start + at.index(message.len() / width) * width;
            let Some(number) = stream.get_mut(at..at + width) else {
                continue;
            };
            let mut eight = [0; 8];
            eight[..width].copy_from_slice(number);
            let value = if add {
                i64::from_le_bytes(eight).wrapping_add(value)
            } else {
                value
            };
            number.copy_from_slice(&value.to_le_bytes()[..width]);
        }
        if let Some((at, byte)) = body {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        let _ = batches_of(stream.into());
    }
}

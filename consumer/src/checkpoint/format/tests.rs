//! Tests that reading returns what was written, and an error for everything else.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int32Array,
    Int64Array, ListArray, RecordBatchOptions, StringArray, StringViewArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

fn header(kind: CheckpointKind) -> CheckpointHeader {
    CheckpointHeader {
        fingerprint: "0123456789abcdef".parse().unwrap(),
        partition: TopicPartition::new("transactions", 3),
        kind,
        start: Offset(5),
        next: Offset(1000),
        watermark: Some(-1),
        groups: 0,
    }
}

const DELTA: CheckpointKind = CheckpointKind::Delta {
    previous: Offset(900),
};

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap()
}

fn empty(rows: usize) -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options).unwrap()
}

type Row = (Option<String>, Option<i64>, Option<i128>, Vec<Option<i64>>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let text = proptest::option::of(prop_oneof!["[a-z]{0,3}", "é{0,30}"]);
    let cents = proptest::option::of(-10_i128.pow(20)..10_i128.pow(20));
    let values = proptest::collection::vec(any::<Option<i64>>(), 0..4);
    proptest::collection::vec((text, any::<Option<i64>>(), cents, values), 0..40)
}

/// The states of several queries over the same rows.
fn states(rows: &[Row]) -> Vec<RecordBatch> {
    let text: ArrayRef = Arc::new(StringViewArray::from_iter(rows.iter().map(|row| &row.0)));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.1)));
    let decimals = Decimal128Array::from_iter(rows.iter().map(|row| row.2));
    let decimals: ArrayRef = Arc::new(decimals.with_precision_and_scale(38, 2).unwrap());
    let kept = rows.iter().map(|row| Some(row.3.clone()));
    let kept: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(kept));
    let times = TimestampMicrosecondArray::from_iter(rows.iter().map(|row| row.1));
    let times: ArrayRef = Arc::new(times.with_timezone("UTC"));
    let flags: ArrayRef = Arc::new(BooleanArray::from_iter(
        rows.iter().map(|row| row.1.map(|number| number > 0)),
    ));
    let floats: ArrayRef = Arc::new(Float64Array::from_iter(
        rows.iter().map(|row| row.1.map(|number| number as f64)),
    ));
    let parts = StructArray::from(vec![(
        Arc::new(Field::new("n", DataType::Int64, true)),
        Arc::clone(&numbers),
    )]);
    let words: DictionaryArray<Int32Type> = rows.iter().map(|row| row.0.as_deref()).collect();
    vec![
        // sum and avg by a text
        batch(vec![
            ("brand", Arc::clone(&text)),
            ("sum", Arc::clone(&decimals)),
            ("count", Arc::clone(&numbers)),
        ]),
        // median and count(DISTINCT) by a decimal and a time
        batch(vec![
            ("amount", decimals),
            ("at", times),
            ("values", kept),
            ("texts", texts_by(rows)),
        ]),
        // without GROUP BY
        batch(vec![("sum", floats), ("flag", flags)]),
        batch(vec![("struct", Arc::new(parts)), ("word", Arc::new(words))]),
        empty(rows.len()),
    ]
}

/// A list of each row's text and its neighbours'.
fn texts_by(rows: &[Row]) -> ArrayRef {
    let texts = rows.iter().flat_map(|row| [&row.0, &row.0]);
    let texts: StringViewArray = texts.collect();
    let field = Arc::new(Field::new_list_field(DataType::Utf8View, true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths(rows.iter().map(|_row| 2));
    Arc::new(ListArray::new(field, offsets, Arc::new(texts), None))
}

fn round_trip(kind: CheckpointKind, batches: &[RecordBatch]) {
    let object = encode(&header(kind), batches).unwrap();
    let (read, state) = decode(&object).unwrap();
    let groups = batches.iter().map(RecordBatch::num_rows).sum::<usize>() as u64;
    let written = CheckpointHeader {
        groups,
        ..header(kind)
    };
    assert_eq!(read, written);
    assert_eq!(state, batches);
    for (read, written) in state.iter().zip(batches) {
        assert_eq!(read.schema(), written.schema());
    }
    let head = object.slice(..object.len().min(HEAD_BYTES));
    assert_eq!(decode_header(&head, object.len() as u64).unwrap(), written);
}

#[test]
fn no_batches_and_no_rows_are_read_again() {
    round_trip(CheckpointKind::Base, &[]);
    round_trip(DELTA, &[empty(0)]);
    for state in states(&[]) {
        round_trip(CheckpointKind::Base, &[state]);
    }
}

#[test]
fn names_of_any_length_that_kafka_allows_fit() {
    let mut long = header(CheckpointKind::Base);
    long.partition = TopicPartition::new(&"x".repeat(249), i32::MAX);
    let object = encode(&long, &[]).unwrap();
    assert_eq!(decode(&object).unwrap().0, long);
    long.partition = TopicPartition::new(&"x".repeat(HEAD_BYTES), 0);
    assert!(matches!(encode(&long, &[]), Err(EncodeError::Header(_))));
}

#[test]
fn dictionaries_may_differ_between_batches() {
    let words = |words: &[&str]| {
        let column: DictionaryArray<Int32Type> = words.iter().copied().collect();
        batch(vec![("word", Arc::new(column))])
    };
    round_trip(CheckpointKind::Base, &[words(&["a", "b"]), words(&["c"])]);
}

#[test]
fn batches_of_several_schemas_are_not_written() {
    let one = batch(vec![("a", Arc::new(Int64Array::from(vec![1])))]);
    let other = batch(vec![("a", Arc::new(StringArray::from(vec!["1"])))]);
    assert!(encode(&header(CheckpointKind::Base), &[one, other]).is_err());
}

#[test]
fn a_slice_is_written_without_what_it_leaves_out() {
    let keys = (0..10_000).map(|n| format!("a key of some length, number {n}"));
    let keys = StringViewArray::from_iter_values(keys);
    let lists = ListArray::new(
        Arc::new(Field::new_list_field(DataType::Utf8View, true)),
        arrow::buffer::OffsetBuffer::from_lengths(vec![1; 10_000]),
        Arc::new(keys.clone()),
        None,
    );
    let whole = batch(vec![("key", Arc::new(keys)), ("keys", Arc::new(lists))]);
    let one = encode(&header(CheckpointKind::Base), std::slice::from_ref(&whole)).unwrap();
    let slices: Vec<_> = (0..100).map(|n| whole.slice(n * 100, 100)).collect();
    let many = encode(&header(CheckpointKind::Base), &slices).unwrap();
    assert!(
        many.len() < 2 * one.len(),
        "{} bytes, not {}",
        many.len(),
        one.len()
    );
    assert_eq!(decode(&many).unwrap().1, slices);
}

#[test]
fn what_is_read_needs_no_copy() {
    let values: ArrayRef = Arc::new(
        Decimal128Array::from(vec![1, 2, 3])
            .with_precision_and_scale(38, 2)
            .unwrap(),
    );
    let object = encode(
        &header(CheckpointKind::Base),
        &[batch(vec![("sum", values)])],
    )
    .unwrap();
    let (_, state) = decode(&object).unwrap();
    let column = state[0]
        .column(0)
        .as_primitive::<arrow::datatypes::Decimal128Type>();
    let within = object.as_ptr_range();
    assert!(within.contains(&column.values().inner().as_ptr()));
}

#[test]
fn each_fault_is_told_apart() {
    let object = encode(
        &header(DELTA),
        &[batch(vec![("n", Arc::new(Int32Array::from(vec![7])))])],
    );
    let object = object.unwrap();
    let told = |bytes: Vec<u8>| decode(&bytes.into()).unwrap_err().to_string();
    let size = object.len();

    assert_eq!(told(Vec::new()), "it is torn: 0 bytes of at least 40");
    assert_eq!(
        told(object[..11].to_vec()),
        "it is torn: 11 bytes of at least 40"
    );
    assert_eq!(
        told(object[..size - 1].to_vec()),
        format!("it is torn: {} bytes of at least {size}", size - 1)
    );
    assert_eq!(told(vec![0; size]), "it does not begin like a checkpoint");
    assert_eq!(
        told([&object[..], b"x"].concat()),
        format!("it is damaged: {} bytes, but it says {size}", size + 1)
    );
    let changed = |at: usize, to: u8| {
        let mut bytes = object.to_vec();
        bytes[at] = to;
        told(bytes)
    };
    assert_eq!(
        changed(8, 9),
        "it has format 9, this program reads format 1"
    );
    assert_eq!(
        changed(size - 20, 0x55),
        "it is damaged: its checksum is wrong"
    );
    assert_eq!(changed(30, b'?'), "it is damaged: its checksum is wrong");
}

#[test]
fn lengths_are_not_believed() {
    let object = encode(&header(CheckpointKind::Base), &[empty(3)]).unwrap();
    for at in [12, 16] {
        let mut huge = object.to_vec();
        huge[at..at + 4].copy_from_slice(&[255; 4]);
        assert!(matches!(
            decode(&huge.into()),
            Err(FormatError::Torn { .. })
        ));
    }
    let mut huge = object.to_vec();
    huge[16..24].copy_from_slice(&[255; 8]);
    assert!(matches!(
        decode(&huge.into()),
        Err(FormatError::Torn { .. })
    ));
}

/// The object with right checksums, whatever else is wrong with it.
fn signed(mut object: Vec<u8>) -> Bytes {
    let end = object.len() - SUM;
    let length = u32::from_le_bytes(object[12..16].try_into().unwrap()) as usize;
    if let Some(header_end) = PREFIX.checked_add(length)
        && header_end + SUM <= end
    {
        let sum = XxHash3_64::oneshot(&object[..header_end]).to_le_bytes();
        object[header_end..header_end + SUM].copy_from_slice(&sum);
    }
    let sum = XxHash3_64::oneshot(&object[..end]).to_le_bytes();
    object[end..].copy_from_slice(&sum);
    object.into()
}

#[test]
fn a_header_that_makes_no_sense_is_refused() {
    let object = encode(&header(DELTA), &[]).unwrap();
    let with = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let text: Vec<u8> = object.to_vec();
        let at = text
            .windows(from.len())
            .position(|window| window == from.as_bytes())
            .unwrap();
        let mut bytes = text;
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        decode(&signed(bytes)).unwrap_err().to_string()
    };
    let order = "its header is wrong: a delta comes after what it rests on";
    assert_eq!(
        with(r#""previous":900"#, r#""previous":1e3"#)
            .split(':')
            .next(),
        Some("its header is wrong")
    );
    assert_eq!(with(r#""next":1000"#, r#""next":900 "#), order);
    assert_eq!(with(r#""previous":900"#, r#""previous":1  "#), order);
    assert_eq!(
        with(
            r#""partition":3"#,
            r#""partition":-3"#.trim_end_matches('3')
        )
        .split(':')
        .next(),
        Some("its header is wrong")
    );
    assert_eq!(
        with("0123456789abcdef", "0123456789ABCDEF"),
        "its header is wrong: a fingerprint has 16 hexadecimal digits"
    );
    assert!(with(r#""groups":0"#, r#""groups":7"#).contains("it has 0 groups, its header says 7"));
    assert!(with(r#""groups""#, r#""unknow""#).contains("unknown field"));
}

#[test]
fn compressed_batches_are_refused_before_they_are_unpacked() {
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::IpcWriteOptions;

    let state = batch(vec![("n", Arc::new(Int64Array::from(vec![7; 1000])))]);
    let options = IpcWriteOptions::default()
        .try_with_compression(Some(CompressionType::LZ4_FRAME))
        .unwrap();
    let mut stream = Vec::new();
    let mut writer =
        StreamWriter::try_new_with_options(&mut stream, &state.schema(), options).unwrap();
    writer.write(&state).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let error = batches_of(stream.into()).unwrap_err();
    assert_eq!(error.to_string(), "its state is wrong: it is compressed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_state_is_read_as_it_was_written(
        rows in rows(),
        cuts in proptest::collection::vec(any::<Index>(), 0..4),
    ) {
        for state in states(&rows) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len() + 1)).collect();
            cuts.extend([0, rows.len()]);
            cuts.sort_unstable();
            let batches: Vec<_> = cuts
                .windows(2)
                .map(|cut| state.slice(cut[0], cut[1] - cut[0]))
                .collect();
            round_trip(DELTA, &batches);
        }
    }

    #[test]
    fn every_truncation_is_found(rows in rows()) {
        for state in states(&rows).into_iter().take(2) {
            let object = encode(&header(CheckpointKind::Base), &[state]).unwrap();
            for length in 0..object.len() {
                let torn = object.slice(..length);
                let head = object.slice(..length.min(HEAD_BYTES));
                prop_assert!(decode(&torn).is_err());
                prop_assert!(decode_header(&head, length as u64).is_err());
            }
        }
    }

    #[test]
    fn flipped_bits_are_found(
        rows in rows(),
        flips in proptest::collection::vec((any::<Index>(), 0_u8..8), 1..5),
    ) {
        let state = states(&rows).swap_remove(1);
        let object = encode(&header(DELTA), &[state]).unwrap();
        let mut flipped = object.to_vec();
        for (at, bit) in flips {
            flipped[at.index(object.len())] ^= 1_u8 << bit;
        }
        prop_assume!(flipped != object);
        prop_assert!(decode(&flipped.into()).is_err());
    }

    /// A head is trusted without the state, so its own checksum must find what is wrong with it.
    #[test]
    fn flipped_bits_of_a_header_are_found(at in any::<Index>(), bit in 0_u8..8) {
        let object = encode(&header(DELTA), &[empty(9)]).unwrap();
        let length = u32::from_le_bytes(object[12..16].try_into().unwrap()) as usize;
        let mut flipped = object.to_vec();
        flipped[at.index(PREFIX + length + SUM)] ^= 1_u8 << bit;
        prop_assert!(decode_header(&flipped, object.len() as u64).is_err());
    }

    #[test]
    fn any_bytes_are_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(decode(&bytes.clone().into()).is_err());
        let framed = [MAGIC, &FORMAT.to_le_bytes()[..], &bytes].concat();
        prop_assert!(decode(&framed.clone().into()).is_err());
        prop_assert!(decode_header(&framed, framed.len() as u64).is_err());
    }

    /// Behind a right checksum, too, nothing panics or takes memory without end.
    #[test]
    fn damage_that_is_signed_does_no_harm(
        rows in rows(),
        schema in 0_usize..5,
        damage in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let state = states(&rows).swap_remove(schema);
        let mut object = encode(&header(DELTA), &[state.clone(), state]).unwrap().to_vec();
        let length = object.len() - PREFIX;
        for (at, byte) in damage {
            object[PREFIX + at.index(length)] = byte;
        }
        let _ = decode(&signed(object));
    }
}

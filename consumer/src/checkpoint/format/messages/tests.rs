//! What no writer makes is an error before Arrow's reader sees it, and what one makes is none.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, FixedSizeListArray, Int32Array, Int64Array, ListArray, RecordBatch,
    StringDictionaryBuilder, StringViewArray, StructArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{Field, Fields, Int32Type, SchemaRef};
use arrow::ipc::convert::IpcSchemaEncoder;
use arrow::ipc::writer::StreamWriter;
use arrow::ipc::{
    self, DateArgs, DateUnit, DecimalArgs, DictionaryBatchArgs, DictionaryEncodingArgs,
    DurationArgs, Endianness, FieldArgs, FieldNode, FixedSizeBinaryArgs, FixedSizeListArgs,
    FloatingPointArgs, IntArgs, IntervalArgs, IntervalUnit, ListArgs, ListViewArgs, MapArgs,
    MessageArgs, MessageHeader, MetadataVersion, NullArgs, Precision, RecordBatchArgs,
    RunEndEncodedArgs, SchemaArgs, TimeArgs, TimeUnit, TimestampArgs, Type, UnionArgs,
};
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::ipc::batches_of;
use super::*;

const END: [u8; 8] = [255, 255, 255, 255, 0, 0, 0, 0];

/// A message, in its frame, with a body of so many bytes.
fn framed(message: &[u8], body: usize) -> Vec<u8> {
    let length = message.len() as u32;
    let mut framed = [&[255; 4], &length.to_le_bytes()[..], message].concat();
    framed.resize(framed.len() + body, 0);
    framed
}

fn refusal(messages: &[&[u8]]) -> String {
    let stream = [&messages.concat()[..], &END].concat();
    batches_of(stream.into()).unwrap_err().to_string()
}

/// A builder of flatbuffers, whose own crate is not ours to name.
macro_rules! builder {
    () => {{
        let mut builder = IpcSchemaEncoder::new().schema_to_fb(&Schema::empty());
        builder.reset();
        builder
    }};
}

/// A message with that header.
macro_rules! message {
    ($builder:ident, $kind:expr, $header:expr, $body:expr) => {{
        let header = $header.as_union_value();
        let message = ipc::Message::create(
            &mut $builder,
            &MessageArgs {
                version: MetadataVersion::V5,
                header_type: $kind,
                header: Some(header),
                bodyLength: $body as i64,
                custom_metadata: None,
            },
        );
        $builder.finish(message, None);
        framed($builder.finished_data(), $body)
    }};
}

/// A field with a table of `$args` as its type.
macro_rules! field {
    ($builder:ident, $kind:ident, $args:expr) => {
        field!($builder, $kind, $args, None, None)
    };
    ($builder:ident, $kind:ident, $args:expr, $children:expr) => {{
        let children = $builder.create_vector($children);
        field!($builder, $kind, $args, Some(children), None)
    }};
    ($builder:ident, $kind:ident, $args:expr, $children:expr, $dictionary:expr) => {{
        let type_ = ipc::$kind::create(&mut $builder, &$args).as_union_value();
        ipc::Field::create(
            &mut $builder,
            &FieldArgs {
                type_type: Type::$kind,
                type_: Some(type_),
                children: $children,
                dictionary: $dictionary,
                nullable: true,
                ..FieldArgs::default()
            },
        )
    }};
}

macro_rules! schema {
    ($builder:ident, $endianness:expr, $fields:expr) => {{
        let fields = $builder.create_vector($fields);
        let schema = ipc::Schema::create(
            &mut $builder,
            &SchemaArgs {
                endianness: $endianness,
                fields: Some(fields),
                ..SchemaArgs::default()
            },
        );
        message!($builder, MessageHeader::Schema, schema, 0)
    }};
}

/// A schema of one column, with so many columns of NULL in it.
macro_rules! schema_of {
    ($kind:ident, $args:expr, $children:expr) => {{
        let mut builder = builder!();
        let child = field!(builder, Null, NullArgs {});
        let field = field!(
            builder,
            $kind,
            $args,
            &std::iter::repeat_n(child, $children).collect::<Vec<_>>()
        );
        schema!(builder, Endianness::Little, &[field])
    }};
    ($kind:ident, $args:expr) => {
        schema_of!($kind, $args, 0)
    };
}

#[test]
fn types_that_arrow_does_not_know_are_refused() {
    let decimal = |precision, scale, bits| {
        schema_of!(
            Decimal,
            DecimalArgs {
                precision,
                scale,
                bitWidth: bits,
            }
        )
    };
    let time = |bits, unit| {
        schema_of!(
            Time,
            TimeArgs {
                unit,
                bitWidth: bits,
            }
        )
    };
    let int = |bits| {
        schema_of!(
            Int,
            IntArgs {
                bitWidth: bits,
                is_signed: true,
            }
        )
    };
    let lists = |size, children| {
        schema_of!(
            FixedSizeList,
            FixedSizeListArgs { listSize: size },
            children
        )
    };
    let bytes = |width| schema_of!(FixedSizeBinary, FixedSizeBinaryArgs { byteWidth: width });
    let wrong = [
        int(7),
        int(-8),
        decimal(0, 0, 128),
        decimal(39, 0, 128),
        decimal(300, 0, 128),
        decimal(10, 11, 128),
        decimal(10, 1000, 128),
        decimal(-1, 0, 128),
        decimal(9, 0, 16),
        time(32, TimeUnit::NANOSECOND),
        time(64, TimeUnit::SECOND),
        time(7, TimeUnit::SECOND),
        lists(-1, 1),
        lists(1, 0),
        lists(1, 2),
        bytes(-1),
        schema_of!(List, ListArgs {}, 0),
        schema_of!(ListView, ListViewArgs {}, 2),
        schema_of!(List, ListArgs {}, 2),
        schema_of!(Map, MapArgs { keysSorted: false }, 0),
        schema_of!(Map, MapArgs { keysSorted: false }, 1),
        schema_of!(RunEndEncoded, RunEndEncodedArgs {}, 2),
        schema_of!(Union, UnionArgs::default(), 1),
        schema_of!(
            FloatingPoint,
            FloatingPointArgs {
                precision: Precision(3),
            }
        ),
        schema_of!(Date, DateArgs { unit: DateUnit(2) }),
        schema_of!(Duration, DurationArgs { unit: TimeUnit(4) }),
        schema_of!(
            Timestamp,
            TimestampArgs {
                unit: TimeUnit(-1),
                timezone: None,
            }
        ),
        schema_of!(
            Interval,
            IntervalArgs {
                unit: IntervalUnit(3),
            }
        ),
    ];
    for schema in wrong {
        assert_eq!(
            refusal(&[&schema]),
            r#"its state is wrong: column "" has a type that no state has"#
        );
    }
    // The same with what Arrow knows.
    let right = [
        int(8),
        decimal(38, -3, 128),
        time(64, TimeUnit::NANOSECOND),
        lists(2, 1),
        bytes(0),
        schema_of!(List, ListArgs {}, 1),
    ];
    for schema in right {
        let stream = [&schema[..], &END].concat();
        assert_eq!(batches_of(stream.into()).unwrap(), []);
    }
}

#[test]
fn a_wrong_type_is_found_within_others() {
    let mut builder = builder!();
    let int = IntArgs {
        bitWidth: 24,
        is_signed: true,
    };
    let wrong = field!(builder, Int, int);
    let list = field!(builder, List, ListArgs {}, &[wrong]);
    let list = field!(builder, List, ListArgs {}, &[list]);
    let schema = schema!(builder, Endianness::Little, &[list]);
    assert!(refusal(&[&schema]).contains("a type that no state has"));
}

#[test]
fn a_dictionary_needs_a_type_of_its_index() {
    for bits in [None, Some(0), Some(128)] {
        let mut builder = builder!();
        let index = bits.map(|bits| {
            let args = IntArgs {
                bitWidth: bits,
                is_signed: true,
            };
            ipc::Int::create(&mut builder, &args)
        });
        let dictionary = DictionaryEncodingArgs {
            indexType: index,
            ..DictionaryEncodingArgs::default()
        };
        let dictionary = ipc::DictionaryEncoding::create(&mut builder, &dictionary);
        let field = field!(builder, Null, NullArgs {}, None, Some(dictionary));
        let schema = schema!(builder, Endianness::Little, &[field]);
        assert!(refusal(&[&schema]).contains("without a type of its index"));
    }
}

#[test]
fn a_schema_takes_no_more_memory_than_its_bytes() {
    let mut builder = builder!();
    let field = field!(builder, Null, NullArgs {});
    let mut fields = vec![field];
    // Each struct has the one before a hundred times.
    for _level in 0..2 {
        let within = fields[0];
        fields = vec![field!(
            builder,
            Struct_,
            ipc::Struct_Args {},
            &[within; 100]
        )];
    }
    let schema = schema!(builder, Endianness::Little, &fields);
    assert!(refusal(&[&schema]).contains("longer than its bytes"));
}

#[test]
fn a_schema_of_numbers_that_are_not_ours_is_refused() {
    for endianness in [Endianness::Big, Endianness(7)] {
        let mut builder = builder!();
        let field = field!(builder, Decimal, DecimalArgs::default());
        let schema = schema!(builder, endianness, &[field]);
        assert!(refusal(&[&schema]).contains("not little-endian"));
    }
    let mut builder = builder!();
    let schema = ipc::Schema::create(&mut builder, &SchemaArgs::default());
    let schema = message!(builder, MessageHeader::Schema, schema, 0);
    assert!(refusal(&[&schema]).contains("has no columns"));
}

/// What stands in the table of a batch.
#[derive(Clone, Default)]
struct Rows<'r> {
    /// Length and nulls of each.
    nodes: &'r [(i64, i64)],
    /// Offset and length of each.
    buffers: &'r [(i64, i64)],
    variadic: &'r [i64],
}

macro_rules! rows {
    ($builder:ident, $length:expr, $rows:expr) => {{
        let nodes = $rows.nodes.iter();
        let nodes: Vec<_> = nodes.map(|node| FieldNode::new(node.0, node.1)).collect();
        let buffers = $rows.buffers.iter();
        let buffers: Vec<_> = buffers
            .map(|buffer| ipc::Buffer::new(buffer.0, buffer.1))
            .collect();
        let args = RecordBatchArgs {
            length: $length,
            nodes: Some($builder.create_vector(&nodes)),
            buffers: Some($builder.create_vector(&buffers)),
            variadicBufferCounts: Some($builder.create_vector($rows.variadic)),
            ..RecordBatchArgs::default()
        };
        ipc::RecordBatch::create(&mut $builder, &args)
    }};
}

/// A batch with a body of 64 zeros.
fn batch_of(length: i64, rows: &Rows<'_>) -> Vec<u8> {
    let mut builder = builder!();
    let batch = rows!(builder, length, rows);
    message!(builder, MessageHeader::RecordBatch, batch, 64)
}

fn dictionary_of(id: i64, delta: bool, rows: Option<&Rows<'_>>) -> Vec<u8> {
    let mut builder = builder!();
    let data = rows.map(|rows| rows!(builder, 1, rows));
    let args = DictionaryBatchArgs {
        id,
        data,
        isDelta: delta,
    };
    let batch = ipc::DictionaryBatch::create(&mut builder, &args);
    message!(builder, MessageHeader::DictionaryBatch, batch, 64)
}

/// The message of a schema of one column.
fn schema_with(data_type: DataType) -> Vec<u8> {
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("c", data_type, true)]));
    let stream = stream_of(&schema, &[]);
    stream[..stream.len() - END.len()].to_vec()
}

fn stream_of(schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut writer = StreamWriter::try_new(&mut stream, schema).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    stream
}

fn rows<'r>(nodes: &'r [(i64, i64)], buffers: &'r [(i64, i64)]) -> Rows<'r> {
    Rows {
        nodes,
        buffers,
        variadic: &[],
    }
}

#[test]
fn batches_that_arrow_would_not_survive_are_refused() {
    let told = |data_type: DataType, rows: Rows<'_>| {
        refusal(&[&schema_with(data_type), &batch_of(1, &rows)])
    };
    let nodes = "its state is wrong: the rows of a column cannot be so many";
    for node in [(-1, 0), (1, -1), (1, 2), (i64::MIN, 0)] {
        let found = told(DataType::Int64, rows(&[node], &[(0, 0), (0, 8)]));
        assert_eq!(found, nodes);
    }
    let within = "its state is wrong: a buffer is not within its batch";
    for buffer in [
        (-8, 8),
        (0, -8),
        (60, 8),
        (0, 65),
        (i64::MAX, 8),
        (8, i64::MAX),
    ] {
        let found = told(DataType::Int64, rows(&[(1, 0)], &[(0, 0), buffer]));
        assert_eq!(found, within);
    }
    // Twice the same bytes.
    assert_eq!(
        told(DataType::Int64, rows(&[(1, 0)], &[(0, 40), (0, 40)])),
        within
    );
    assert!(
        told(DataType::Int64, rows(&[(9, 1)], &[(0, 1), (0, 0)]))
            .contains("does not say which rows are NULL")
    );
    assert!(
        told(
            DataType::Struct(Fields::empty()),
            rows(&[(9, 9)], &[(0, 1)])
        )
        .contains("does not say which rows are NULL")
    );
    for (data_type, length) in [
        (DataType::Utf8, 9),
        (DataType::LargeUtf8, 17),
        (DataType::Utf8View, 17),
        (DataType::List(item(DataType::Null)), 9),
        (DataType::ListView(item(DataType::Null)), 9),
        (
            DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Null)),
            3,
        ),
    ] {
        let buffers = [(0, 0), (0, length), (0, 0)];
        let rows = Rows {
            variadic: &[0],
            ..rows(&[(1, 0), (0, 0)], &buffers)
        };
        let found = told(data_type.clone(), rows);
        assert!(
            found.contains("ends within a value"),
            "{data_type}: {found}"
        );
    }
    for count in [-1, -2, i64::MIN, i64::MAX, 3] {
        let rows = Rows {
            variadic: &[count],
            ..rows(&[(1, 0)], &[(0, 0), (0, 16)])
        };
        assert!(told(DataType::Utf8View, rows).contains("cannot have so many buffers"));
    }
    let less = "its state is wrong: a batch has less than its schema";
    assert_eq!(told(DataType::Int64, rows(&[], &[(0, 0), (0, 8)])), less);
    assert_eq!(told(DataType::Int64, rows(&[(1, 0)], &[(0, 0)])), less);
    let views = rows(&[(1, 0)], &[(0, 0), (0, 16)]);
    assert_eq!(told(DataType::Utf8View, views), less);
    let more = "its state is wrong: a batch has more than its schema";
    let long = rows(&[(1, 0), (1, 0)], &[(0, 0), (0, 8)]);
    assert_eq!(told(DataType::Int64, long), more);
    let variadic = Rows {
        variadic: &[0],
        ..rows(&[(1, 0)], &[(0, 0), (0, 8)])
    };
    assert_eq!(told(DataType::Int64, variadic), more);

    for length in [1 << 31, i64::MAX] {
        let found = told(DataType::Null, rows(&[(length, length)], &[]));
        assert_eq!(found, nodes);
    }
    let negative = batch_of(-1, &rows(&[], &[]));
    let schema = stream_of(&Arc::new(Schema::empty()), &[]);
    let found = refusal(&[&schema[..schema.len() - END.len()], &negative]);
    assert!(found.contains("the rows of a batch cannot be so many"));
}

#[test]
fn messages_come_in_their_order() {
    let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Int64));
    let schema = schema_with(words);
    let rows = Rows {
        nodes: &[(1, 0)],
        buffers: &[(0, 0), (0, 8)],
        variadic: &[],
    };
    let batch = batch_of(1, &rows);
    let values = dictionary_of(0, false, Some(&rows));
    let whole = [&schema[..], &values, &batch, &END].concat();
    assert_eq!(batches_of(whole.into()).unwrap().len(), 1);

    let no_schema = "its state is wrong: it does not begin with a schema";
    assert_eq!(refusal(&[&batch]), no_schema);
    assert_eq!(refusal(&[&values, &schema]), no_schema);
    assert_eq!(refusal(&[]), "its state is wrong: it has no schema");
    let neither = "its state is wrong: a message is neither a batch nor a dictionary";
    assert_eq!(refusal(&[&schema, &schema]), neither);
    let mut builder = builder!();
    let none = ipc::Message::create(&mut builder, &MessageArgs::default());
    builder.finish(none, None);
    let none = framed(builder.finished_data(), 0);
    assert_eq!(refusal(&[&schema, &none]), neither);
    assert_eq!(refusal(&[&none]), no_schema);

    let told = |dictionary: Vec<u8>| refusal(&[&schema, &dictionary]);
    assert!(told(dictionary_of(1, false, Some(&rows))).contains("is of no column"));
    assert!(told(dictionary_of(0, true, Some(&rows))).contains("adds to another"));
    assert!(told(dictionary_of(0, false, None)).contains("has no values"));
}

fn item(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new_list_field(data_type, true))
}

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

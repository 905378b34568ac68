//! Batches that are refused, and their order.

use std::sync::Arc;

use arrow::datatypes::{Field, Fields, SchemaRef};
use arrow::ipc::{
    self, DictionaryBatchArgs, FieldNode, MessageArgs, MessageHeader, RecordBatchArgs,
};

use super::*;

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

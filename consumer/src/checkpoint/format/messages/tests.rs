//! Tests that what no writer makes is an error before Arrow's reader sees it, and that what a writer makes is no error.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, SchemaRef};
use arrow::ipc::convert::IpcSchemaEncoder;
use arrow::ipc::writer::StreamWriter;
use arrow::ipc::{MessageArgs, MetadataVersion};

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

mod batches;
mod reading;
mod schemas;

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

fn item(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new_list_field(data_type, true))
}

//! A record's metadata in Kafka, and the columns made of it.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Builder, Int64Builder, ListArray, StringViewBuilder, StructArray,
    TimestampMicrosecondBuilder,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;

use crate::schema::metadata::{MetadataColumn, header_fields};

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The header's name. Several headers of a record may have the same name.
    pub key: &'a str,
    /// The bytes of the header's value, if it has one.
    pub value: Option<&'a [u8]>,
}

/// The metadata of a record: everything that Kafka stores with it except its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordMeta<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The number of the partition in the topic.
    pub partition: i32,
    /// The record's offset in the partition.
    pub offset: i64,
    /// The record's timestamp in milliseconds since 1970 in UTC, if it has one. It may be left out if no column reads
    /// it.
    pub timestamp_ms: Option<i64>,
    /// The key, if the record has one.
    pub key: Option<&'a [u8]>,
    /// The headers in their order. They may be left out unless
    /// [`Decoder::reads_headers`](crate::format::json::Decoder::reads_headers) returns true.
    pub headers: &'a [Header<'a>],
}

/// A builder of one metadata column.
#[derive(Debug)]
pub(super) enum MetadataBuilder {
    Topic(StringViewBuilder),
    Partition(Int32Builder),
    Offset(Int64Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Key(StringViewBuilder, String),
    Headers(HeadersBuilder),
}

#[derive(Debug)]
pub(super) struct HeadersBuilder {
    ends: Vec<i32>,
    count: usize,
    keys: StringViewBuilder,
    values: BinaryBuilder,
}

impl MetadataBuilder {
    pub(super) fn new(column: MetadataColumn, rows: usize) -> Self {
        match column {
            MetadataColumn::Topic => Self::Topic(StringViewBuilder::with_capacity(rows)),
            MetadataColumn::Partition => Self::Partition(Int32Builder::with_capacity(rows)),
            MetadataColumn::Offset => Self::Offset(Int64Builder::with_capacity(rows)),
            MetadataColumn::Timestamp => Self::Timestamp(
                TimestampMicrosecondBuilder::with_capacity(rows)
                    .with_data_type(crate::schema::timestamp()),
            ),
            MetadataColumn::Key => Self::Key(StringViewBuilder::with_capacity(rows), String::new()),
            MetadataColumn::Headers => Self::Headers(HeadersBuilder {
                ends: vec![0],
                count: 0,
                keys: StringViewBuilder::with_capacity(rows),
                values: BinaryBuilder::with_capacity(rows, 0),
            }),
        }
    }

    #[inline]
    pub(super) fn append(&mut self, meta: &RecordMeta<'_>) {
        match self {
            Self::Topic(builder) => builder.append_value(meta.topic),
            Self::Partition(builder) => builder.append_value(meta.partition),
            Self::Offset(builder) => builder.append_value(meta.offset),
            Self::Timestamp(builder) => {
                // A timestamp that the type cannot hold becomes NULL, because a nearer one would be made up.
                builder.append_option(meta.timestamp_ms.and_then(|ms| ms.checked_mul(1000)));
            }
            Self::Key(builder, scratch) => match meta.key {
                None => builder.append_null(),
                Some(key) => builder.append_value(key_text(key, scratch)),
            },
            Self::Headers(builder) => {
                for header in meta.headers {
                    builder.keys.append_value(header.key);
                    builder.values.append_option(header.value);
                }
                builder.count += meta.headers.len();
                let end = i32::try_from(builder.count).unwrap_or(i32::MAX);
                builder.ends.push(end);
            }
        }
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Topic(builder) | Self::Key(builder, _) => Arc::new(builder.finish()),
            Self::Partition(builder) => Arc::new(builder.finish()),
            Self::Offset(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Headers(builder) => {
                let ends = std::mem::replace(&mut builder.ends, vec![0]);
                builder.count = 0;
                let columns: Vec<ArrayRef> = vec![
                    Arc::new(builder.keys.finish()),
                    Arc::new(builder.values.finish()),
                ];
                let headers = StructArray::try_new(header_fields(), columns, None)?;
                let item = DataType::Struct(header_fields());
                Arc::new(ListArray::try_new(
                    Arc::new(Field::new_list_field(item, false)),
                    OffsetBuffer::new(ScalarBuffer::from(ends)),
                    Arc::new(headers),
                    None,
                )?)
            }
        })
    }
}

/// Returns the key as text. Each byte that is not UTF-8 is written as `\xNN`.
fn key_text<'a>(key: &'a [u8], scratch: &'a mut String) -> &'a str {
    if let Ok(text) = str::from_utf8(key) {
        return text;
    }
    scratch.clear();
    for chunk in key.utf8_chunks() {
        scratch.push_str(chunk.valid());
        for byte in chunk.invalid() {
            scratch.push_str(&format!("\\x{byte:02X}"));
        }
    }
    scratch
}

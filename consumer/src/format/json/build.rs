//! Builds Arrow arrays, value by value.
//!
//! Appending cannot fail, because each value has been read completely and as the column's own type. A value of another
//! type would become NULL; [`read`](super::read) never makes one.

use std::slice::Iter;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, ListArray,
    NullBufferBuilder, StringViewBuilder, StructArray, TimestampMicrosecondBuilder, new_null_array,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use arrow::error::ArrowError;

use super::read::{Row, Value};
use super::text::checked_text;

/// A builder of one column.
#[derive(Debug)]
pub(super) enum Builder {
    Text(StringViewBuilder),
    Binary(BinaryBuilder),
    Boolean(BooleanBuilder),
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Decimal(Decimal128Builder),
    Float(Float32Builder),
    Double(Float64Builder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    List(ListBuilder),
    Struct(StructBuilder),
    /// A column of a type that no schema has, and its number of rows.
    Other(DataType, usize),
}

#[derive(Debug)]
pub(super) struct ListBuilder {
    item: FieldRef,
    /// The index in the elements where each list ends. The first entry is 0.
    ends: Vec<i32>,
    valid: NullBufferBuilder,
    elements: Box<Builder>,
    /// The number of elements.
    count: usize,
}

#[derive(Debug)]
pub(super) struct StructBuilder {
    fields: Fields,
    valid: NullBufferBuilder,
    children: Vec<Builder>,
}

impl Builder {
    /// Makes a builder with room for `rows` values, if the room can be known beforehand.
    pub(super) fn new(field: &Field, rows: usize) -> Self {
        match field.data_type() {
            DataType::Utf8View => Self::Text(StringViewBuilder::with_capacity(rows)),
            DataType::Binary => Self::Binary(BinaryBuilder::with_capacity(rows, 0)),
            DataType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            DataType::Int8 => Self::Int8(Int8Builder::with_capacity(rows)),
            DataType::Int16 => Self::Int16(Int16Builder::with_capacity(rows)),
            DataType::Int32 => Self::Int32(Int32Builder::with_capacity(rows)),
            DataType::Int64 => Self::Int64(Int64Builder::with_capacity(rows)),
            DataType::Float32 => Self::Float(Float32Builder::with_capacity(rows)),
            DataType::Float64 => Self::Double(Float64Builder::with_capacity(rows)),
            DataType::Date32 => Self::Date(Date32Builder::with_capacity(rows)),
            decimal @ DataType::Decimal128(..) => Self::Decimal(
                Decimal128Builder::with_capacity(rows).with_data_type(decimal.clone()),
            ),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => Self::Timestamp(
                TimestampMicrosecondBuilder::with_capacity(rows).with_timezone_opt(zone.clone()),
            ),
            DataType::List(item) => Self::List(ListBuilder {
                item: Arc::clone(item),
                ends: vec![0],
                valid: NullBufferBuilder::new(rows),
                elements: Box::new(Self::new(item, rows)),
                count: 0,
            }),
            DataType::Struct(fields) => Self::Struct(StructBuilder {
                fields: fields.clone(),
                valid: NullBufferBuilder::new(rows),
                children: fields.iter().map(|field| Self::new(field, rows)).collect(),
            }),
            other => Self::Other(other.clone(), 0),
        }
    }

    /// Appends the next value of `values` with everything that belongs to it. `row` and `record` hold its texts.
    #[inline]
    pub(super) fn append(&mut self, values: &mut Iter<'_, Value>, row: &Row, record: &[u8]) {
        let value = values.next().copied().unwrap_or(Value::Null);
        match (self, value) {
            (Self::Text(builder), Value::Text(start, end)) => {
                builder.append_value(checked_text(record, start..end));
            }
            (Self::Text(builder), Value::Unescaped(start, end)) => {
                builder.append_value(row.text.get(start..end).unwrap_or_default());
            }
            (Self::Decimal(builder), Value::Decimal(value)) => builder.append_value(value),
            (Self::Binary(builder), Value::Bytes(start, end)) => {
                builder.append_value(row.bytes.get(start..end).unwrap_or_default());
            }
            (Self::Boolean(builder), Value::Boolean(value)) => builder.append_value(value),
            // The reader has checked the range.
            (Self::Int8(builder), Value::Integer(value)) => builder.append_value(value as i8),
            (Self::Int16(builder), Value::Integer(value)) => builder.append_value(value as i16),
            (Self::Int32(builder), Value::Integer(value)) => builder.append_value(value as i32),
            (Self::Int64(builder), Value::Integer(value)) => builder.append_value(value),
            (Self::Float(builder), Value::Float(value)) => builder.append_value(value),
            (Self::Double(builder), Value::Double(value)) => builder.append_value(value),
            (Self::Date(builder), Value::Date(value)) => builder.append_value(value),
            (Self::Timestamp(builder), Value::Timestamp(value)) => builder.append_value(value),
            (Self::List(list), Value::List(elements)) => {
                for _ in 0..elements {
                    list.elements.append(values, row, record);
                }
                list.count += elements;
                list.end(true);
            }
            (Self::Struct(builder), Value::Struct) => {
                for child in &mut builder.children {
                    child.append(values, row, record);
                }
                builder.valid.append_non_null();
            }
            (builder, _) => builder.append_null(),
        }
    }

    fn append_null(&mut self) {
        match self {
            Self::Text(builder) => builder.append_null(),
            Self::Binary(builder) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
            Self::Int8(builder) => builder.append_null(),
            Self::Int16(builder) => builder.append_null(),
            Self::Int32(builder) => builder.append_null(),
            Self::Int64(builder) => builder.append_null(),
            Self::Decimal(builder) => builder.append_null(),
            Self::Float(builder) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::List(list) => list.end(false),
            Self::Struct(builder) => {
                for child in &mut builder.children {
                    child.append_null();
                }
                builder.valid.append_null();
            }
            Self::Other(_, rows) => *rows += 1,
        }
    }

    /// Returns the array built so far, and empties the builder.
    ///
    /// # Errors
    /// Fails only for reasons that no value can cause, since all parts are built together.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Binary(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Int8(builder) => Arc::new(builder.finish()),
            Self::Int16(builder) => Arc::new(builder.finish()),
            Self::Int32(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::List(list) => {
                let ends = std::mem::replace(&mut list.ends, vec![0]);
                list.count = 0;
                Arc::new(ListArray::try_new(
                    Arc::clone(&list.item),
                    OffsetBuffer::new(ScalarBuffer::from(ends)),
                    list.elements.finish()?,
                    list.valid.finish(),
                )?)
            }
            Self::Struct(builder) => {
                let rows = builder.valid.len();
                let children = builder
                    .children
                    .iter_mut()
                    .map(Self::finish)
                    .collect::<Result<Vec<_>, _>>()?;
                Arc::new(StructArray::try_new_with_length(
                    builder.fields.clone(),
                    children,
                    builder.valid.finish(),
                    rows,
                )?)
            }
            Self::Other(data_type, rows) => new_null_array(data_type, std::mem::take(rows)),
        })
    }
}

impl ListBuilder {
    /// Ends a list after the elements appended so far.
    fn end(&mut self, valid: bool) {
        // A batch holds less than 2^31 bytes of JSON, and an element takes more than one of these bytes.
        self.ends
            .push(i32::try_from(self.count).unwrap_or(i32::MAX));
        self.valid.append(valid);
    }
}

//! Copies batches without the unused parts of their memory.
//!
//! An aggregate puts out its groups as slices of one array, and Arrow IPC writes all the text that the views of a slice
//! could point to: a hundred slices would be written as a hundred copies of all keys.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;

/// Returns the same rows under `schema`. Their text and lists take no more memory than they need.
pub(crate) fn compact(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(compacted);
    RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns.collect::<Result<_, _>>()?,
        &RecordBatchOptions::new().with_row_count(Some(batch.num_rows())),
    )
}

fn compacted(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match array.data_type() {
        DataType::Utf8View if !array.as_string_view().data_buffers().is_empty() => {
            Arc::new(array.as_string_view().gc())
        }
        DataType::BinaryView if !array.as_binary_view().data_buffers().is_empty() => {
            Arc::new(array.as_binary_view().gc())
        }
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            let offsets = list.offsets();
            let used = offsets.first().zip(offsets.last());
            let (start, end) = used.map_or((0, 0), |(start, end)| (*start as usize, *end as usize));
            let values = list.values().slice(start, end - start);
            Arc::new(ListArray::try_new(
                Arc::clone(field),
                OffsetBuffer::from_lengths(offsets.lengths()),
                compacted(&values)?,
                list.nulls().cloned(),
            )?)
        }
        _ => Arc::clone(array),
    })
}

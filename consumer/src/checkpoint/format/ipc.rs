//! Reads Arrow IPC from a source that is not trusted.

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use bytes::Bytes;

use super::FormatError;
use super::messages::check_messages;

/// Reads the batches of an Arrow IPC stream whose checksum was right.
pub(super) fn batches_of(stream: Bytes) -> Result<Vec<RecordBatch>, FormatError> {
    if stream.is_empty() {
        return Ok(Vec::new());
    }
    check_messages(&stream)?;
    read(stream).map_err(|error| FormatError::State(error.to_string()))
}

fn read(stream: Bytes) -> Result<Vec<RecordBatch>, ArrowError> {
    let mut rest = Buffer::from(stream);
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while !rest.is_empty() {
        batches.extend(decoder.decode(&mut rest)?);
    }
    decoder.finish()?;
    Ok(batches)
}

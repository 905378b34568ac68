//! Arrow IPC from a source that is not believed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::StreamDecoder;
use datafusion::arrow::ipc::root_as_message;

use super::FormatError;

/// The batches of an Arrow IPC stream whose checksum was right.
pub(super) fn batches_of(stream: Bytes) -> Result<Vec<RecordBatch>, FormatError> {
    if stream.is_empty() {
        return Ok(Vec::new());
    }
    check_messages(&stream)?;
    // Arrow's reader answers a schema that no writer makes with a panic in place of an error. Behind the
    // checksum only something that was made on purpose gets so far.
    let read = catch_unwind(AssertUnwindSafe(|| {
        let mut rest = Buffer::from(stream);
        let mut decoder = StreamDecoder::new();
        let mut batches = Vec::new();
        while !rest.is_empty() {
            batches.extend(decoder.decode(&mut rest)?);
        }
        decoder.finish()?;
        Ok(batches)
    }));
    match read {
        Ok(batches) => batches.map_err(|error: ArrowError| FormatError::State(error.to_string())),
        Err(panic) => Err(FormatError::State(panic_text(panic.as_ref()))),
    }
}

/// Checks the lengths of all messages, and that none is compressed: what a compressed one says of its
/// length would be allocated before it is checked.
fn check_messages(mut stream: &[u8]) -> Result<(), FormatError> {
    let wrong = |what: &str| FormatError::State(what.to_owned());
    loop {
        let Some((&[255, 255, 255, 255], rest)) = stream.split_first_chunk() else {
            return Err(wrong("a message does not begin like one"));
        };
        let (length, rest) = rest
            .split_first_chunk()
            .ok_or_else(|| wrong("a message has no length"))?;
        let length = u32::from_le_bytes(*length) as usize;
        if length == 0 {
            return if rest.is_empty() {
                Ok(())
            } else {
                Err(wrong("there is something behind its end"))
            };
        }
        let (message, rest) = rest
            .split_at_checked(length)
            .ok_or_else(|| wrong("a message is longer than the state"))?;
        let message =
            root_as_message(message).map_err(|error| FormatError::State(error.to_string()))?;
        let batch = message.header_as_record_batch().or_else(|| {
            let dictionary = message.header_as_dictionary_batch()?;
            dictionary.data()
        });
        if batch.is_some_and(|batch| batch.compression().is_some()) {
            return Err(wrong("it is compressed"));
        }
        stream = usize::try_from(message.bodyLength())
            .ok()
            .and_then(|length| rest.get(length..))
            .ok_or_else(|| wrong("a batch is longer than the state"))?;
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("Arrow cannot read it").to_owned()
}

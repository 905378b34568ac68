//! Checks the messages of an Arrow IPC stream before Arrow's reader gets them.
//!
//! Arrow's reader relies on what every writer does, and panics where that does not hold. After a right checksum only an
//! object that was made on purpose can get so far; but a panic may end the process. So whatever the reader does not
//! check is checked here first: the schema's types, and where the parts of each batch lie, part by part as the reader
//! will take them. That is work for each message and column, not for each row: the reader checks what the parts hold.
//!
//! A stream that passes takes little more memory than it has bytes: a second copy if the reader must align it, and some
//! bits for each row. The number of rows has a limit.
//!
//! Unions are the only types of Arrow that are refused: SQL cannot make one.

use arrow::datatypes::{DataType, Schema};
use arrow::ipc::{Message, root_as_message};

use super::FormatError;

mod parts;
mod schema;

use parts::MessageParts;
use schema::schema_of;

/// Checks all messages of `stream`: a schema, then its batches and dictionaries, then the end.
///
/// # Errors
/// The first thing found that no writer of ours makes.
pub(super) fn check_messages(stream: &[u8]) -> Result<(), FormatError> {
    let first = next(stream)?.ok_or_else(|| wrong("it has no schema"))?;
    let schema = schema_of(&first)?;
    let mut rest = first.rest;
    while let Some(found) = next(rest)? {
        check_batch(&found, &schema)?;
        rest = found.rest;
    }
    Ok(())
}

/// A message and its place in the stream.
struct FoundMessage<'s> {
    message: Message<'s>,
    /// The bytes of the message.
    length: usize,
    /// The bytes of the body behind it.
    body: usize,
    /// The stream behind the body.
    rest: &'s [u8],
}

fn wrong(what: &str) -> FormatError {
    FormatError::State(what.to_owned())
}

/// Returns the first message of `stream`, or `None` at its end.
fn next(stream: &[u8]) -> Result<Option<FoundMessage<'_>>, FormatError> {
    let Some((&[255, 255, 255, 255], rest)) = stream.split_first_chunk() else {
        return Err(wrong("a message does not begin like one"));
    };
    let (length, rest) = rest
        .split_first_chunk()
        .ok_or_else(|| wrong("a message has no length"))?;
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 {
        return if rest.is_empty() {
            Ok(None)
        } else {
            Err(wrong("there is something behind its end"))
        };
    }
    let (message, rest) = rest
        .split_at_checked(length)
        .ok_or_else(|| wrong("a message is longer than the state"))?;
    let message =
        root_as_message(message).map_err(|error| FormatError::State(error.to_string()))?;
    let (body, rest) = usize::try_from(message.bodyLength())
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or_else(|| wrong("a batch is longer than the state"))?;
    Ok(Some(FoundMessage {
        message,
        length,
        body: body.len(),
        rest,
    }))
}

/// Checks a batch or a dictionary.
fn check_batch(found: &FoundMessage<'_>, schema: &Schema) -> Result<(), FormatError> {
    if let Some(batch) = found.message.header_as_record_batch() {
        let mut parts = MessageParts::of(batch, found.body)?;
        for field in schema.fields() {
            parts.take(field.data_type())?;
        }
        return parts.end();
    }
    let dictionary = found
        .message
        .header_as_dictionary_batch()
        .ok_or_else(|| wrong("a message is neither a batch nor a dictionary"))?;
    if dictionary.isDelta() {
        return Err(wrong("a dictionary adds to another"));
    }
    #[expect(
        deprecated,
        reason = "Arrow's reader finds the type of a dictionary's values so"
    )]
    let of = schema.fields_with_dict_id(dictionary.id());
    let Some(DataType::Dictionary(_, values)) = of.first().map(|field| field.data_type()) else {
        return Err(wrong("a dictionary is of no column"));
    };
    let batch = dictionary
        .data()
        .ok_or_else(|| wrong("a dictionary has no values"))?;
    let mut parts = MessageParts::of(batch, found.body)?;
    parts.take(values)?;
    parts.end()
}

#[cfg(test)]
mod tests;

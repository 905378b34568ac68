//! The bytes of one object of a checkpoint.
//!
//! ```text
//! magic "CARDSTRM" │ format u32 │ header's length u32 │ state's length u64
//! header, JSON, filled up with spaces so that the state begins at a multiple of 64
//! checksum u64 of all bytes so far: a header can be read and trusted without the state
//! state, an Arrow IPC stream; none for no batches
//! checksum u64 of all bytes so far
//! ```
//!
//! Numbers are little-endian. The lengths give the object's own length. So a torn object can be distinguished from a
//! damaged one, and no memory is allocated for a length that has not been compared with what is there. The checksum is
//! XXH3-64: a CRC of 32 bits would let one in four billion damaged objects pass, and this is the fastest of the 64-bit
//! hashes that Arrow already brings.
//!
//! Reading returns what was written, or an error that says what is wrong. It never panics, whatever the bytes are.

use std::cmp::Ordering;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use twox_hash::XxHash3_64;

use super::fingerprint::Fingerprint;
use super::name::Name;
use crate::position::{Offset, TopicPartition};

pub(crate) mod compact;
mod ipc;
mod messages;

use compact::compact;
use ipc::batches_of;

const MAGIC: &[u8; 8] = b"CARDSTRM";
/// The format that is written, and the only one that is read.
const FORMAT: u32 = 1;
/// The bytes before the header.
const PREFIX: usize = 24;
/// The bytes of a checksum.
const SUM: usize = 8;
/// The size of an object without header and state.
const SHORTEST: u64 = (PREFIX + SUM + SUM) as u64;
/// The alignment of Arrow's buffers within the stream. They have it within the object too, so that they need not be
/// copied when they are read.
const ALIGNMENT: usize = 64;

/// An object's whole header is within this many bytes of its beginning.
pub const HEAD_BYTES: usize = 4096;

/// The header of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointHeader {
    /// The fingerprint of the query's identity.
    pub fingerprint: Fingerprint,
    /// The partition whose state it is.
    pub partition: TopicPartition,
    /// The part of the state that the object holds.
    pub kind: CheckpointKind,
    /// Where reading of the partition began.
    pub start: Offset,
    /// The offset of the first record that is not in the state.
    pub next: Offset,
    /// The partition's watermark there, in microseconds since 1970 UTC. Not used yet.
    pub watermark: Option<i64>,
    /// The rows of the state that are in the object.
    pub groups: u64,
}

impl CheckpointHeader {
    /// Returns the name of the object.
    pub fn name(&self) -> Name {
        match self.kind {
            CheckpointKind::Base => Name::Base(self.next),
            CheckpointKind::Delta { .. } => Name::Delta(self.next),
        }
    }
}

/// The part of a state that an object holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointKind {
    /// The whole state.
    Base,
    /// The groups of the records from `previous` on. The object that ends at `previous` has the rest.
    Delta {
        /// The offset at which the object before ends; it is less than this object's `next`.
        previous: Offset,
    },
}

/// Why an object cannot be read.
#[derive(Debug, Error)]
pub enum FormatError {
    /// The bytes are something else, or the first bytes are damaged.
    #[error("it does not begin like a checkpoint")]
    Foreign,
    /// Another version of this program wrote the object.
    #[error("it has format {0}, this program reads format {FORMAT}")]
    Format(u32),
    /// The end of the object is missing.
    #[error("it is torn: {found} bytes of at least {expected}")]
    Torn {
        /// The number of bytes that it must have.
        expected: u64,
        /// The number of bytes that it has.
        found: u64,
    },
    /// There are bytes behind the end of the object.
    #[error("it is damaged: {found} bytes, but it says {expected}")]
    TooLong {
        /// The number of bytes that its header gives.
        expected: u64,
        /// The number of bytes that it has.
        found: u64,
    },
    /// Some bytes are not what was written.
    #[error("it is damaged: its checksum is wrong")]
    Checksum,
    /// The checksum of the header is right, but its content is wrong.
    #[error("its header is wrong: {0}")]
    Header(String),
    /// The checksum of the state is right, but its content is wrong.
    #[error("its state is wrong: {0}")]
    State(String),
}

/// Why a state cannot be written.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// Arrow IPC cannot write one of the columns.
    #[error("a state cannot be written as Arrow IPC: {0}")]
    State(#[from] ArrowError),
    /// The header cannot be written as JSON, or is too long. No topic name that Kafka allows leads to this.
    #[error("a checkpoint's header cannot be written: {0}")]
    Header(String),
}

/// The header as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    fingerprint: String,
    topic: String,
    partition: i32,
    kind: WireKind,
    start: i64,
    next: i64,
    watermark: Option<i64>,
    groups: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum WireKind {
    Base,
    Delta { previous: i64 },
}

/// Encodes `header` and `batches`, which must all have the same types, as an object. This counts `header.groups` and
/// ignores the value that the caller has set.
///
/// # Errors
/// Fails if there is no way to write a column.
pub fn encode(header: &CheckpointHeader, batches: &[RecordBatch]) -> Result<Bytes, EncodeError> {
    let groups: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let json = header_json(header, groups as u64)
        .map_err(|error| EncodeError::Header(error.to_string()))?;
    let length = u32::try_from(json.len())
        .ok()
        .filter(|_length| PREFIX + json.len() + SUM <= HEAD_BYTES)
        .ok_or_else(|| EncodeError::Header(format!("it has {} bytes", json.len())))?;
    let mut object = Vec::new();
    object.extend_from_slice(MAGIC);
    object.extend_from_slice(&FORMAT.to_le_bytes());
    object.extend_from_slice(&length.to_le_bytes());
    object.extend_from_slice(&[0; 8]);
    object.extend_from_slice(&json);
    let header_end = object.len();
    object.extend_from_slice(&[0; SUM]);

    let state_start = object.len();
    if let Some(first) = batches.first() {
        let schema = first.schema();
        let mut writer = StreamWriter::try_new(&mut object, &schema)?;
        for batch in batches {
            writer.write(&compact(batch, &schema)?)?;
        }
        writer.finish()?;
    }
    let state_length = (object.len() - state_start) as u64;
    object[PREFIX - 8..PREFIX].copy_from_slice(&state_length.to_le_bytes());
    let sum = XxHash3_64::oneshot(&object[..header_end]);
    object[header_end..state_start].copy_from_slice(&sum.to_le_bytes());
    let sum = XxHash3_64::oneshot(&object);
    object.extend_from_slice(&sum.to_le_bytes());
    Ok(object.into())
}

fn header_json(header: &CheckpointHeader, groups: u64) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = serde_json::to_vec(&Wire {
        fingerprint: header.fingerprint.to_string(),
        topic: header.partition.topic.to_string(),
        partition: header.partition.partition,
        kind: match header.kind {
            CheckpointKind::Base => WireKind::Base,
            CheckpointKind::Delta { previous } => WireKind::Delta {
                previous: previous.0,
            },
        },
        start: header.start.0,
        next: header.next.0,
        watermark: header.watermark,
        groups,
    })?;
    let end = (PREFIX + json.len() + SUM).next_multiple_of(ALIGNMENT);
    json.resize(end - PREFIX - SUM, b' ');
    Ok(json)
}

/// Returns the header of an object of `size` bytes that begins with `head`. `head` has at least [`HEAD_BYTES`], or is
/// the whole object. This does not check whether the state is damaged.
///
/// # Errors
/// Fails if it is no checkpoint, is of another size than it says, or its header is damaged.
pub fn decode_header(head: &[u8], size: u64) -> Result<CheckpointHeader, FormatError> {
    let (covered, rest) = split(head, header_end(head, size)?, size)?;
    let (sum, _) = split(rest, SUM, size)?;
    if sum != XxHash3_64::oneshot(covered).to_le_bytes() {
        return Err(FormatError::Checksum);
    }
    header_of(&covered[PREFIX..])
}

/// Reads a whole object. The batches share its memory, so each seems to be as large as all of them.
///
/// # Errors
/// Fails if anything of it is not as it was written.
pub fn decode(object: &Bytes) -> Result<(CheckpointHeader, Vec<RecordBatch>), FormatError> {
    let size = object.len() as u64;
    let header_end = header_end(object, size)?;
    let (covered, sum) = split(object, object.len().saturating_sub(SUM), size)?;
    if sum != XxHash3_64::oneshot(covered).to_le_bytes() {
        return Err(FormatError::Checksum);
    }
    let header = decode_header(object, size)?;
    let state = object.slice(header_end + SUM..covered.len());
    let batches = batches_of(state)?;
    let groups: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if groups as u64 != header.groups {
        return Err(FormatError::State(format!(
            "it has {groups} groups, its header says {}",
            header.groups
        )));
    }
    Ok((header, batches))
}

/// Returns where the header of an object ends that begins with `head`. It checks the lengths in `head` against the
/// object's size.
fn header_end(head: &[u8], size: u64) -> Result<usize, FormatError> {
    if !head.starts_with(&MAGIC[..head.len().min(MAGIC.len())]) {
        return Err(FormatError::Foreign);
    }
    let (_magic, rest) = split(head, MAGIC.len(), size)?;
    let (format, rest) = number(rest, size)?;
    let format = u32::from_le_bytes(format);
    if format != FORMAT {
        return Err(FormatError::Format(format));
    }
    let (header, rest) = number(rest, size)?;
    let header = u32::from_le_bytes(header);
    let (state, _) = number(rest, size)?;
    let state = u64::from_le_bytes(state);

    let expected = u64::from(header)
        .saturating_add(state)
        .saturating_add(SHORTEST);
    match expected.cmp(&size) {
        Ordering::Greater => Err(FormatError::Torn {
            expected,
            found: size,
        }),
        Ordering::Less => Err(FormatError::TooLong {
            expected,
            found: size,
        }),
        Ordering::Equal => Ok(PREFIX + header as usize),
    }
}

/// Splits `bytes` behind the first `length` bytes.
fn split(bytes: &[u8], length: usize, size: u64) -> Result<(&[u8], &[u8]), FormatError> {
    bytes.split_at_checked(length).ok_or(FormatError::Torn {
        expected: SHORTEST,
        found: size,
    })
}

fn number<const N: usize>(bytes: &[u8], size: u64) -> Result<([u8; N], &[u8]), FormatError> {
    bytes
        .split_first_chunk()
        .map(|(number, rest)| (*number, rest))
        .ok_or(FormatError::Torn {
            expected: SHORTEST,
            found: size,
        })
}

fn header_of(json: &[u8]) -> Result<CheckpointHeader, FormatError> {
    let wire: Wire =
        serde_json::from_slice(json).map_err(|error| FormatError::Header(error.to_string()))?;
    let wrong = |what: &str| FormatError::Header(what.to_owned());
    let kind = match wire.kind {
        WireKind::Base => CheckpointKind::Base,
        WireKind::Delta { previous } if wire.start <= previous && previous < wire.next => {
            CheckpointKind::Delta {
                previous: Offset(previous),
            }
        }
        WireKind::Delta { .. } => return Err(wrong("a delta comes after what it rests on")),
    };
    if wire.partition < 0 || wire.start < 0 || wire.next < wire.start {
        return Err(wrong("a partition or an offset cannot be so"));
    }
    Ok(CheckpointHeader {
        fingerprint: wire
            .fingerprint
            .parse()
            .map_err(|error| FormatError::Header(format!("{error}")))?,
        partition: TopicPartition::new(&wire.topic, wire.partition),
        kind,
        start: Offset(wire.start),
        next: Offset(wire.next),
        watermark: wire.watermark,
        groups: wire.groups,
    })
}

#[cfg(test)]
mod tests;

//! The checkpoints of one partition: a base, and a row of deltas. Each delta rests on the object before it.
//!
//! ```text
//! 100-base ◀─ 150-delta ◀─ 180-delta          400-base ◀─ 420-delta
//! ```
//!
//! The state at an offset is the merged state of the base and of all deltas up to that offset. It is a function of the
//! partition's records alone, so it does not matter who has written an object: two objects of the same offset stand for
//! the same state, and a chain of objects by several writers is as good as any. A writer that has lost its partition
//! can therefore do no harm, and recovery may take any chain that is whole. It takes the newest.
//!
//! No object that can be read is ever overwritten here.

use arrow::array::RecordBatch;
use bytes::Bytes;
use thiserror::Error;

use super::format::{self, CheckpointHeader, CheckpointKind, EncodeError};
use super::name::{Folder, Name};
use super::store::{Created, Store, StoreError};
use crate::position::{Offset, TopicPartition};

mod recovery;
mod retention;
mod start;

pub use recovery::{Newest, Recovered, look_twice, recover, recover_beyond};
pub use retention::{KEPT, retire};
pub use start::{StartError, fix_start};

/// The most deltas that may rest on a base.
const MOST_DELTAS: usize = 64;

/// How far a partition's checkpoints reach, and the object that the next delta rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Where reading of the partition began.
    pub start: Offset,
    /// The name of the newest object.
    pub name: Name,
    /// The bytes of the chain's base.
    pub base_bytes: u64,
    /// The bytes of the deltas since the base.
    pub delta_bytes: u64,
    /// The number of these deltas.
    pub deltas: usize,
}

impl Tip {
    /// Returns the offset of the first record that is in no checkpoint.
    pub fn next(&self) -> Offset {
        self.name.next()
    }

    /// Returns whether the next checkpoint should be a base, because the deltas take more to read than a base would.
    pub fn wants_base(&self) -> bool {
        self.delta_bytes > self.base_bytes || self.deltas >= MOST_DELTAS
    }

    fn base(start: Offset, next: Offset, bytes: u64) -> Self {
        Self {
            start,
            name: Name::Base(next),
            base_bytes: bytes,
            delta_bytes: 0,
            deltas: 0,
        }
    }

    fn with_delta(&self, next: Offset, bytes: u64) -> Self {
        Self {
            name: Name::Delta(next),
            delta_bytes: self.delta_bytes + bytes,
            deltas: self.deltas + 1,
            ..self.clone()
        }
    }
}

/// A state that is to be written.
#[derive(Clone, Debug)]
pub struct NewCheckpoint {
    /// Where reading of the partition began.
    pub start: Offset,
    /// The offset of the first record that is not in the state.
    pub next: Offset,
    /// The partition's watermark there, in microseconds since 1970 UTC.
    pub watermark: Option<i64>,
    /// The whole state; a group may come several times.
    pub state: Vec<RecordBatch>,
    /// The changes since the checkpoint before, if they are known by themselves.
    pub delta: Option<Delta>,
}

/// The groups of the records since an earlier offset.
#[derive(Clone, Debug)]
pub struct Delta {
    /// The offset of the first record that is in the groups.
    pub previous: Offset,
    /// The groups, of which each may come several times.
    pub groups: Vec<RecordBatch>,
}

/// The result of a write.
#[derive(Clone, Debug)]
pub struct Written {
    /// The chain's tip, on which the next object rests.
    pub tip: Tip,
    /// The size of the object that the tip names.
    pub bytes: u64,
    /// What was wrong with an unreadable object of the same name, in words, if there was one.
    pub problem: Option<String>,
}

/// Why a checkpoint could not be stored.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The store cannot write it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A column cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The location has a checkpoint of this name that began at another offset.
    #[error(
        "the checkpoint {name} of {partition} is of records from offset {theirs} on, not {ours}; \
         --reset forgets it"
    )]
    OtherStart {
        /// The object's name.
        name: Name,
        /// The partition that it concerns.
        partition: TopicPartition,
        /// Where reading began for the object that is there.
        theirs: Offset,
        /// Where reading began for the object that was to be written.
        ours: Offset,
    },
}

/// Writes a state durably: as a delta on `tip`, if the delta begins there and is worth it, or else as a base. `tip`
/// must be what [`recover`] or an earlier `write` returned.
///
/// If there is already an object of the same offset, by this process or another, it is as good; one that cannot be read
/// is replaced.
///
/// # Errors
/// Fails if the state is not known to be kept; it may be all the same, and can be written again.
pub fn write(
    store: &Store,
    folder: &Folder,
    tip: Option<&Tip>,
    new: &NewCheckpoint,
) -> Result<Written, WriteError> {
    let mut problem = None;
    if let Some((tip, delta)) = tip.zip(new.delta.as_ref())
        && !tip.wants_base()
        && tip.start == new.start
        && tip.next() == delta.previous
        && tip.next() < new.next
    {
        let previous = delta.previous;
        let bytes = put(
            store,
            folder,
            new,
            CheckpointKind::Delta { previous },
            &delta.groups,
            &mut problem,
        )?;
        // Otherwise another writer's delta ends here too, and rests on something that is unknown here; or this writer
        // has long lost its partition, and its chain has become too old meanwhile.
        if let Some(bytes) = bytes
            && store.has(folder, tip.name)?
        {
            return Ok(Written {
                tip: tip.with_delta(new.next, bytes),
                bytes,
                problem,
            });
        }
    }
    let bytes = put(
        store,
        folder,
        new,
        CheckpointKind::Base,
        &new.state,
        &mut problem,
    )?
    .unwrap_or(0);
    Ok(Written {
        tip: Tip::base(new.start, new.next, bytes),
        bytes,
        problem,
    })
}

/// Writes an object and returns its size. Returns `None` if there is an object of its name that holds another part of
/// the same state.
fn put(
    store: &Store,
    folder: &Folder,
    new: &NewCheckpoint,
    kind: CheckpointKind,
    batches: &[RecordBatch],
    problem: &mut Option<String>,
) -> Result<Option<u64>, WriteError> {
    let header = CheckpointHeader {
        fingerprint: folder.fingerprint,
        partition: folder.partition.clone(),
        kind,
        start: new.start,
        next: new.next,
        watermark: new.watermark,
        groups: 0,
    };
    let name = header.name();
    let object = format::encode(&header, batches)?;
    let bytes = object.len() as u64;
    if store.create(folder, name, object.clone())? == Created::New {
        return Ok(Some(bytes));
    }
    let found = match store.read(folder, name)? {
        None => Err("it was deleted meanwhile".to_owned()),
        Some(found) => read_as(&found, folder, name).map(|read| (read.header, found.len() as u64)),
    };
    match found {
        Ok((found, _)) if found.start != new.start => Err(WriteError::OtherStart {
            name,
            partition: folder.partition.clone(),
            theirs: found.start,
            ours: new.start,
        }),
        Ok((found, bytes)) => Ok((found.kind == kind).then_some(bytes)),
        Err(reason) => {
            *problem = Some(format!("{} {name}: {reason}", folder.partition));
            store.replace(folder, name, object)?;
            Ok(Some(bytes))
        }
    }
}

/// An object that has been read.
struct Read {
    header: CheckpointHeader,
    batches: Vec<RecordBatch>,
    bytes: u64,
}

/// Reads an object, and checks that its content matches its name and folder.
fn read_as(bytes: &Bytes, folder: &Folder, name: Name) -> Result<Read, String> {
    let (header, batches) = format::decode(bytes).map_err(|error| error.to_string())?;
    check_place(&header, folder)?;
    if header.name() != name {
        return Err(format!("it is {}, under a wrong name", header.name()));
    }
    Ok(Read {
        header,
        batches,
        bytes: bytes.len() as u64,
    })
}

fn check_place(header: &CheckpointHeader, folder: &Folder) -> Result<(), String> {
    if header.fingerprint == folder.fingerprint && header.partition == folder.partition {
        return Ok(());
    }
    Err(format!(
        "it is of {} of query {}",
        header.partition, header.fingerprint
    ))
}

#[cfg(test)]
mod tests;

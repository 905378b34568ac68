//! Stores where reading of a partition begins, before anything is read.

use thiserror::Error;

use super::check_place;
use crate::checkpoint::format::{self, CheckpointHeader, CheckpointKind, EncodeError};
use crate::checkpoint::name::Folder;
use crate::checkpoint::store::{Created, Store, StoreError};
use crate::position::{Offset, TopicPartition};

/// Why it is unknown where reading began.
#[derive(Debug, Error)]
pub enum StartError {
    /// The store cannot read or write the object.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The stored object is damaged.
    #[error(
        "where reading of {partition} began cannot be read: {reason}; --reset begins anew, without \
         what has been kept"
    )]
    Unreadable {
        /// The partition.
        partition: TopicPartition,
        /// What is wrong with the object.
        reason: String,
    },
}

/// Stores `start` as the offset where reading of a partition without checkpoints begins, unless one is stored already.
/// Returns the stored offset. So `latest` stands for the same records when a process is started again before its first
/// checkpoint.
///
/// # Errors
/// Fails if the store fails, or what was remembered cannot be read.
pub fn fix_start(store: &Store, folder: &Folder, start: Offset) -> Result<Offset, StartError> {
    // The object holds the state before the first record, in the format of all checkpoints.
    let header = CheckpointHeader {
        fingerprint: folder.fingerprint,
        partition: folder.partition.clone(),
        kind: CheckpointKind::Base,
        start,
        next: start,
        watermark: None,
        groups: 0,
    };
    if store.create_start(folder, format::encode(&header, &[])?)? == Created::New {
        return Ok(start);
    }
    let found = store.start(folder)?.unwrap_or_default();
    let header = format::decode(&found)
        .map_err(|error| error.to_string())
        .and_then(|(header, _none)| check_place(&header, folder).map(|()| header));
    match header {
        Ok(header) => Ok(header.start),
        Err(reason) => Err(StartError::Unreadable {
            partition: folder.partition.clone(),
            reason,
        }),
    }
}

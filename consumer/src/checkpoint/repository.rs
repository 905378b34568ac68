//! The checkpoints that this process and the others of its group have stored for a query at its location.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;

use super::Checkpoint;
use super::chain::{self, Delta, NewCheckpoint, Recovered, StartError, Tip, WriteError};
use super::fingerprint::Fingerprint;
use super::name::Folder;
use super::store::{Store, StoreError};
use super::topic_ids;
use crate::engine::memory::{bytes_of, is_exhausted};
use crate::engine::query::{Query, error_text};
use crate::engine::state::State;
use crate::number;
use crate::position::{Offset, TopicId, TopicPartition};

/// Why a partition's checkpoint cannot be read.
#[derive(Debug, Error)]
pub enum RepositoryError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is unknown where reading of the partition began.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The parts of the stored state cannot be merged.
    #[error("what is kept of {partition} cannot be merged: {reason}; --reset forgets it")]
    State {
        /// The partition.
        partition: TopicPartition,
        /// DataFusion's reason.
        reason: String,
    },
    /// The state is larger than the memory that the query may use.
    #[error(
        "MEMORY_LIMIT does not hold what is kept of {partition}, which takes {} when it is read; set a \
         larger one",
        number::bytes(*.bytes)
    )]
    OutOfMemory {
        /// The partition.
        partition: TopicPartition,
        /// The bytes of the state when it has been read, and not merged.
        bytes: u64,
    },
}

/// Why a checkpoint could not be stored.
#[derive(Debug, Error)]
pub enum SaveError {
    /// The checkpoint cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It is unknown where reading of the partition began.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl SaveError {
    /// Returns whether the store itself does not answer, for any partition.
    pub fn is_of_store(&self) -> bool {
        matches!(
            self,
            Self::Write(WriteError::Store(_)) | Self::Start(StartError::Store(_))
        )
    }
}

/// The result of a search for a partition's checkpoint.
#[derive(Debug, Default)]
pub struct FoundCheckpoint {
    /// The newest checkpoint that can be read.
    pub checkpoint: Option<Checkpoint>,
    /// The problems with newer checkpoints, or parts of them, that cannot be read: in words, one for each object.
    pub problems: Vec<String>,
}

/// The checkpoints of one query. Several threads may use it at once.
pub struct Repository {
    store: Store,
    fingerprint: Fingerprint,
    query: Query,
    partitions: Mutex<BTreeMap<TopicPartition, KnownChain>>,
}

/// What this process knows about a partition's checkpoints.
#[derive(Clone, Debug)]
struct KnownChain {
    /// Where reading of the partition began.
    start: Offset,
    /// The tip of the newest chain that this process has read or written; `None` if there was none.
    tip: Option<Tip>,
}

impl Repository {
    /// Opens the checkpoints of `query` in `store`, which the query has taken under `fingerprint`.
    pub fn new(store: Store, fingerprint: Fingerprint, query: Query) -> Self {
        Self {
            store,
            fingerprint,
            query,
            partitions: Mutex::default(),
        }
    }

    /// Returns the id of the topic that the checkpoints belong to, if the location has one stored.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn topic_id(&self, topic: &str) -> Result<Option<TopicId>, StoreError> {
        topic_ids::kept(&self.store, self.fingerprint, topic)
    }

    /// Stores `id` as the id of the topic that the checkpoints belong to, unless one is stored already. Returns the
    /// stored id.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn keep_topic_id(&self, topic: &str, id: TopicId) -> Result<TopicId, StoreError> {
        topic_ids::keep(&self.store, self.fingerprint, topic, id)
    }

    /// Reads the newest checkpoint of a partition.
    ///
    /// # Errors
    /// Fails if the store does not answer, or what it holds cannot be merged.
    pub fn newest(&self, partition: &TopicPartition) -> Result<FoundCheckpoint, RepositoryError> {
        let recovered = chain::recover(&self.store, &self.folder(partition))?;
        self.take(partition, recovered, &State::default())
    }

    /// Reads the newest checkpoint of a partition, if it is newer than the one that is `held`.
    ///
    /// # Errors
    /// Fails for the same reasons as [`newest`](Self::newest).
    pub fn newer(
        &self,
        partition: &TopicPartition,
        held: &Checkpoint,
    ) -> Result<FoundCheckpoint, RepositoryError> {
        let tip = self.known(partition).and_then(|known| known.tip);
        let folder = self.folder(partition);
        let recovered = chain::look_twice(|| {
            chain::recover_beyond(&self.store, &folder, held.next, tip.as_ref())
        })?;
        self.take(partition, recovered, &held.state)
    }

    /// Stores `start` as the offset where reading of a partition without checkpoints begins, unless one is stored
    /// already. Returns the stored offset.
    ///
    /// # Errors
    /// Fails if the store does not answer, or what was said before cannot be read.
    pub fn begin(
        &self,
        partition: &TopicPartition,
        start: Offset,
    ) -> Result<Offset, RepositoryError> {
        let start = chain::fix_start(&self.store, &self.folder(partition), start)?;
        self.know(partition, KnownChain { start, tip: None });
        Ok(start)
    }

    /// Makes `checkpoint` durable, as a delta if that is the smaller. Returns what was wrong with an unreadable object
    /// of the same name, if there was one.
    ///
    /// # Errors
    /// Fails if it is not known whether the checkpoint is stored. It may be stored all the same, and can be written
    /// again.
    pub fn keep(
        &self,
        partition: &TopicPartition,
        checkpoint: &Checkpoint,
        delta: Option<Delta>,
    ) -> Result<Option<String>, SaveError> {
        let folder = self.folder(partition);
        let known = match self.known(partition) {
            Some(known) => known,
            // The partition was added to the topic while the query ran.
            None => KnownChain {
                start: chain::fix_start(&self.store, &folder, Offset(0))?,
                tip: None,
            },
        };
        let new = NewCheckpoint {
            start: known.start,
            next: checkpoint.next,
            watermark: None,
            state: checkpoint.state.batches().collect(),
            delta,
        };
        // The groups exist once more in a compact form, and once in the object.
        let encoding = self.query.memory().reserve("a checkpoint being written");
        let groups = new.delta.as_ref().map_or(&new.state, |delta| &delta.groups);
        encoding.grow(2 * bytes_of(groups));
        let written = chain::write(&self.store, &folder, known.tip.as_ref(), &new)?;
        drop(encoding);
        let is_base = written.tip.deltas == 0;
        let tip = Some(written.tip);
        self.know(partition, KnownChain { tip, ..known });
        // A chain can have become too old only when a new one begins.
        if is_base && let Err(error) = chain::retire(&self.store, &folder) {
            tracing::debug!(%error, %partition, "old checkpoints stay");
        }
        Ok(written.problem)
    }

    /// Makes a checkpoint of what was recovered, on top of the state that was held if it says so.
    fn take(
        &self,
        partition: &TopicPartition,
        recovered: Recovered,
        held: &State,
    ) -> Result<FoundCheckpoint, RepositoryError> {
        let Recovered { newest, problems } = recovered;
        let Some(newest) = newest else {
            let checkpoint = None;
            return Ok(FoundCheckpoint {
                checkpoint,
                problems,
            });
        };
        let bytes = bytes_of(&newest.batches) as u64;
        let batches = self.query.adopted(newest.batches);
        let merged = batches.and_then(|batches| match newest.on_top {
            true => self
                .query
                .reduce(batches)
                .and_then(|groups| held.merged(&self.query, groups)),
            false => State::of(&self.query, batches),
        });
        let state = merged.map_err(|error| {
            let partition = partition.clone();
            match is_exhausted(&error) {
                true => RepositoryError::OutOfMemory { partition, bytes },
                false => RepositoryError::State {
                    partition,
                    reason: error_text(&error),
                },
            }
        })?;
        let (start, next) = (newest.tip.start, newest.tip.next());
        let tip = Some(newest.tip);
        self.know(partition, KnownChain { start, tip });
        Ok(FoundCheckpoint {
            checkpoint: Some(Checkpoint { next, state }),
            problems,
        })
    }

    fn folder(&self, partition: &TopicPartition) -> Folder {
        Folder {
            fingerprint: self.fingerprint,
            partition: partition.clone(),
        }
    }

    fn known(&self, partition: &TopicPartition) -> Option<KnownChain> {
        self.all().get(partition).cloned()
    }

    fn know(&self, partition: &TopicPartition, known: KnownChain) {
        self.all().insert(partition.clone(), known);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, KnownChain>> {
        self.partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

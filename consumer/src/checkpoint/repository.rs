//! What is kept of a query at its location, by this process and the others of its group.

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

/// Why what is kept of a partition cannot be had.
#[derive(Debug, Error)]
pub enum RepositoryError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not known where reading began.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What was kept cannot be merged.
    #[error("what is kept of {partition} cannot be merged: {reason}; --reset forgets it")]
    State {
        /// The partition that it concerns.
        partition: TopicPartition,
        /// What DataFusion says.
        reason: String,
    },
    /// It is more than the query may hold.
    #[error(
        "MEMORY_LIMIT does not hold what is kept of {partition}, which takes {} when it is read; set a \
         larger one",
        number::bytes(*.bytes)
    )]
    OutOfMemory {
        /// The partition that it concerns.
        partition: TopicPartition,
        /// What is held when it has been read, and not merged.
        bytes: u64,
    },
}

/// Why a checkpoint is not kept.
#[derive(Debug, Error)]
pub enum SaveError {
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It is not known where reading began.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl SaveError {
    /// Whether the store itself does not answer, for whatever partition.
    pub fn is_of_store(&self) -> bool {
        matches!(
            self,
            Self::Write(WriteError::Store(_)) | Self::Start(StartError::Store(_))
        )
    }
}

/// What was found of a partition.
#[derive(Debug, Default)]
pub struct FoundCheckpoint {
    /// The newest checkpoint that can be read.
    pub checkpoint: Option<Checkpoint>,
    /// Newer ones, or parts of it, that cannot be: in words, one for each object.
    pub problems: Vec<String>,
}

/// The checkpoints of one query. May be used by several threads at once.
pub struct Repository {
    store: Store,
    fingerprint: Fingerprint,
    query: Query,
    partitions: Mutex<BTreeMap<TopicPartition, KnownChain>>,
}

/// What this process knows of a partition's checkpoints.
#[derive(Clone, Debug)]
struct KnownChain {
    /// Where its reading began.
    start: Offset,
    /// The newest one that it has read or written; `None` if there was none.
    tip: Option<Tip>,
}

impl Repository {
    /// The checkpoints of `query` in `store`, which it has taken as `fingerprint`.
    pub fn new(store: Store, fingerprint: Fingerprint, query: Query) -> Self {
        Self {
            store,
            fingerprint,
            query,
            partitions: Mutex::default(),
        }
    }

    /// The id of the topic that the checkpoints are of, if it is kept.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn topic_id(&self, topic: &str) -> Result<Option<TopicId>, StoreError> {
        topic_ids::kept(&self.store, self.fingerprint, topic)
    }

    /// Has the checkpoints be those of the topic with this `id`, unless they are another one's; and tells whose they
    /// are.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn keep_topic_id(&self, topic: &str, id: TopicId) -> Result<TopicId, StoreError> {
        topic_ids::keep(&self.store, self.fingerprint, topic, id)
    }

    /// The newest checkpoint of a partition.
    ///
    /// # Errors
    /// Fails if the store does not answer, or what it holds cannot be merged.
    pub fn newest(&self, partition: &TopicPartition) -> Result<FoundCheckpoint, RepositoryError> {
        let recovered = chain::recover(&self.store, &self.folder(partition))?;
        self.take(partition, recovered, &State::default())
    }

    /// The newest checkpoint of a partition, if it is newer than the one that is `held`.
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

    /// Where reading of a partition without checkpoints began: at `start`, if this is said for the first
    /// time.
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

    /// Makes `checkpoint` durable, as what `delta` has changed if that is the smaller; and tells what was
    /// found in its place that could not be read, if anything.
    ///
    /// # Errors
    /// Fails if it is not known to be kept; it may be all the same, and can be written again.
    pub fn keep(
        &self,
        partition: &TopicPartition,
        checkpoint: &Checkpoint,
        delta: Option<Delta>,
    ) -> Result<Option<String>, SaveError> {
        let folder = self.folder(partition);
        let known = match self.known(partition) {
            Some(known) => known,
            // It was added to the topic while the query ran.
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
        // Its groups stand once more in a compact form, and once in the object.
        let encoding = self.query.memory().reserve("a checkpoint being written");
        let groups = new.delta.as_ref().map_or(&new.state, |delta| &delta.groups);
        encoding.grow(2 * bytes_of(groups));
        let written = chain::write(&self.store, &folder, known.tip.as_ref(), &new)?;
        drop(encoding);
        let is_base = written.tip.deltas == 0;
        let tip = Some(written.tip);
        self.know(partition, KnownChain { tip, ..known });
        // A chain has become too old only where a new one begins.
        if is_base && let Err(error) = chain::retire(&self.store, &folder) {
            tracing::debug!(%error, %partition, "old checkpoints stay");
        }
        Ok(written.problem)
    }

    /// What was recovered, on top of the state that was held where it says so.
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

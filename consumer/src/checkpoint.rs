//! The checkpoints of partitions. A checkpoint is a partition's state together with the offset at which the state
//! stands; both are replaced together or not at all.
//!
//! [`Checkpoints`] holds them in this process's memory, so that a partition can move between its workers. A worker
//! takes a partition's checkpoint when the partition is assigned to it, and reads from the checkpoint's offset. What
//! the worker before had read but not handed over is read again. [`writer`] makes the checkpoints durable. Then the
//! worker before may have been another process's, and [`repository`] finds the checkpoints that it has left.

pub mod aggregate;
pub mod chain;
pub mod commit;
pub mod durable_files;
pub mod fingerprint;
pub mod format;
pub mod identity;
pub mod lease;
pub mod listing;
pub mod location;
pub mod name;
pub mod repository;
pub mod store;
pub mod topic_ids;
pub mod writer;

#[cfg(test)]
pub(crate) mod counting;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::repository::{FoundCheckpoint, Repository, RepositoryError};
use crate::engine::state::State;
use crate::position::{Offset, TopicPartition};

/// A partition's state and the offset of the first record that is not in it.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// The offset at which reading goes on.
    pub next: Offset,
    /// The state that the records before this offset make.
    pub state: State,
}

impl Checkpoint {
    /// Returns the checkpoint of a partition that is read from `start` on: it holds no record.
    pub fn at(start: Offset) -> Self {
        Self {
            next: start,
            state: State::default(),
        }
    }
}

/// The number of times that a partition has been taken over. It tells the partition's owner from those who had it
/// before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch(u64);

/// A partition that a new owner has taken over.
#[derive(Clone, Debug)]
pub struct TakenOver {
    /// The partition that was taken over.
    pub partition: TopicPartition,
    /// The partition's newest checkpoint, from which the owner reads on.
    pub from: Checkpoint,
    /// The epoch with which the owner moves the checkpoint on.
    pub epoch: Epoch,
    /// The problems found with checkpoints that are newer still, in words.
    pub problems: Vec<String>,
    /// The reason, in words, if it is unknown whether another process has come further. The partition must not be read
    /// then: its older records may be gone, or their result may have been shown already.
    pub unknown: Option<String>,
}

/// How far a partition that another process reads has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The offset at which its newest checkpoint ends.
    pub next: Offset,
    /// The problems found with checkpoints that are newer still, in words.
    pub problems: Vec<String>,
}

/// The newest checkpoint of every partition, shared by the workers of a process.
#[derive(Clone, Default)]
pub struct Checkpoints {
    newest: Arc<Mutex<BTreeMap<TopicPartition, NewestCheckpoint>>>,
    /// The durable checkpoints, those of other processes included.
    repository: Option<Arc<Repository>>,
}

#[derive(Debug)]
struct NewestCheckpoint {
    checkpoint: Checkpoint,
    epoch: Epoch,
    /// Whether a worker of this process has the partition.
    owned: bool,
}

impl Checkpoints {
    /// Makes the checkpoints of a query that several processes may read.
    pub fn of(repository: Arc<Repository>) -> Self {
        Self {
            repository: Some(repository),
            ..Self::default()
        }
    }

    /// Sets where reading of `partition` begins, unless that is known already.
    pub fn begin(&self, partition: TopicPartition, checkpoint: Checkpoint) {
        self.all()
            .entry(partition)
            .or_insert_with(|| NewestCheckpoint::beginning_with(checkpoint));
    }

    /// Hands `partition` to a new owner; the owners before can no longer move its checkpoint. A partition that is not
    /// known begins at `start`.
    pub fn take_over(&self, partition: TopicPartition, start: Offset) -> TakenOver {
        // A partition that was added to the topic is not known yet. Other processes may have stored where it begins.
        let begun = match &self.repository {
            Some(repository) if !self.all().contains_key(&partition) => {
                repository.begin(&partition, start)
            }
            _ => Ok(start),
        };
        let (from, epoch) = {
            let mut all = self.all();
            let start = *begun.as_ref().unwrap_or(&start);
            let newest = all
                .entry(partition.clone())
                .or_insert_with(|| NewestCheckpoint::beginning_with(Checkpoint::at(start)));
            newest.epoch.0 += 1;
            newest.owned = true;
            (newest.checkpoint.clone(), newest.epoch)
        };
        let mut taken = TakenOver {
            partition,
            from,
            epoch,
            problems: Vec::new(),
            unknown: None,
        };
        let is_begun = begun.is_ok();
        match begun.and_then(|_start| self.newer(&taken.partition, &taken.from)) {
            Ok(found) => {
                taken.problems = found.problems;
                if let Some(newer) = found.checkpoint {
                    // If the partition has been taken over again meanwhile, this owner moves nothing.
                    self.replace(&taken.partition, epoch, true, &newer);
                    taken.from = newer;
                }
            }
            Err(error) => {
                taken.unknown = Some(error.to_string());
                if !is_begun {
                    self.all().remove(&taken.partition);
                }
            }
        }
        taken
    }

    /// Releases a partition that was taken over under `epoch`.
    pub fn release(&self, partition: &TopicPartition, epoch: Epoch) {
        if let Some(newest) = self.all().get_mut(partition)
            && newest.epoch == epoch
        {
            newest.owned = false;
        }
    }

    /// Replaces the checkpoint that ends at `previous`. Returns `false`, and changes nothing, if the partition has been
    /// taken over since `epoch`, or if the newest checkpoint ends elsewhere.
    #[must_use]
    pub fn advance(
        &self,
        partition: &TopicPartition,
        epoch: Epoch,
        previous: Offset,
        new: Checkpoint,
    ) -> bool {
        match self.all().get_mut(partition) {
            Some(newest) if newest.epoch == epoch && newest.checkpoint.next == previous => {
                newest.checkpoint = new;
                true
            }
            _ => false,
        }
    }

    /// Puts `compacted` in the place of the checkpoint that ends at the same offset: its state is the same in fewer
    /// layers. Nothing changes if the partition has been taken over since `epoch`, because the new owner has a state of
    /// its own.
    pub fn compact(&self, partition: &TopicPartition, epoch: Epoch, compacted: Checkpoint) {
        let _ = self.advance(partition, epoch, compacted.next, compacted);
    }

    /// Looks for newer checkpoints, written by other processes, of a partition that no worker here has. Returns where
    /// the newest readable one ends, or `None` if a worker here has the partition.
    ///
    /// # Errors
    /// Fails if they cannot be read now.
    pub fn follow(&self, partition: &TopicPartition) -> Result<Option<Followed>, RepositoryError> {
        let (held, epoch) = match self.all().get(partition) {
            Some(newest) if newest.owned => return Ok(None),
            Some(newest) => (newest.checkpoint.clone(), newest.epoch),
            // The partition was added to the topic.
            None => (Checkpoint::at(Offset(0)), Epoch::default()),
        };
        let FoundCheckpoint {
            checkpoint,
            problems,
        } = self.newer(partition, &held)?;
        let Some(newer) = checkpoint else {
            let next = held.next;
            return Ok(Some(Followed { next, problems }));
        };
        let is_taken = self.replace(partition, epoch, false, &newer);
        let next = newer.next;
        Ok(is_taken.then_some(Followed { next, problems }))
    }

    /// Returns whether a worker of this process has `partition`.
    pub fn is_owned(&self, partition: &TopicPartition) -> bool {
        self.all().get(partition).is_some_and(|newest| newest.owned)
    }

    /// Returns the newest checkpoints of the `wanted` partitions.
    pub fn newest(
        &self,
        wanted: impl Fn(&TopicPartition) -> bool,
    ) -> BTreeMap<TopicPartition, Checkpoint> {
        self.all()
            .iter()
            .filter(|(partition, _)| wanted(partition))
            .map(|(partition, newest)| (partition.clone(), newest.checkpoint.clone()))
            .collect()
    }

    fn newer(
        &self,
        partition: &TopicPartition,
        held: &Checkpoint,
    ) -> Result<FoundCheckpoint, RepositoryError> {
        match &self.repository {
            Some(repository) => repository.newer(partition, held),
            None => Ok(FoundCheckpoint::default()),
        }
    }

    /// Puts `newer` in the place of the checkpoint before, unless the partition has been taken over meanwhile.
    fn replace(
        &self,
        partition: &TopicPartition,
        epoch: Epoch,
        owned: bool,
        newer: &Checkpoint,
    ) -> bool {
        let mut all = self.all();
        let newest = all
            .entry(partition.clone())
            .or_insert_with(|| NewestCheckpoint::beginning_with(newer.clone()));
        let is_same = (newest.epoch, newest.owned) == (epoch, owned);
        if is_same && newest.checkpoint.next <= newer.next {
            newest.checkpoint = newer.clone();
            return true;
        }
        false
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, NewestCheckpoint>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NewestCheckpoint {
    fn beginning_with(checkpoint: Checkpoint) -> Self {
        Self {
            checkpoint,
            epoch: Epoch::default(),
            owned: false,
        }
    }
}

#[cfg(test)]
mod tests;

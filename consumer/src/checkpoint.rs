//! What is kept of a partition between batches: its state and the offset that the state stands at,
//! moved together or not at all.
//!
//! [`Checkpoints`] has them in this process's memory, so that a partition can move between its workers. A
//! worker takes a partition's checkpoint when the partition is assigned to it and reads from its offset;
//! what the worker before had read but not handed over is read again. [`keeper`] makes them durable.

pub mod chain;
pub mod claim;
pub mod durable_files;
pub mod fingerprint;
pub mod format;
pub mod keeper;
pub mod location;
pub mod name;
pub mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::state::State;
use crate::position::{Offset, TopicPartition};

/// A partition's state and the offset of the first record that is not in it.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// Where to read on.
    pub next: Offset,
    /// What the records before make.
    pub state: State,
}

impl Checkpoint {
    /// That of no records, before the one at `start`.
    pub fn at(start: Offset) -> Self {
        Self {
            next: start,
            state: State::default(),
        }
    }
}

/// Counts how often a partition has been taken over, so that whoever holds an older one can be told from
/// its owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch(u64);

/// A partition in the hands of a new owner.
#[derive(Clone, Debug)]
pub struct TakenOver {
    /// Which.
    pub partition: TopicPartition,
    /// Its newest checkpoint: where the owner reads on.
    pub from: Checkpoint,
    /// What the owner moves the checkpoint on with.
    pub epoch: Epoch,
}

/// The newest checkpoint of every partition, shared by the workers of a process.
#[derive(Clone, Debug, Default)]
pub struct Checkpoints(Arc<Mutex<BTreeMap<TopicPartition, Kept>>>);

#[derive(Debug, Default)]
struct Kept {
    newest: Checkpoint,
    epoch: Epoch,
}

impl Checkpoints {
    /// Fixes where reading of `partition` begins; if that is known already, it stays.
    pub fn begin(&self, partition: TopicPartition, checkpoint: Checkpoint) {
        self.all()
            .entry(partition)
            .or_insert_with(|| Kept::beginning_with(checkpoint));
    }

    /// Hands `partition` to a new owner; whoever had it before moves nothing any more. One that is not
    /// known begins at `start`.
    pub fn take_over(&self, partition: TopicPartition, start: Offset) -> TakenOver {
        let mut all = self.all();
        let kept = all
            .entry(partition.clone())
            .or_insert_with(|| Kept::beginning_with(Checkpoint::at(start)));
        kept.epoch.0 += 1;
        TakenOver {
            partition,
            from: kept.newest.clone(),
            epoch: kept.epoch,
        }
    }

    /// Replaces the checkpoint that ends at `previous`. `false`, and nothing changes, if the partition
    /// has been taken over since `epoch`, or the newest one ends elsewhere.
    #[must_use]
    pub fn advance(
        &self,
        partition: &TopicPartition,
        epoch: Epoch,
        previous: Offset,
        new: Checkpoint,
    ) -> bool {
        match self.all().get_mut(partition) {
            Some(kept) if kept.epoch == epoch && kept.newest.next == previous => {
                kept.newest = new;
                true
            }
            _ => false,
        }
    }

    /// The states of those partitions that are `wanted`.
    pub fn states(&self, wanted: impl Fn(&TopicPartition) -> bool) -> Vec<State> {
        self.all()
            .iter()
            .filter(|(partition, _)| wanted(partition))
            .map(|(_, kept)| kept.newest.state.clone())
            .collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn beginning_with(newest: Checkpoint) -> Self {
        Self {
            newest,
            epoch: Epoch::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(next: i64) -> Checkpoint {
        Checkpoint::at(Offset(next))
    }

    #[test]
    fn a_worker_that_has_lost_the_partition_changes_nothing() {
        let checkpoints = Checkpoints::default();
        let partition = TopicPartition::new("t", 0);
        let old = checkpoints.take_over(partition.clone(), Offset(5));
        let new = checkpoints.take_over(partition.clone(), Offset(5));
        assert_eq!(new.from.next, Offset(5));

        // Both stand where the newest checkpoint ends.
        assert!(!checkpoints.advance(&partition, old.epoch, Offset(5), at(7)));
        assert!(checkpoints.advance(&partition, new.epoch, Offset(5), at(9)));
        assert!(!checkpoints.advance(&partition, old.epoch, Offset(9), at(11)));

        let third = checkpoints.take_over(partition, Offset(5));
        assert_eq!(third.from.next, Offset(9));
    }

    #[test]
    fn records_are_moved_over_once() {
        let checkpoints = Checkpoints::default();
        let partition = TopicPartition::new("t", 0);
        let owner = checkpoints.take_over(partition.clone(), Offset(5));
        assert!(checkpoints.advance(&partition, owner.epoch, Offset(5), at(9)));
        assert!(!checkpoints.advance(&partition, owner.epoch, Offset(5), at(9)));
    }

    #[test]
    fn a_known_start_stays() {
        let checkpoints = Checkpoints::default();
        let partition = TopicPartition::new("t", 0);
        checkpoints.begin(partition.clone(), at(5));
        checkpoints.begin(partition.clone(), at(0));
        let owner = checkpoints.take_over(partition, Offset(0));
        assert_eq!(owner.from.next, Offset(5));
    }
}

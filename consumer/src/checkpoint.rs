//! What is kept of a partition between batches: its state and the offset that the state stands at,
//! moved together or not at all.
//!
//! For now in this process's memory, so that a partition can move between its workers. A worker takes
//! a partition's checkpoint when the partition is assigned to it and reads from its offset; what the
//! worker before had read but not handed over is read again.

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

/// The newest checkpoint of every partition, shared by the workers of a process.
#[derive(Clone, Debug, Default)]
pub struct Checkpoints(Arc<Mutex<BTreeMap<TopicPartition, Checkpoint>>>);

impl Checkpoints {
    /// The newest checkpoint of `partition`, if it has been read or its start is known.
    pub fn latest(&self, partition: &TopicPartition) -> Option<Checkpoint> {
        self.all().get(partition).cloned()
    }

    /// Fixes where reading of `partition` begins; if that is known already, it stays.
    pub fn begin(&self, partition: TopicPartition, start: Offset) {
        self.all().entry(partition).or_insert(Checkpoint {
            next: start,
            state: State::default(),
        });
    }

    /// Replaces the checkpoint that ends at `previous`. `false`, and nothing changes, if the newest
    /// one ends elsewhere: then whoever made this one has lost the partition meanwhile.
    #[must_use]
    pub fn advance(&self, partition: &TopicPartition, previous: Offset, new: Checkpoint) -> bool {
        match self.all().get_mut(partition) {
            Some(latest) if latest.next == previous => {
                *latest = new;
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
            .map(|(_, checkpoint)| checkpoint.state.clone())
            .collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Checkpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_has_lost_the_partition_changes_nothing() {
        let checkpoints = Checkpoints::default();
        let partition = TopicPartition::new("t", 0);
        checkpoints.begin(partition.clone(), Offset(5));
        let at = |next| Checkpoint {
            next: Offset(next),
            state: State::default(),
        };

        assert!(checkpoints.advance(&partition, Offset(5), at(9)));
        assert!(!checkpoints.advance(&partition, Offset(5), at(7)));

        let latest = checkpoints.latest(&partition).map(|latest| latest.next);
        assert_eq!(latest, Some(Offset(9)));
    }

    #[test]
    fn a_known_start_stays() {
        let checkpoints = Checkpoints::default();
        let partition = TopicPartition::new("t", 0);
        checkpoints.begin(partition.clone(), Offset(5));
        checkpoints.begin(partition.clone(), Offset(0));
        let latest = checkpoints.latest(&partition).map(|latest| latest.next);
        assert_eq!(latest, Some(Offset(5)));
    }
}

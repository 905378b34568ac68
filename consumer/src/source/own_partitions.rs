//! The partitions of one client of a member. They are taken over at their checkpoints when the group assigns them, and
//! released when the group revokes them or the client ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::topics::Extent;
use crate::checkpoint::{Checkpoints, Epoch, TakenOver};
use crate::position::{Offset, TopicPartition};

/// The partitions, and the epochs under which they were taken over. When this is dropped, it releases all that are
/// left.
pub struct OwnPartitions {
    checkpoints: Checkpoints,
    extents: Arc<BTreeMap<TopicPartition, Extent>>,
    epochs: Mutex<BTreeMap<TopicPartition, Epoch>>,
}

impl OwnPartitions {
    /// Makes an empty set. Partitions will be read from where `checkpoints` end; `extents` are the partitions when the
    /// query was started.
    pub fn new(checkpoints: Checkpoints, extents: Arc<BTreeMap<TopicPartition, Extent>>) -> Self {
        Self {
            checkpoints,
            extents,
            epochs: Mutex::default(),
        }
    }

    /// Takes `partitions` over at their checkpoints. Ends after the first partition for which it is unknown where to go
    /// on; [`TakenOver::unknown`] says why.
    pub fn take_over(&self, partitions: &[TopicPartition]) -> Vec<TakenOver> {
        let mut all = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let extent = self.extents.get(partition);
            let start = extent.map_or(Offset(0), |extent| extent.start);
            let taken_over = self.checkpoints.take_over(partition.clone(), start);
            let is_unknown = taken_over.unknown.is_some();
            self.epochs().insert(partition.clone(), taken_over.epoch);
            all.push(taken_over);
            if is_unknown {
                // A checkpoint store that does not answer would make each of the other partitions wait too.
                break;
            }
        }
        all
    }

    /// Releases these partitions, so that others may have them.
    pub fn release(&self, partitions: &[TopicPartition]) {
        for partition in partitions {
            let epoch = self.epochs().remove(partition);
            if let Some(epoch) = epoch {
                self.checkpoints.release(partition, epoch);
            }
        }
    }

    fn epochs(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Epoch>> {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OwnPartitions {
    fn drop(&mut self) {
        for (partition, epoch) in self.epochs().iter() {
            self.checkpoints.release(partition, *epoch);
        }
    }
}

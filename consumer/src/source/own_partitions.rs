//! The partitions that one client of a member has: taken over at their checkpoints when the group assigns them, and
//! released when it takes them away, or when the client ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::topics::Extent;
use crate::checkpoint::{Checkpoints, Epoch, TakenOver};
use crate::position::{Offset, TopicPartition};

/// The partitions, and the epochs under which they were taken over. Those that are left are released when it is dropped.
pub struct OwnPartitions {
    checkpoints: Checkpoints,
    extents: Arc<BTreeMap<TopicPartition, Extent>>,
    epochs: Mutex<BTreeMap<TopicPartition, Epoch>>,
}

impl OwnPartitions {
    /// None yet. They are read on where `checkpoints` end; `extents` are the partitions when the query was started.
    pub fn new(checkpoints: Checkpoints, extents: Arc<BTreeMap<TopicPartition, Extent>>) -> Self {
        Self {
            checkpoints,
            extents,
            epochs: Mutex::default(),
        }
    }

    /// Takes `partitions` over at their checkpoints. Ends with the first of which it is not known where to go on, whose
    /// [`TakenOver::unknown`] says why.
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
                // A store that does not answer would be waited for once more for each of the others.
                break;
            }
        }
        all
    }

    /// Others may have these now.
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

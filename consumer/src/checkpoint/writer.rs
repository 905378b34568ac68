//! Gathers checkpoints that are not durable yet, and writes them.
//!
//! While one checkpoint is being written, however long the store takes, the checkpoints that come for the same
//! partition are gathered into one: a slow store gets fewer and larger checkpoints, and no queue grows. A checkpoint
//! that cannot be written is tried again. Until then the newest durable checkpoint is an older one, and nothing else is
//! wrong.

mod thread;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;

use crate::checkpoint::Checkpoint;
use crate::checkpoint::chain::Delta;
use crate::checkpoint::repository::Repository;
use crate::event::Level;
use crate::position::{Offset, TopicPartition};

pub use self::thread::WriterThread;

/// What a writer reports.
#[derive(Debug, PartialEq, Eq)]
pub enum WriterEvent {
    /// The partition is durable up to this offset.
    Durable(TopicPartition, Offset),
    /// A message that a person should see.
    Notice(Level, String),
}

/// A partition's newest checkpoint, to be made durable.
#[derive(Debug)]
pub struct NewState {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset of the checkpoint before.
    pub previous: Offset,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The groups that have been added since the checkpoint before.
    pub groups: Vec<RecordBatch>,
}

/// Writes checkpoints, one after the other.
pub struct CheckpointWriter {
    repository: Arc<Repository>,
    tell: Box<dyn Fn(WriterEvent) + Send>,
    gathered: PendingCheckpoints,
    failing: bool,
}

/// The checkpoints to write, one for each partition. Some can be added while others are being written.
#[derive(Clone, Default)]
pub struct PendingCheckpoints(Arc<Mutex<BTreeMap<TopicPartition, PendingCheckpoint>>>);

impl PendingCheckpoints {
    /// Adds a checkpoint to write.
    pub fn add(&self, state: NewState) {
        let mut all = self.all();
        let partition = state.partition.clone();
        let newer = PendingCheckpoint::new(state);
        match all.get_mut(&partition) {
            Some(pending) => pending.add(newer),
            None => {
                all.insert(partition, newer);
            }
        }
    }

    /// Puts back a checkpoint that was not written. It comes before what has been added meanwhile.
    fn put_back(&self, partition: TopicPartition, mut pending: PendingCheckpoint) {
        let mut all = self.all();
        if let Some(newer) = all.remove(&partition) {
            pending.add(newer);
        }
        all.insert(partition, pending);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, PendingCheckpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of a partition's state that is not durable yet.
struct PendingCheckpoint {
    checkpoint: Checkpoint,
    /// The changes since the last durable checkpoint; `None` if they are not known by themselves, or if they would be
    /// more than the whole state, which is then written instead.
    delta: Option<Delta>,
}

impl PendingCheckpoint {
    fn new(state: NewState) -> Self {
        let delta = Delta {
            previous: state.previous,
            groups: state.groups,
        };
        let mut new = Self {
            checkpoint: state.checkpoint,
            delta: Some(delta),
        };
        new.drop_large_delta();
        new
    }

    fn add(&mut self, newer: Self) {
        // Otherwise another process had the partition meanwhile, and its groups are not among these.
        let follows = |newer: &Delta| newer.previous == self.checkpoint.next;
        let newer_delta = newer.delta.filter(follows);
        self.delta = match (self.delta.take(), newer_delta) {
            (Some(mut delta), Some(newer)) => {
                delta.groups.extend(newer.groups);
                Some(delta)
            }
            _ => None,
        };
        self.checkpoint = newer.checkpoint;
        self.drop_large_delta();
    }

    fn drop_large_delta(&mut self) {
        let rows = |batch: &RecordBatch| batch.num_rows();
        let state = &self.checkpoint.state;
        let kept: usize = state.batches().map(|batch| rows(&batch)).sum();
        let is_small = |delta: &Delta| delta.groups.iter().map(rows).sum::<usize>() <= kept;
        self.delta = self.delta.take().filter(is_small);
    }
}

impl CheckpointWriter {
    /// Makes a writer to `repository`, which tells `tell` the outcome of each write.
    pub fn new(repository: Arc<Repository>, tell: impl Fn(WriterEvent) + Send + 'static) -> Self {
        Self {
            repository,
            tell: Box::new(tell),
            gathered: PendingCheckpoints::default(),
            failing: false,
        }
    }

    /// Returns whether there is a checkpoint to write.
    pub fn has_pending(&self) -> bool {
        !self.gathered.all().is_empty()
    }

    /// Returns the checkpoints to write, to which others can be added.
    pub fn gathered(&self) -> &PendingCheckpoints {
        &self.gathered
    }

    /// Writes the pending checkpoints. Returns `false` if one fails, which then stays pending. If the store itself
    /// fails, the rest counts as failed too: a store that does not answer would be waited for once for each partition.
    pub fn write(&mut self) -> bool {
        let mut failed = None;
        let mut store_fails = false;
        let pending = std::mem::take(&mut *self.gathered.all());
        for (partition, pending) in pending {
            if store_fails {
                self.gathered.put_back(partition, pending);
                continue;
            }
            let delta = pending.delta.clone();
            match self.repository.keep(&partition, &pending.checkpoint, delta) {
                Ok(problem) => {
                    if let Some(problem) = problem {
                        let text = "a checkpoint could not be read, and is replaced";
                        self.notice(Level::Warning, format!("{text}: {problem}"));
                    }
                    (self.tell)(WriterEvent::Durable(partition, pending.checkpoint.next));
                }
                Err(error) => {
                    store_fails = error.is_of_store();
                    failed = Some(error.to_string());
                    self.gathered.put_back(partition, pending);
                }
            }
        }
        match (&failed, self.failing) {
            (Some(reason), false) => {
                self.notice(Level::Error, format!("checkpoints wait: {reason}"));
            }
            (None, true) => {
                self.notice(Level::Info, "checkpoints are written again".to_owned());
            }
            _ => {}
        }
        self.failing = failed.is_some();
        !self.failing
    }

    fn notice(&self, level: Level, text: String) {
        (self.tell)(WriterEvent::Notice(level, text));
    }
}

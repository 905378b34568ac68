//! The thread that makes checkpoints durable, so that no batch waits for a disk.
//!
//! While one is being written, what comes for the same partition is gathered into one: a slow store gets
//! fewer and larger checkpoints, and no queue grows. What cannot be written is tried again; until then
//! the newest durable checkpoint is an older one, and nothing else is wrong.

use std::collections::BTreeMap;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use datafusion::arrow::array::RecordBatch;

use super::Checkpoint;
use super::chain::{self, NewCheckpoint, Tip};
use super::fingerprint::Fingerprint;
use super::name::Folder;
use super::store::Store;
use crate::event::Level;
use crate::position::{Offset, TopicPartition};

/// Between two tries to write what could not be written.
const RETRY: Duration = Duration::from_secs(2);
/// How long the last checkpoints may take.
const LAST: Duration = Duration::from_secs(10);

/// Where a query's checkpoints are kept.
pub struct Kept {
    /// The objects.
    pub store: Store,
    /// Of the query.
    pub fingerprint: Fingerprint,
    /// What is there of each partition.
    pub partitions: BTreeMap<TopicPartition, KeptPartition>,
}

/// What is kept of one partition.
#[derive(Clone, Debug)]
pub struct KeptPartition {
    /// Where its reading began.
    pub start: Offset,
    /// Its newest checkpoint; `None` if there is none yet.
    pub tip: Option<Tip>,
}

/// What is told of checkpoints.
#[derive(Debug)]
pub enum Told {
    /// This partition is durable up to there.
    Durable(TopicPartition, Offset),
    /// Something that a person would want to know.
    Notice(Level, String),
}

/// One partition's new checkpoint.
#[derive(Debug)]
struct Task {
    partition: TopicPartition,
    checkpoint: Checkpoint,
    delta: Vec<RecordBatch>,
}

/// The running thread.
pub struct Keeper {
    tasks: Sender<Task>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts it.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn start(kept: Kept, tell: impl Fn(Told) + Send + 'static) -> io::Result<Self> {
        let (tasks, inbox) = unbounded();
        let thread = thread::Builder::new()
            .name("checkpoints".to_owned())
            .spawn(move || {
                let mut writer = Writer {
                    kept,
                    tell: Box::new(tell),
                    pending: BTreeMap::new(),
                    failing: false,
                };
                writer.run(&inbox);
            })?;
        Ok(Self { tasks, thread })
    }

    /// Keeps `checkpoint`, which is the one before and the groups of `delta`.
    pub fn keep(&self, partition: TopicPartition, checkpoint: Checkpoint, delta: Vec<RecordBatch>) {
        // It ends before us only by a panic, which joining it tells.
        let _ = self.tasks.send(Task {
            partition,
            checkpoint,
            delta,
        });
    }

    /// Waits until all is durable, or has failed for too long.
    ///
    /// # Errors
    /// If the thread panicked.
    pub fn finish(self) -> thread::Result<()> {
        drop(self.tasks);
        self.thread.join()
    }
}

struct Writer {
    kept: Kept,
    tell: Box<dyn Fn(Told) + Send>,
    pending: BTreeMap<TopicPartition, (Checkpoint, Vec<RecordBatch>)>,
    failing: bool,
}

impl Writer {
    fn run(&mut self, inbox: &Receiver<Task>) {
        loop {
            let received = match self.pending.is_empty() {
                true => inbox.recv().map_err(RecvTimeoutError::from),
                false => inbox.recv_timeout(RETRY),
            };
            match received {
                Ok(task) => self.gather(task),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.finish(),
            }
            for task in inbox.try_iter() {
                self.gather(task);
            }
            self.write();
        }
    }

    fn gather(&mut self, task: Task) {
        let (checkpoint, delta) = self.pending.entry(task.partition).or_default();
        *checkpoint = task.checkpoint;
        delta.extend(task.delta);
    }

    /// Writes what is pending; what fails stays so.
    fn write(&mut self) {
        let mut failed = None;
        for (partition, (checkpoint, delta)) in std::mem::take(&mut self.pending) {
            if let Err(reason) = self.write_one(&partition, &checkpoint, &delta) {
                failed = Some(reason);
                self.pending.insert(partition, (checkpoint, delta));
            }
        }
        match (failed, self.failing) {
            (Some(reason), false) => {
                let text = format!("checkpoints wait: {reason}");
                (self.tell)(Told::Notice(Level::Error, text));
                self.failing = true;
            }
            (None, true) => {
                let text = "checkpoints are written again".to_owned();
                (self.tell)(Told::Notice(Level::Info, text));
                self.failing = false;
            }
            _ => {}
        }
    }

    fn write_one(
        &mut self,
        partition: &TopicPartition,
        checkpoint: &Checkpoint,
        delta: &[RecordBatch],
    ) -> Result<(), String> {
        let folder = Folder {
            fingerprint: self.kept.fingerprint,
            partition: partition.clone(),
        };
        let Kept {
            store, partitions, ..
        } = &mut self.kept;
        let known = match partitions.get_mut(partition) {
            Some(known) => known,
            None => {
                // It was added to the topic while the query ran.
                let start = chain::fix_start(store, &folder, Offset(0))
                    .map_err(|error| error.to_string())?;
                let tip = None;
                partitions
                    .entry(partition.clone())
                    .or_insert(KeptPartition { start, tip })
            }
        };
        let new = NewCheckpoint {
            start: known.start,
            next: checkpoint.next,
            watermark: None,
            state: checkpoint.state.batches().collect(),
            delta: Some(delta.to_vec()),
        };
        let written = chain::write(store, &folder, known.tip.as_ref(), &new)
            .map_err(|error| error.to_string())?;
        if let Some(problem) = written.problem {
            let text = format!("a checkpoint could not be read, and is replaced: {problem}");
            (self.tell)(Told::Notice(Level::Warning, text));
        }
        let is_base = written.tip.deltas == 0;
        known.tip = Some(written.tip);
        (self.tell)(Told::Durable(partition.clone(), checkpoint.next));
        if is_base && let Err(error) = chain::retire(store, &folder) {
            tracing::debug!(%error, %partition, "old checkpoints stay");
        }
        Ok(())
    }

    fn finish(&mut self) {
        let deadline = Instant::now() + LAST;
        self.write();
        while !self.pending.is_empty() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(500));
            self.write();
        }
    }
}

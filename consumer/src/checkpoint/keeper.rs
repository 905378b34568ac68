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
    pending: BTreeMap<TopicPartition, Pending>,
    failing: bool,
}

/// What of a partition is not durable yet.
#[derive(Default)]
struct Pending {
    checkpoint: Checkpoint,
    /// The groups since the last durable checkpoint, by batches.
    delta: Vec<RecordBatch>,
    /// They would be more than the whole state, which is written in their place.
    as_base: bool,
}

impl Pending {
    fn add(&mut self, task: Task) {
        self.checkpoint = task.checkpoint;
        self.delta.extend(task.delta);
        let groups: usize = self.delta.iter().map(RecordBatch::num_rows).sum();
        let kept: usize = self
            .checkpoint
            .state
            .batches()
            .map(|batch| batch.num_rows())
            .sum();
        if self.as_base || groups > kept {
            self.as_base = true;
            self.delta.clear();
        }
    }
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
        let partition = task.partition.clone();
        self.pending.entry(partition).or_default().add(task);
    }

    /// Writes what is pending; what fails stays so.
    fn write(&mut self) {
        let mut failed = None;
        for (partition, pending) in std::mem::take(&mut self.pending) {
            if let Err(reason) = self.write_one(&partition, &pending) {
                failed = Some(reason);
                self.pending.insert(partition, pending);
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

    fn write_one(&mut self, partition: &TopicPartition, pending: &Pending) -> Result<(), String> {
        let checkpoint = &pending.checkpoint;
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
            delta: (!pending.as_base).then(|| pending.delta.clone()),
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use datafusion::arrow::array::{AsArray, Int64Array};
    use datafusion::arrow::datatypes::Int64Type;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;
    use crate::checkpoint::fingerprint::Identity;
    use crate::engine::query::Query;
    use crate::engine::state::State;
    use crate::schema::TableSchema;

    fn groups(query: &Query, values: &[i64]) -> Vec<RecordBatch> {
        let mut partial = query.partial().unwrap();
        let values = Arc::new(Int64Array::from(values.to_vec()));
        let fields = query.table().project(query.columns()).unwrap();
        partial
            .push(RecordBatch::try_new(Arc::new(fields), vec![values]).unwrap())
            .unwrap();
        partial.finish().unwrap()
    }

    #[test]
    fn what_is_kept_is_recovered_and_told_in_order() {
        let table = TableSchema::parse("n BIGINT").unwrap();
        let query = "SELECT n, count(*) FROM transactions GROUP BY n ORDER BY n";
        let query = Query::plan(query, table.table(), &[]).unwrap();
        let objects = Arc::new(InMemory::new());
        let store = || Store::new(objects.clone(), Path::from("x"), "memory:///x").unwrap();
        let identity = Identity::new(&["t".to_owned()], table.columns(), "count");
        let fingerprint = identity.fingerprint().unwrap();
        let partition = TopicPartition::new("t", 0);
        let kept = Kept {
            store: store(),
            fingerprint,
            partitions: BTreeMap::new(),
        };
        let durable = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&durable);
        let keeper = Keeper::start(kept, move |event| match event {
            Told::Durable(_, next) => told.lock().unwrap().push(next.0),
            Told::Notice(_, text) => panic!("{text}"),
        })
        .unwrap();
        let mut state = State::default();
        for batch in 1..=50 {
            let delta = groups(&query, &[1, batch]);
            state = state.merged(&query, delta.clone()).unwrap();
            let checkpoint = Checkpoint {
                next: Offset(2 * batch),
                state: state.clone(),
            };
            keeper.keep(partition.clone(), checkpoint, delta);
        }
        keeper.finish().unwrap();

        let durable = durable.lock().unwrap();
        assert!(durable.is_sorted() && durable.last() == Some(&100));
        let folder = Folder {
            fingerprint,
            partition,
        };
        let recovered = chain::recover(&store(), &folder).unwrap();
        let newest = recovered.newest.unwrap();
        assert_eq!(newest.tip.next(), Offset(100));
        let state = State::of(&query, newest.batches).unwrap();
        let rows = query.result(state.batches()).unwrap().rows;
        let counts = rows.column(1).as_primitive::<Int64Type>();
        assert_eq!(counts.value(0), 51);
        assert_eq!(counts.values()[1..], [1; 49]);
    }
}

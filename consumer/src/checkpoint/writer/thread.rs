//! The thread that makes checkpoints durable, so that no batch waits for a disk.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use super::{CheckpointWriter, NewState, PendingCheckpoints, WriterEvent};
use crate::checkpoint::repository::Repository;

/// How long to wait before writing again what could not be written.
const RETRY: Duration = Duration::from_secs(2);
/// How long the writing of the last checkpoints may take.
const LAST: Duration = Duration::from_secs(10);
/// How much longer a checkpoint may then take that is already being written.
const ANSWER: Duration = Duration::from_secs(2);

/// The running thread that writes checkpoints.
pub struct WriterThread {
    pending: PendingCheckpoints,
    wake: Sender<()>,
    /// A channel without messages, which is closed when the thread ends.
    ended: Receiver<()>,
    /// The thread, which returns whether everything has been written.
    thread: JoinHandle<bool>,
}

impl WriterThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// Fails if the operating system gives no thread.
    pub fn start(
        repository: Arc<Repository>,
        tell: impl Fn(WriterEvent) + Send + 'static,
    ) -> io::Result<Self> {
        let (wake, woken) = bounded(1);
        let (ends, ended) = bounded(0);
        let mut writer = CheckpointWriter::new(repository, tell);
        let pending = writer.gathered().clone();
        let thread = thread::Builder::new()
            .name("checkpoints".to_owned())
            .spawn(move || {
                let _ends = ends;
                run(|| writer.write(), &woken, RETRY, LAST)
            })?;
        Ok(Self {
            pending,
            wake,
            ended,
            thread,
        })
    }

    /// Has `state` written. Returns `false` if the thread has broken down.
    #[must_use]
    pub fn keep(&self, state: NewState) -> bool {
        self.pending.add(state);
        // If the channel is full, the thread is going to look anyway.
        !matches!(self.wake.try_send(()), Err(TrySendError::Disconnected(())))
    }

    /// Waits until everything is durable. Returns `false` if that has failed for too long, or if the store does not
    /// answer. In that case the thread ends when the store answers.
    ///
    /// # Errors
    /// Fails if the thread panicked.
    pub fn finish(self) -> thread::Result<bool> {
        drop(self.wake);
        match self.ended.recv_timeout(LAST + ANSWER) {
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => self.thread.join(),
        }
    }
}

/// Writes everything that comes with `write`, which returns whether it succeeded. What could not be written is tried
/// again after `retry`; what comes until then stays pending. Ends when nobody wakes it any more, at most `last` after
/// that if something cannot be written. Returns whether everything has been written.
fn run(
    mut write: impl FnMut() -> bool,
    woken: &Receiver<()>,
    retry: Duration,
    last: Duration,
) -> bool {
    let mut retry_at = None;
    loop {
        let woken = match retry_at {
            None => woken.recv().map_err(RecvTimeoutError::from),
            Some(at) => woken.recv_deadline(at),
        };
        match (woken, retry_at) {
            (Err(RecvTimeoutError::Disconnected), _) => break,
            (Ok(()), Some(at)) if Instant::now() < at => continue,
            (Ok(()) | Err(RecvTimeoutError::Timeout), _) => {}
        }
        retry_at = (!write()).then(|| Instant::now() + retry);
    }
    let deadline = Instant::now() + last;
    loop {
        let written = write();
        let left = deadline.saturating_duration_since(Instant::now());
        if written || left.is_zero() {
            return written;
        }
        // Nothing comes any more that could wake the thread.
        thread::sleep(retry.min(left));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use crossbeam_channel::unbounded;
    use object_store::memory::InMemory;

    use super::*;
    use crate::checkpoint::counting::Counting;
    use crate::checkpoint::{Checkpoint, Epoch, TakenOver};
    use crate::position::{Offset, TopicPartition};

    #[test]
    fn what_is_kept_is_recovered_and_told_in_order() {
        let counting = Counting::kept_in(Arc::new(InMemory::new()));
        let partition = TopicPartition::new("t", 0);
        let durable = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&durable);
        let thread = WriterThread::start(counting.repository(), move |event| match event {
            WriterEvent::Durable(_, next) => told.lock().unwrap().push(next.0),
            WriterEvent::Notice(_, text) => panic!("{text}"),
        })
        .unwrap();
        let mut taken = TakenOver {
            partition: partition.clone(),
            from: Checkpoint::default(),
            epoch: Epoch::default(),
            problems: Vec::new(),
            unknown: None,
        };
        for batch in 1..=50 {
            let state = counting.read(&taken, &[0, batch]);
            taken.from = state.checkpoint.clone();
            assert!(thread.keep(state));
        }
        assert!(thread.finish().unwrap());

        let durable = durable.lock().unwrap();
        assert!(durable.is_sorted() && durable.last() == Some(&100));
        let newest = counting.repository().newest(&partition).unwrap().checkpoint;
        let newest = newest.unwrap();
        assert_eq!(newest.next, Offset(100));
        let mut expected: BTreeMap<_, _> = (1..=50).map(|batch| (batch, 1)).collect();
        expected.insert(0, 50);
        assert_eq!(counting.counts(&newest.state), expected);
    }

    #[test]
    fn a_store_that_does_not_answer_holds_up_no_more_than_a_few_states() {
        let counting = Counting::kept_in(Arc::new(InMemory::new()));
        let partition = TopicPartition::new("t", 0);
        // The writer's thread waits behind the first checkpoint, as it does for a store that does not answer.
        let (answer, answers) = bounded::<()>(0);
        let thread = WriterThread::start(counting.repository(), move |_told| {
            let _ = answers.recv();
        })
        .unwrap();
        let mut taken = TakenOver {
            partition: partition.clone(),
            from: Checkpoint::default(),
            epoch: Epoch::default(),
            problems: Vec::new(),
            unknown: None,
        };
        let numbers: Vec<i64> = (0..5_000).collect();
        let mut most = 0;
        for _ in 0..200 {
            let state = counting.read(&taken, &numbers);
            taken.from = state.checkpoint.clone();
            assert!(thread.keep(state));
            most = most.max(counting.held());
        }
        let one = taken.from.state.bytes();
        assert!(most < 12 * one, "{most} bytes for states of {one}");

        drop(answer);
        assert!(thread.finish().unwrap());
        let newest = counting.repository().newest(&partition).unwrap().checkpoint;
        let newest = newest.unwrap();
        assert_eq!(newest.next, Offset(1_000_000));
        let counts = counting.counts(&newest.state);
        assert!(counts.len() == 5_000 && counts.values().all(|count| *count == 200));
    }

    #[test]
    fn what_could_not_be_written_is_tried_again_when_it_is_time() {
        // The channel has no buffer, so that what is sent has been received.
        let (wake, woken) = bounded(0);
        let (tried, tries) = unbounded();
        let keeping = thread::spawn(move || {
            let write = || tried.send(()).is_err();
            run(write, &woken, Duration::from_secs(60), Duration::ZERO)
        });
        for _ in 0..5 {
            wake.send(()).unwrap();
        }
        drop(wake);
        assert!(!keeping.join().unwrap());
        // One try was when it was first woken, and one at the end.
        assert_eq!(tries.len(), 2);
    }

    #[test]
    fn what_could_not_be_written_is_tried_again_without_being_woken() {
        let (wake, woken) = bounded(1);
        let (tried, tries) = unbounded();
        let keeping = thread::spawn(move || {
            let mut fails = 2;
            let write = || {
                tried.send(()).unwrap();
                fails -= 1;
                fails < 0
            };
            run(write, &woken, Duration::from_millis(1), Duration::ZERO)
        });
        wake.send(()).unwrap();
        for _ in 0..3 {
            tries.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        drop(wake);
        assert!(keeping.join().unwrap());
    }
}

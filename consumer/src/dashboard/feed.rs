//! The thread that folds the query's events into snapshots, apart from the one that draws: building the
//! rows of a large result takes longer than a key may wait.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use chrono::Utc;
use crossbeam_channel::{Receiver, Sender, select};
use tokio::sync::watch;

use super::snapshot::Snapshot;
use super::updater::Updater;
use crate::event::{Batch, Event};

/// The running thread.
pub struct Feed {
    thread: JoinHandle<Option<Arc<Batch>>>,
    stop: Sender<()>,
}

impl Feed {
    /// Starts to publish what `events` amount to.
    pub fn start(
        events: Receiver<Event>,
        publish: watch::Sender<Arc<Snapshot>>,
    ) -> io::Result<Self> {
        let (stop, stopped) = crossbeam_channel::bounded(0);
        let thread = thread::Builder::new()
            .name("dashboard-feed".into())
            .spawn(move || feed(&events, &stopped, &publish))?;
        Ok(Self { thread, stop })
    }

    /// Ends the thread, and gives the last batch that it has seen.
    pub fn stop(self) -> Option<Arc<Batch>> {
        drop(self.stop);
        // That it has panicked has been said by the panic's own message.
        self.thread.join().ok().flatten()
    }
}

fn feed(
    events: &Receiver<Event>,
    stopped: &Receiver<()>,
    publish: &watch::Sender<Arc<Snapshot>>,
) -> Option<Arc<Batch>> {
    let mut updater = Updater::default();
    let mut last = None;
    loop {
        let first = select! {
            recv(events) -> event => event.ok(),
            recv(stopped) -> _ => None,
        };
        let Some(first) = first else {
            // What the query said last, before its end was seen, is taken in too.
            let batches = events
                .try_iter()
                .take(1_000)
                .filter_map(|event| match event {
                    Event::Batch(batch) => Some(batch),
                    _ => None,
                });
            return batches.last().or(last);
        };
        // What has arrived makes one snapshot; so much at most that a flood cannot hold the next one up.
        let (mut changed, mut ended, now) = (false, false, Utc::now());
        for event in std::iter::once(first).chain(events.try_iter().take(1_000)) {
            ended |= matches!(event, Event::Stopped);
            changed |= updater.apply(&event, now);
            if let Event::Batch(batch) = event {
                last = Some(batch);
            }
            if ended {
                break;
            }
        }
        if changed {
            publish.send_replace(Arc::new(updater.snapshot().clone()));
        }
        if ended {
            return last;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::samples::brands;

    #[test]
    fn a_batch_that_came_before_the_stop_is_not_lost() {
        // Which of two channels is looked at first is left to chance.
        for _ in 0..20 {
            let (sender, events) = crossbeam_channel::unbounded();
            let (stop, stopped) = crossbeam_channel::bounded(0);
            sender.send(Event::Batch(brands(7, &[]))).unwrap();
            drop(stop);
            let (publish, _snapshots) = watch::channel(Arc::default());
            let last = feed(&events, &stopped, &publish);
            assert_eq!(last.map(|batch| batch.progress.batch_id), Some(7));
        }
    }
}

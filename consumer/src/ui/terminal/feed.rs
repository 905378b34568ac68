//! The thread that folds the query's events into snapshots. It is not the thread that draws, because building the rows
//! of a large result takes longer than a key may wait.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use chrono::Utc;
use crossbeam_channel::{Receiver, Sender, select};
use tokio::sync::watch;

use super::terminal_snapshot::TerminalSnapshot;
use crate::event::{Batch, NamedEvent, QueryEvent, Receipt};
use crate::status::updater::Updater;
use crate::ui::table::ShownBatch;

/// The running thread that makes snapshots.
pub struct SnapshotFeed {
    thread: JoinHandle<Option<ShownBatch>>,
    stop: Sender<()>,
}

impl SnapshotFeed {
    /// Starts to publish the snapshots that `events` add up to. The thread holds `rows` rows of the last batch, as
    /// text.
    pub fn start(
        events: Receiver<NamedEvent>,
        publish: watch::Sender<Arc<TerminalSnapshot>>,
        rows: usize,
    ) -> io::Result<Self> {
        let (stop, stopped) = crossbeam_channel::bounded(0);
        let thread = thread::Builder::new()
            .name("dashboard-feed".into())
            .spawn(move || feed(&events, &stopped, &publish, rows))?;
        Ok(Self { thread, stop })
    }

    /// Ends the thread, and returns the last batch that it has seen.
    pub fn stop(self) -> Option<ShownBatch> {
        drop(self.stop);
        // If the thread panicked, the panic's own message has said so.
        self.thread.join().ok().flatten()
    }
}

fn feed(
    events: &Receiver<NamedEvent>,
    stopped: &Receiver<()>,
    publish: &watch::Sender<Arc<TerminalSnapshot>>,
    rows: usize,
) -> Option<ShownBatch> {
    // A batch that somebody holds counts as not shown yet, and a large one holds up the next. If a batch cannot be
    // shown, the code that draws it reports this.
    let shown = |batch: &Batch| ShownBatch::of(batch, rows).ok();
    let mut updater = Updater::default();
    let mut last = None;
    loop {
        let first = select! {
            recv(events) -> event => event.ok(),
            recv(stopped) -> _ => None,
        };
        let Some(first) = first else {
            // The query's last events, sent before its end was seen, are included too.
            let batches = events
                .try_iter()
                .take(1_000)
                .filter_map(|named| match named.event {
                    QueryEvent::Batch(batch) => Some(batch),
                    _ => None,
                });
            return match batches.last() {
                Some(batch) => shown(&batch),
                None => last,
            };
        };
        // The events that have arrived make one snapshot. Their number is limited, so that a flood cannot hold the
        // snapshot up.
        let (mut changed, mut ended, now) = (false, false, Utc::now());
        let (mut newest, mut taken_in) = (None, Vec::new());
        for named in std::iter::once(first).chain(events.try_iter().take(1_000)) {
            let event = named.event;
            ended |= matches!(event, QueryEvent::Stopped);
            changed |= updater.apply(&event, now);
            if let QueryEvent::Batch(batch) = event {
                taken_in.push(batch.receipt.clone());
                newest = Some(batch);
            }
            if ended {
                break;
            }
        }
        if changed {
            let next = publish.borrow().after(&mut updater, now);
            publish.send_replace(Arc::new(next));
        }
        // The dashboard shows the newest result, so a batch counts as given out when it has become part of a snapshot.
        taken_in.iter().for_each(Receipt::acknowledge);
        if let Some(batch) = newest {
            last = shown(&batch);
        }
        if ended {
            return last;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::event::Delivery;
    use crate::event::samples::brands;

    fn named(event: QueryEvent) -> NamedEvent {
        let query = "card-brands".into();
        NamedEvent { query, event }
    }

    /// A result that somebody holds counts as one that has not been shown yet.
    #[test]
    fn a_batch_that_is_shown_is_held_no_longer() {
        let (sender, events) = crossbeam_channel::unbounded();
        let (publish, snapshots) = watch::channel(Arc::default());
        let feed = SnapshotFeed::start(events, publish, 1).unwrap();
        let batch = brands(7, &[]);
        let held = Arc::downgrade(&batch);
        sender.send(named(QueryEvent::Batch(batch))).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while snapshots.borrow().status.progress.is_none() || held.strong_count() > 0 {
            assert!(Instant::now() < deadline, "{} hold it", held.strong_count());
            thread::yield_now();
        }
        drop(feed.stop());
    }

    #[test]
    fn a_batch_is_acknowledged_when_it_is_part_of_a_snapshot() {
        let (tell, told) = crossbeam_channel::unbounded();
        let (sender, events) = crossbeam_channel::unbounded();
        let (publish, snapshots) = watch::channel(Arc::default());
        let feed = SnapshotFeed::start(events, publish, 1).unwrap();
        for id in 0..3 {
            let batch = Batch {
                receipt: Receipt::new(id, tell.clone()),
                ..(*brands(id, &[])).clone()
            };
            sender
                .send(named(QueryEvent::Batch(Arc::new(batch))))
                .unwrap();
            let told = told.recv_timeout(Duration::from_secs(30));
            assert_eq!(told, Ok(Delivery::Written(id)));
            let snapshot = snapshots.borrow();
            let progress = snapshot.status.progress.as_ref();
            let shown = progress.map(|progress| progress.batch_id);
            assert_eq!(shown, Some(id));
        }
        drop(feed.stop());
    }

    #[test]
    fn a_batch_that_came_before_the_stop_is_not_lost() {
        // Chance decides which of the two channels is looked at first.
        for _ in 0..20 {
            let (sender, events) = crossbeam_channel::unbounded();
            let (stop, stopped) = crossbeam_channel::bounded(0);
            sender
                .send(named(QueryEvent::Batch(brands(7, &[]))))
                .unwrap();
            drop(stop);
            let (publish, _snapshots) = watch::channel(Arc::default());
            let last = feed(&events, &stopped, &publish, 1);
            assert_eq!(last.map(|last| last.progress().batch_id), Some(7));
        }
    }
}

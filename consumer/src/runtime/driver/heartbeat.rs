//! What is told between batches, and asked of the thread that looks at others.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Driver;
use crate::event::{Heartbeat, Level, QueryEvent};
use crate::position::TopicPartition;

/// Between two heartbeats.
const HEARTBEAT: Duration = Duration::from_millis(250);

impl Driver {
    pub(super) fn send_heartbeat(&mut self, now: Instant) {
        if now < self.heartbeat_at {
            return;
        }
        self.heartbeat_at = now + HEARTBEAT;
        self.tell_of_peers(now);
        let interval = self.trigger.interval();
        self.peers.ask(interval.unwrap_or_default(), now);
        if let Some(monitor) = &mut self.monitor {
            monitor.ask(|| self.offsets.counted(&self.assignment), now);
        }
        let counts = |partition: &TopicPartition| self.offsets.counts(partition, &self.assignment);
        let counters = &self.workers.counters;
        let read = counters.records.load(Ordering::Relaxed);
        let heartbeat = Heartbeat {
            records: read,
            bytes: counters.bytes.load(Ordering::Relaxed),
            dead_letters: self.reporter.bad(),
            tombstones: self.reporter.tombstones(),
            lag: self.offsets.lag(read, &self.assignment),
            held_back: self.transactions.held_back(counts),
            partitions: self.assignment.len(),
            others: self.peers.part(&self.assignment, now),
            paused: usize::try_from(counters.paused.load(Ordering::Relaxed)).unwrap_or(0),
            memory_short: self.backpressure.is_short(),
            next_trigger: self
                .trigger
                .next()
                .map(|next| next.saturating_duration_since(now)),
            interval,
        };
        self.tell.event(QueryEvent::Heartbeat(heartbeat));
    }

    /// Partitions that others of the group read are not in the result shown here.
    fn tell_of_peers(&mut self, now: Instant) {
        let lacking = self.assignment.lacking(now);
        if let Some(lacking) = lacking.filter(|_| !self.told_of_peers) {
            let told = format!(
                "{lacking} of {} partitions are not assigned to this member of the group {}",
                self.assignment.partitions(),
                self.reporter.name()
            );
            let (level, consequence) = match &self.writer {
                Some(_) if self.query.appends() => (Level::Info, "they show the rows of these"),
                Some(_) if self.peers.are_looked_up() => {
                    (Level::Info, "the result has what they have kept")
                }
                Some(_) => (
                    Level::Warning,
                    "what they read from now on is not in the result",
                ),
                None => (
                    Level::Warning,
                    "the result is without them; give this process a GROUP_ID of its own",
                ),
            };
            self.tell.notice(level, format!("{told}: {consequence}"));
        }
        self.told_of_peers = lacking.is_some();
    }
}

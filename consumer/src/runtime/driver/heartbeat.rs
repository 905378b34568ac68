//! The heartbeat: when it comes, and how reading goes then.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Driver;
use crate::event::{Heartbeat, QueryEvent};
use crate::position::TopicPartition;

/// Between two heartbeats.
const HEARTBEAT: Duration = Duration::from_millis(250);

/// When the next heartbeat comes.
pub(super) struct HeartbeatTimer {
    next: Instant,
}

impl HeartbeatTimer {
    /// The first heartbeat comes at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now }
    }

    /// The time of the next heartbeat.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Whether one is due; then the one after it comes an interval later.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next = now + HEARTBEAT;
        }
        is_due
    }

    /// The next one comes at `now`: a batch has changed what it says.
    pub(super) fn hasten(&mut self, now: Instant) {
        self.next = now;
    }
}

impl Driver {
    /// Tells how reading goes, if it is time to, and asks for looks at others' partitions and at the logs.
    pub(super) fn send_heartbeat(&mut self, now: Instant) {
        if !self.heartbeat.is_due(now) {
            return;
        }
        self.peers
            .tell_of_lacking(&self.assignment, now, &self.tell);
        let interval = self.trigger.interval();
        self.peers.ask(interval.unwrap_or_default(), now);
        self.logs.ask(&self.offsets, &self.assignment, now);
        let heartbeat = self.heartbeat_at(now);
        self.tell.event(QueryEvent::Heartbeat(heartbeat));
    }

    fn heartbeat_at(&self, now: Instant) -> Heartbeat {
        let counts = |partition: &TopicPartition| self.offsets.counts(partition, &self.assignment);
        let counters = &self.workers.counters;
        let read = self.workers.records_read();
        let next_trigger = self.trigger.next();
        Heartbeat {
            records: read,
            bytes: counters.bytes.load(Ordering::Relaxed),
            dead_letters: self.query.reporter.bad(),
            tombstones: self.query.reporter.tombstones(),
            lag: self.offsets.lag(read, &self.assignment),
            held_back: self.logs.transactions().held_back(counts),
            partitions: self.assignment.len(),
            others: self.peers.part(&self.assignment, now),
            paused: usize::try_from(counters.paused.load(Ordering::Relaxed)).unwrap_or(0),
            memory_short: self.backpressure.is_short(),
            next_trigger: next_trigger.map(|next| next.saturating_duration_since(now)),
            interval: self.trigger.interval(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_comes_at_its_interval_and_right_after_a_batch() {
        let start = Instant::now();
        let mut timer = HeartbeatTimer::new(start);
        assert!(timer.is_due(start));
        let next = start + HEARTBEAT;
        assert_eq!(timer.next(), next);
        assert!(!timer.is_due(next - Duration::from_millis(1)));
        assert!(timer.is_due(next));
        let batch = next + Duration::from_millis(10);
        assert!(!timer.is_due(batch));
        timer.hasten(batch);
        assert!(timer.is_due(batch));
        assert_eq!(timer.next(), batch + HEARTBEAT);
    }
}

//! What is told between batches, and what others of the group have done meanwhile.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Driver;
use crate::event::{Event, Level, OthersPart, Pulse};
use crate::position::TopicPartition;
use crate::streaming::others::Look;

/// Between two pulses.
const PULSE: Duration = Duration::from_millis(250);
/// Between two looks at what others keep, as between two batches, but within these bounds.
const OFTENEST_LOOK: Duration = Duration::from_millis(500);
const RAREST_LOOK: Duration = Duration::from_secs(5);

impl Driver {
    /// What others read is in the result as far as they have kept it.
    pub(super) fn saw_others(&mut self, look: &Look) {
        if look.problem.is_some() && look.problem != self.problem {
            let problem = look.problem.as_deref().unwrap_or_default();
            let text = format!("what others have kept cannot be followed: {problem}");
            self.tell.notice(Level::Warning, text);
        }
        self.problem.clone_from(&look.problem);
        if let Some(stranger) = look.stranger.as_ref().filter(|_| !self.told_of_stranger) {
            self.told_of_stranger = true;
            let text = format!(
                "{stranger} reads in the group {} and keeps no checkpoints where this process does: the \
                 result lacks what it reads",
                self.reporter.name()
            );
            self.tell.notice(Level::Warning, text);
        }
        self.freshness.saw(look);
        for (partition, reach) in &look.partitions {
            self.positions.saw_end(partition.clone(), reach.end);
            if !self.coverage.reads(partition) {
                self.others_moved |= self.positions.saw_next(partition, *reach);
                if self.positions.is_caught_up(partition, reach.next) {
                    self.coverage.caught_up(partition);
                }
            }
        }
        self.coverage.grow(self.positions.partitions());
    }

    pub(super) fn others_part(&self, now: Instant) -> Option<OthersPart> {
        let reads = |partition: &TopicPartition| self.coverage.reads(partition);
        self.freshness.at(now, reads)
    }

    pub(super) fn send_pulse(&mut self, now: Instant) {
        if now < self.pulse_at {
            return;
        }
        self.pulse_at = now + PULSE;
        self.tell_of_others(now);
        if let Some(others) = &self.others
            && now >= self.look_at
        {
            self.look_at = now + self.trigger.interval().clamp(OFTENEST_LOOK, RAREST_LOOK);
            others.look();
        }
        let counters = &self.members.counters;
        let read = counters.records.load(Ordering::Relaxed);
        let pulse = Pulse {
            records: read,
            bytes: counters.bytes.load(Ordering::Relaxed),
            dead_letters: self.dead_letters,
            lag: self.positions.lag(read, &self.coverage),
            partitions: self.coverage.len(),
            others: self.others_part(now),
            paused: usize::try_from(counters.paused.load(Ordering::Relaxed)).unwrap_or(0),
            memory_short: self.room.is_short(),
            next_trigger: self
                .trigger
                .next()
                .map(|next| next.saturating_duration_since(now)),
            interval: (!self.available_now).then(|| self.trigger.interval()),
        };
        self.tell.event(Event::Pulse(pulse));
    }

    /// Partitions that others of the group read are not in the result shown here.
    fn tell_of_others(&mut self, now: Instant) {
        let missing = self.coverage.missing();
        let are_others = self.brokers_up && missing > 0 && self.coverage.is_settled(now);
        if are_others && !self.told_of_others {
            let told = format!(
                "{missing} of {} partitions are not assigned to this member of the group {}",
                self.coverage.partitions(),
                self.reporter.name()
            );
            let (level, consequence) = match (&self.others, &self.keeper) {
                (Some(_), _) => (Level::Info, "the result has what they have kept"),
                (None, Some(_)) => (Level::Info, "they show the rows of these"),
                (None, None) => (
                    Level::Warning,
                    "the result is without them; give this process a GROUP_ID of its own",
                ),
            };
            self.tell.notice(level, format!("{told}: {consequence}"));
        }
        self.told_of_others = are_others;
    }
}

//! Decides when each record goes out. Time comes in as a parameter; nothing here reads the clock.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// How fast records go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// Records go out in bursts, with pauses between them.
    #[default]
    Bursts,
    /// This many records go out each second, evenly spaced.
    PerSecond(NonZeroU32),
    /// Records go out as fast as brokers acknowledge them.
    Max,
}

/// The longest delay that is made up. After a longer one, for instance when lost brokers come back, the rate starts
/// again from now: the records that were missed are not sent in a flood.
const MOST_MADE_UP: Duration = Duration::from_secs(1);

/// Says when the next record of an even rate is due.
#[derive(Debug)]
pub(crate) struct Metronome {
    per_second: NonZeroU32,
    /// When record number 0 of the current count was due.
    start: Instant,
    /// Records counted since `start`.
    given: u64,
}

impl Metronome {
    pub(crate) fn new(per_second: NonZeroU32, now: Instant) -> Self {
        Self {
            per_second,
            start: now,
            given: 0,
        }
    }

    /// Returns when the next record is due, and counts that record.
    pub(crate) fn next_due(&mut self, now: Instant) -> Instant {
        let due = self.start + self.since_start();
        if now.saturating_duration_since(due) > MOST_MADE_UP {
            self.start = now;
            self.given = 1;
            return now;
        }
        self.given += 1;
        due
    }

    /// Returns the time from `start` until the next record is due.
    fn since_start(&self) -> Duration {
        let rate = u64::from(self.per_second.get());
        let nanos = (self.given % rate) * 1_000_000_000 / rate;
        Duration::from_secs(self.given / rate) + Duration::from_nanos(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metronome(per_second: u32, now: Instant) -> Metronome {
        Metronome::new(NonZeroU32::new(per_second).unwrap(), now)
    }

    #[test]
    fn the_first_record_is_due_at_once_and_others_evenly() {
        let now = Instant::now();
        let mut metronome = metronome(4, now);
        let due: Vec<Duration> = (0..5).map(|_| metronome.next_due(now) - now).collect();
        assert_eq!(due, [0, 250, 500, 750, 1000].map(Duration::from_millis));
    }

    #[test]
    fn a_short_delay_is_made_up() {
        let start = Instant::now();
        let mut metronome = metronome(1000, start);
        let late = start + Duration::from_millis(500);
        let given = (0..10_000)
            .take_while(|_| metronome.next_due(late) <= late)
            .count();
        assert_eq!(given, 501);
    }

    #[test]
    fn a_long_delay_is_not_made_up() {
        let start = Instant::now();
        let mut metronome = metronome(1000, start);
        let late = start + Duration::from_secs(60);
        let given = (0..10_000)
            .take_while(|_| metronome.next_due(late) <= late)
            .count();
        assert_eq!(given, 1);
    }
}

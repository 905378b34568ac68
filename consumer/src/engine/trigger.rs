//! When batches come: a schedule without a clock.
//!
//! The first batch comes when what was there at the start has been read and there is at least one
//! record; from it on, batches lie on a grid of the interval. A batch that takes longer than that is
//! followed at once by the next one, which is then on the grid again.

use std::time::{Duration, Instant};

/// The shortest time between batches.
pub const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// The longest time between batches: whoever wants more of it wants TRIGGER=available-now.
pub const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The times of one query's batches.
#[derive(Clone, Debug)]
pub struct Trigger {
    interval: Duration,
    next: Option<Instant>,
}

impl Trigger {
    /// A schedule that waits for the first batch. An interval beyond what BATCH_INTERVAL may be is
    /// the nearest that it may be.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval: bounded(interval),
            next: None,
        }
    }

    /// Time between batches.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// When the next batch is due; `None` before the first.
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether a batch is due.
    pub fn is_due(&self, now: Instant) -> bool {
        self.next.is_some_and(|next| next <= now)
    }

    /// A batch begins at `now`: the next one is due on the first point of the grid after the one
    /// that this batch was for. One that comes before its time is for none.
    pub fn fired(&mut self, now: Instant) {
        self.next = Some(match self.next {
            None => now + self.interval,
            Some(due) if now < due => due,
            Some(due) => {
                let late = now.saturating_duration_since(due).as_nanos();
                let skipped = late / self.interval.as_nanos().max(1);
                let skipped = u32::try_from(skipped).unwrap_or(u32::MAX - 1);
                due + self.interval.saturating_mul(skipped + 1)
            }
        });
    }

    /// Changes the interval: the next batch is due that long after `now`.
    pub fn set_interval(&mut self, interval: Duration, now: Instant) {
        self.interval = bounded(interval);
        if self.next.is_some() {
            self.next = Some(now + self.interval);
        }
    }
}

fn bounded(interval: Duration) -> Duration {
    interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn batches_lie_on_a_grid_from_the_first_one() {
        let start = Instant::now();
        let mut trigger = Trigger::new(5 * SECOND);
        assert!(!trigger.is_due(start + 100 * SECOND));
        trigger.fired(start);
        assert_eq!(trigger.next(), Some(start + 5 * SECOND));
        trigger.fired(start + 5 * SECOND + SECOND / 10);
        assert_eq!(trigger.next(), Some(start + 10 * SECOND));
    }

    #[test]
    fn a_batch_that_overran_is_followed_at_once() {
        let start = Instant::now();
        let mut trigger = Trigger::new(5 * SECOND);
        trigger.fired(start);
        // The batch of the start took 7 s: the one of second 5 comes now, then that of second 10.
        assert!(trigger.is_due(start + 7 * SECOND));
        trigger.fired(start + 7 * SECOND);
        assert_eq!(trigger.next(), Some(start + 10 * SECOND));
    }

    #[test]
    fn points_of_the_grid_that_have_passed_are_left_out() {
        let start = Instant::now();
        let mut trigger = Trigger::new(5 * SECOND);
        trigger.fired(start);
        trigger.fired(start + 23 * SECOND);
        assert_eq!(trigger.next(), Some(start + 25 * SECOND));
    }

    #[test]
    fn batches_before_their_time_leave_the_grid_as_it_is() {
        let start = Instant::now();
        let mut trigger = Trigger::new(5 * SECOND);
        trigger.fired(start);
        for early in 1..5 {
            trigger.fired(start + early * SECOND);
        }
        assert_eq!(trigger.next(), Some(start + 5 * SECOND));
        trigger.fired(start + 5 * SECOND);
        assert_eq!(trigger.next(), Some(start + 10 * SECOND));
    }

    #[test]
    fn no_interval_is_out_of_bounds() {
        let start = Instant::now();
        let mut trigger = Trigger::new(Duration::MAX);
        trigger.fired(start);
        assert_eq!(trigger.next(), Some(start + LONGEST_INTERVAL));
        trigger.set_interval(Duration::ZERO, start);
        assert_eq!(trigger.next(), Some(start + SHORTEST_INTERVAL));
    }

    #[test]
    fn a_new_interval_counts_from_when_it_is_set() {
        let start = Instant::now();
        let mut trigger = Trigger::new(5 * SECOND);
        trigger.fired(start);
        trigger.set_interval(SECOND, start + 2 * SECOND);
        assert_eq!(trigger.next(), Some(start + 3 * SECOND));
    }
}

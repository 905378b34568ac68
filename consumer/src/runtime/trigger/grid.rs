//! When batches come: a schedule without a clock.
//!
//! The first batch comes when what was there at the start has been read and there is at least one
//! record; from it on, batches lie on a grid of the interval. A batch that takes longer than that is
//! followed at once by the next one, which is then on the grid again.

use std::time::{Duration, Instant};

use crate::config::{LONGEST_INTERVAL, SHORTEST_INTERVAL};

/// The times of one query's batches.
#[derive(Clone, Debug)]
pub struct Grid {
    interval: Duration,
    next: Option<Instant>,
}

impl Grid {
    /// A schedule that waits for the first batch. An interval outside of what BATCH_INTERVAL may be becomes the nearest
    /// one that it may be.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval: bounded(interval),
            next: None,
        }
    }

    /// The time between batches.
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

    /// A batch begins at `now`. The next one is due on the first point of the grid after the point that this batch was
    /// for. A batch that comes before its time is for none.
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
        let mut grid = Grid::new(5 * SECOND);
        assert!(!grid.is_due(start + 100 * SECOND));
        grid.fired(start);
        assert_eq!(grid.next(), Some(start + 5 * SECOND));
        grid.fired(start + 5 * SECOND + SECOND / 10);
        assert_eq!(grid.next(), Some(start + 10 * SECOND));
    }

    #[test]
    fn a_batch_that_overran_is_followed_at_once() {
        let start = Instant::now();
        let mut grid = Grid::new(5 * SECOND);
        grid.fired(start);
        // The batch of the start took 7 s: the batch of second 5 comes now, then the batch of second 10.
        assert!(grid.is_due(start + 7 * SECOND));
        grid.fired(start + 7 * SECOND);
        assert_eq!(grid.next(), Some(start + 10 * SECOND));
    }

    #[test]
    fn points_of_the_grid_that_have_passed_are_left_out() {
        let start = Instant::now();
        let mut grid = Grid::new(5 * SECOND);
        grid.fired(start);
        grid.fired(start + 23 * SECOND);
        assert_eq!(grid.next(), Some(start + 25 * SECOND));
    }

    #[test]
    fn batches_before_their_time_leave_the_grid_as_it_is() {
        let start = Instant::now();
        let mut grid = Grid::new(5 * SECOND);
        grid.fired(start);
        for early in 1..5 {
            grid.fired(start + early * SECOND);
        }
        assert_eq!(grid.next(), Some(start + 5 * SECOND));
        grid.fired(start + 5 * SECOND);
        assert_eq!(grid.next(), Some(start + 10 * SECOND));
    }

    #[test]
    fn no_interval_is_out_of_bounds() {
        let start = Instant::now();
        let mut grid = Grid::new(Duration::MAX);
        grid.fired(start);
        assert_eq!(grid.next(), Some(start + LONGEST_INTERVAL));
        grid.set_interval(Duration::ZERO, start);
        assert_eq!(grid.next(), Some(start + SHORTEST_INTERVAL));
    }

    #[test]
    fn a_new_interval_counts_from_when_it_is_set() {
        let start = Instant::now();
        let mut grid = Grid::new(5 * SECOND);
        grid.fired(start);
        grid.set_interval(SECOND, start + 2 * SECOND);
        assert_eq!(grid.next(), Some(start + 3 * SECOND));
    }
}

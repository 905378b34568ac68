//! Turns totals that arrive at odd moments into one value a second.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

/// The seconds of which the history has a value.
const SECONDS: usize = 900;

/// The rate of a growing total, second by second.
#[derive(Debug, Default)]
pub struct Rate {
    last: Option<(DateTime<Utc>, u64)>,
}

impl Rate {
    /// Takes the `total` at `now`; once a second or more has passed, gives the rate over it and the number
    /// of seconds that it stands for.
    pub fn sample(&mut self, total: u64, now: DateTime<Utc>) -> Option<(f64, usize)> {
        let Some((then, before)) = self.last else {
            self.last = Some((now, total));
            return None;
        };
        let passed = now - then;
        if passed < TimeDelta::zero() {
            // The clock was set back: begin anew.
            self.last = Some((now, total));
            return None;
        }
        // A little early is a second too: heartbeats come a few times a second, not on the grid.
        if passed < TimeDelta::milliseconds(950) {
            return None;
        }
        self.last = Some((now, total));
        let seconds = passed.as_seconds_f64();
        // Rounding is what is wanted: 2.3 s make two values.
        let values = (seconds.round() as usize).clamp(1, SECONDS);
        Some((total.saturating_sub(before) as f64 / seconds, values))
    }
}

/// Appends `value` for each of `seconds` and forgets what is too old.
pub fn extend(history: &mut VecDeque<f64>, value: f64, seconds: usize) {
    history.extend(std::iter::repeat_n(value, seconds));
    while history.len() > SECONDS {
        history.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms)
    }

    #[test]
    fn a_rate_is_over_the_time_that_passed() {
        let mut rate = Rate::default();
        assert_eq!(rate.sample(100, at(0)), None);
        assert_eq!(rate.sample(200, at(500)), None);
        assert_eq!(rate.sample(400, at(1000)), Some((300.0, 1)));
        assert_eq!(rate.sample(400, at(4000)), Some((0.0, 3)));
    }

    #[test]
    fn a_clock_set_back_begins_anew() {
        let mut rate = Rate::default();
        rate.sample(100, at(5000));
        assert_eq!(rate.sample(200, at(0)), None);
        assert_eq!(rate.sample(300, at(1000)), Some((100.0, 1)));
    }

    #[test]
    fn history_is_bounded() {
        let mut history = VecDeque::new();
        extend(&mut history, 1.0, 800);
        extend(&mut history, 2.0, 200);
        assert_eq!(history.len(), SECONDS);
        assert_eq!(history.back(), Some(&2.0));
    }
}

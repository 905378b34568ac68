//! Whether reading is behind, by how much, and when it will have caught up.
//!
//! Pure: time is a parameter. The rate at which the lag shrinks is the slope of the line that fits the
//! last seconds best (least squares), so that one hasty or idle moment moves little.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// The line is fitted to so many seconds.
const WINDOW: TimeDelta = TimeDelta::seconds(15);
/// Where values come less often than that, to so many of them.
const FEWEST: usize = 4;
/// For so long the lag must have been large: a burst that is read at once is none.
const LASTING: TimeDelta = TimeDelta::seconds(3);
/// What takes longer than this takes for ever, as far as anyone can tell.
const LONGEST: f64 = 7.0 * 24.0 * 3600.0;

/// How far behind reading is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Records that are not read yet.
    pub records: u64,
    /// When none will be left; `None` if that is never at the present rate.
    pub caught_up_at: Option<DateTime<Utc>>,
}

impl Backlog {
    /// How long it takes from `now` on until none is left, in whole seconds and not less than one; `None` if that
    /// is never at the present rate.
    pub fn left(&self, now: DateTime<Utc>) -> Option<Duration> {
        let left = self.caught_up_at? - now;
        Some(Duration::from_secs(
            left.num_seconds().max(1).unsigned_abs(),
        ))
    }
}

/// The lag over the last seconds.
#[derive(Clone, Debug, Default)]
pub struct LagTrend(VecDeque<(DateTime<Utc>, u64)>);

impl LagTrend {
    /// Takes the `lag` at `now`.
    pub fn observe(&mut self, lag: u64, now: DateTime<Utc>) {
        if self.0.back().is_some_and(|(last, _)| now < *last) {
            // The clock was set back: begin anew.
            self.0.clear();
        }
        self.0.push_back((now, lag));
        while self.0.len() > FEWEST && self.0.front().is_some_and(|(at, _)| now - *at > WINDOW) {
            self.0.pop_front();
        }
    }

    /// How far behind reading is; `None` while what is unread is no more than a batch takes anyway, or
    /// nothing is known yet. What was before it fell behind says nothing of how it catches up.
    pub fn behind(&self, records_of_a_batch: u64) -> Option<Backlog> {
        let (now, lag) = *self.0.back()?;
        let keeps_up = |(_, lag): &(DateTime<Utc>, u64)| *lag <= records_of_a_batch;
        let start = self.0.iter().rposition(keeps_up).map_or(0, |at| at + 1);
        let (since, _) = *self.0.get(start)?;
        (now - since >= LASTING).then(|| Backlog {
            records: lag,
            caught_up_at: self.seconds_left(lag, start).and_then(|seconds| {
                // Milliseconds are more than a guess knows.
                now.checked_add_signed(TimeDelta::milliseconds((seconds * 1e3).round() as i64))
            }),
        })
    }

    fn seconds_left(&self, lag: u64, start: usize) -> Option<f64> {
        let left = lag as f64 / -self.slope(start)?;
        (0.0..LONGEST).contains(&left).then_some(left)
    }

    /// Records by which the lag grows in a second, from a value on.
    fn slope(&self, start: usize) -> Option<f64> {
        let (first, _) = *self.0.get(start)?;
        let points = || {
            let values = self.0.iter().skip(start);
            values.map(|(at, lag)| ((*at - first).as_seconds_f64(), *lag as f64))
        };
        let n = (self.0.len() - start) as f64;
        let (x, y) = points().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        let (x, y) = (x / n, y / n);
        let (over, under) = points().fold((0.0, 0.0), |(over, under), point| {
            let distance = point.0 - x;
            (over + distance * (point.1 - y), under + distance * distance)
        });
        (under > 0.0).then_some(over / under)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms)
    }

    /// What is said at the end of these, each with its time in ms.
    fn after(lags: impl IntoIterator<Item = (i64, u64)>, batch: u64) -> Option<Backlog> {
        let mut trend = LagTrend::default();
        for (ms, lag) in lags {
            trend.observe(lag, at(ms));
        }
        trend.behind(batch)
    }

    #[test]
    fn a_lag_that_shrinks_evenly_ends_where_its_line_does() {
        // 40,000 a second from 1,000,000 on: after 5 s it is 800,000, which takes 20 s more.
        let lags = (0..=20).map(|i| (i * 250, 1_000_000 - i as u64 * 10_000));
        let behind = after(lags, 1_000).unwrap();
        assert_eq!(behind.records, 800_000);
        assert_eq!(behind.caught_up_at, Some(at(25_000)));
    }

    #[test]
    fn the_time_left_is_whole_seconds_and_never_none() {
        let behind = |caught_up_at| Backlog {
            records: 1,
            caught_up_at,
        };
        let left = |ms| behind(Some(at(25_000))).left(at(ms));
        assert_eq!(left(5_000), Some(Duration::from_secs(20)));
        assert_eq!(left(24_900), Some(Duration::from_secs(1)));
        // It was a guess.
        assert_eq!(left(99_000), Some(Duration::from_secs(1)));
        assert_eq!(behind(None).left(at(0)), None);
    }

    #[test]
    fn a_jerky_lag_is_smoothed() {
        // It shrinks once a second, by 10,000 as in the mean.
        let lags = (0..=40).map(|i| (i * 250, 1_000_000 - (i as u64 / 4) * 10_000));
        let left = after(lags, 0).unwrap().caught_up_at.unwrap() - at(10_000);
        assert!((80..=100).contains(&left.num_seconds()), "{left}");
    }

    #[test]
    fn a_lag_that_grows_or_stays_is_never_caught_up() {
        for step in [0, 1, 5_000] {
            let lags = (0..=20).map(|i| (i * 250, 500_000 + i as u64 * step));
            let behind = after(lags, 1_000).unwrap();
            assert_eq!(behind.caught_up_at, None, "{step}");
        }
        // One record in 15 s of a million would take half a year.
        let lags = (0..=60).map(|i| (i * 250, 1_000_000 - u64::from(i > 30)));
        assert_eq!(after(lags, 0).unwrap().caught_up_at, None);
    }

    #[test]
    fn only_the_last_seconds_count() {
        let grown = (0..=100).map(|i| (i * 250, 100_000 + i as u64 * 1_000));
        let shrunk = (1..=80).map(|i| (25_000 + i * 250, 200_000 - i as u64 * 1_000));
        // 4,000 a second, and 120,000 left.
        let behind = after(grown.chain(shrunk), 0).unwrap();
        assert_eq!(behind.caught_up_at, Some(at(45_000 + 30_000)));
    }

    #[test]
    fn what_came_all_at_once_is_no_rate() {
        let before = (0..40).map(|i| (i * 250, 10));
        let behind = (40..60).map(|i| (i * 250, 1_000_000 - (i as u64 - 40) * 10_000));
        // 40,000 a second, and 810,000 left.
        let behind = after(before.chain(behind), 100).unwrap();
        assert_eq!(behind.caught_up_at, Some(at(14_750 + 20_250)));
    }

    #[test]
    fn a_lag_that_grows_in_jumps_is_never_caught_up() {
        // 60,000 come every 4 s, and 10,000 are read each second.
        let lag = |i: u64| 100_000 + i / 16 * 60_000 - i * 2_500;
        let behind = after((0..60).map(|i| (i * 250, lag(i as u64))), 100).unwrap();
        assert_eq!(behind.caught_up_at, None);
    }

    #[test]
    fn nothing_is_said_of_what_a_batch_takes_anyway() {
        let steady = |lag| (0..=20).map(move |i| (i * 250, lag));
        assert_eq!(after(steady(0), 0), None);
        assert_eq!(after(steady(5_000), 5_000), None);
        assert!(after(steady(5_001), 5_000).is_some());
        // A burst of a second.
        let burst = (0..=20).map(|i| (i * 250, if i > 16 { 90_000 } else { 10 }));
        assert_eq!(after(burst, 1_000), None);
    }

    #[test]
    fn nothing_is_said_before_anything_is_known() {
        assert_eq!(after([], 0), None);
        assert_eq!(after([(0, 1_000_000)], 0), None);
        assert_eq!(after([(0, 1_000_000), (1_000, 900_000)], 0), None);
        // The clock was set back.
        let set_back = [(9_000, 9), (0, 9_000), (2_000, 8_000)];
        assert_eq!(after(set_back, 0), None);
    }

    #[test]
    fn values_that_come_seldom_make_a_line_too() {
        let lags = [
            (0, 4_000),
            (60_000, 3_000),
            (120_000, 2_000),
            (180_000, 1_000),
        ];
        assert_eq!(after(lags, 10).unwrap().caught_up_at, Some(at(240_000)));
    }
}

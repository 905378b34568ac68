//! Notices lost brokers and makes the progress of a run. Counts and time come in as parameters, and events come out.

use std::time::{Duration, Instant};

use crate::event::{Event, Progress};

/// After this long without an acknowledgement, the brokers count as lost, whatever the reason.
const SILENT: Duration = Duration::from_secs(5);
/// The time after which the brokers count as lost when librdkafka says that all of them are down.
const SILENT_WHEN_DOWN: Duration = Duration::from_secs(1);
/// The time between two reports of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// The counts of a run at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Records acknowledged or failed.
    pub(crate) done: u64,
    pub(crate) acknowledged: u64,
    pub(crate) outstanding: u64,
    pub(crate) all_down: bool,
    /// Payload bytes sent.
    pub(crate) bytes: u64,
}

/// What the last calls have seen, to notice a change.
#[derive(Debug)]
pub(crate) struct Watch {
    start: Instant,
    count: Option<u64>,
    done: u64,
    /// When a record was last seen to be done, or none was under way.
    alive: Instant,
    lost: bool,
    progress_at: Instant,
    progress_records: u64,
}

impl Watch {
    pub(crate) fn new(now: Instant, count: Option<u64>) -> Self {
        Self {
            start: now,
            count,
            done: 0,
            alive: now,
            lost: false,
            progress_at: now,
            progress_records: 0,
        }
    }

    /// Returns an event when the brokers were lost or have come back since the last call.
    pub(crate) fn link(&mut self, now: Instant, seen: &Seen) -> Option<Event> {
        let silent = now.saturating_duration_since(self.alive);
        if seen.done > self.done || seen.outstanding == 0 {
            self.done = seen.done;
            self.alive = now;
            let back = std::mem::take(&mut self.lost);
            return back.then_some(Event::BrokersBack { after: silent });
        }
        let enough = if seen.all_down {
            SILENT_WHEN_DOWN
        } else {
            SILENT
        };
        if self.lost || silent < enough {
            return None;
        }
        self.lost = true;
        Some(Event::BrokersLost {
            outstanding: seen.outstanding,
            reason: None,
        })
    }

    /// Returns the progress of the load, at most once a second.
    pub(crate) fn progress(&mut self, now: Instant, seen: &Seen) -> Option<Progress> {
        let since = now.saturating_duration_since(self.progress_at);
        if since < PROGRESS_EVERY {
            return None;
        }
        let records = seen.acknowledged;
        let new = records.saturating_sub(self.progress_records);
        self.progress_at = now;
        self.progress_records = records;
        let elapsed = now.saturating_duration_since(self.start).as_secs_f64();
        let eta = self.count.filter(|_| records > 0).map(|count| {
            let left = count.saturating_sub(records) as f64;
            Duration::from_secs((elapsed / records as f64 * left).ceil() as u64)
        });
        Some(Progress {
            records,
            count: self.count,
            per_second: new as f64 / since.as_secs_f64(),
            bytes: seen.bytes,
            eta,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn seen(done: u64, outstanding: u64, all_down: bool) -> Seen {
        Seen {
            done,
            acknowledged: done,
            outstanding,
            all_down,
            bytes: 0,
        }
    }

    #[test]
    fn silence_is_told_once_and_its_end_too() {
        let start = Instant::now();
        let mut watch = Watch::new(start, None);
        assert_eq!(watch.link(start + SECOND, &seen(1, 9, false)), None);
        assert_eq!(watch.link(start + 5 * SECOND, &seen(1, 9, false)), None);
        let lost = watch.link(start + 6 * SECOND, &seen(1, 9, false));
        assert_eq!(
            lost,
            Some(Event::BrokersLost {
                outstanding: 9,
                reason: None
            })
        );
        assert_eq!(watch.link(start + 7 * SECOND, &seen(1, 9, false)), None);
        let back = watch.link(start + 9 * SECOND, &seen(2, 8, false));
        assert_eq!(back, Some(Event::BrokersBack { after: 8 * SECOND }));
        assert_eq!(watch.link(start + 10 * SECOND, &seen(3, 7, false)), None);
    }

    #[test]
    fn brokers_that_are_down_are_told_sooner() {
        let start = Instant::now();
        let mut watch = Watch::new(start, None);
        assert!(watch.link(start + SECOND, &seen(0, 9, true)).is_some());
    }

    #[test]
    fn nothing_under_way_is_no_silence() {
        let start = Instant::now();
        let mut watch = Watch::new(start, None);
        assert_eq!(watch.link(start + 60 * SECOND, &seen(0, 0, true)), None);
    }

    #[test]
    fn progress_has_rate_and_time_left() {
        let start = Instant::now();
        let mut watch = Watch::new(start, Some(1_000));
        let progress = watch
            .progress(start + 2 * SECOND, &seen(200, 9, false))
            .unwrap();
        assert_eq!((progress.records, progress.per_second), (200, 100.0));
        assert_eq!(progress.eta, Some(8 * SECOND));
        assert_eq!(
            watch.progress(start + 2 * SECOND, &seen(300, 9, false)),
            None
        );
    }
}

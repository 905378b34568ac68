//! Folds events into the snapshot: the one place where what is to be seen of a query changes.
//!
//! Pure: time is a parameter, and the same events at the same times give the same snapshot.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::behind::LagTrend;
use super::history::{self, Rate};
use super::snapshot::*;
use crate::event::{Batch, Broker, Heartbeat, Level, PeersPart, QueryEvent, Started};
use crate::time::millis;

/// Batches that the history has.
const BATCHES: usize = 300;
/// Notices that a snapshot has.
const NOTICES: usize = 200;

/// Holds the snapshot and what is needed to carry it on.
#[derive(Debug, Default)]
pub struct Updater {
    snapshot: Snapshot,
    /// The totals of the last heartbeat.
    told: Totals,
    rate: Rate,
    lag: LagTrend,
}

impl Updater {
    /// The snapshot as of the last event.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Takes in an event that arrived at `now`; whether there is something new to be seen.
    pub fn apply(&mut self, event: &QueryEvent, now: DateTime<Utc>) -> bool {
        match event {
            QueryEvent::Started(started) => self.started(started),
            QueryEvent::Reading => self.snapshot.phase = Phase::CatchingUp,
            QueryEvent::Batch(batch) => self.batch(batch, now),
            QueryEvent::Heartbeat(heartbeat) => return self.heartbeat(heartbeat, now),
            QueryEvent::Brokers(brokers) => self.brokers(brokers, now),
            QueryEvent::Notice(notice) => self.note(notice.at, notice.level, &notice.text),
            QueryEvent::Stopped => self.snapshot.phase = Phase::Stopped,
        }
        true
    }

    fn started(&mut self, started: &Started) {
        self.snapshot.interval = started.interval;
        self.snapshot.query = QueryDescription {
            name: started.name.clone(),
            topics: started.topics.clone(),
            text: started.query.clone(),
            workers: started.workers,
            demo: started.demo.clone(),
        };
    }

    fn heartbeat(&mut self, heartbeat: &Heartbeat, now: DateTime<Utc>) -> bool {
        self.lag.observe(heartbeat.lag, now);
        let snapshot = &mut self.snapshot;
        let before = (snapshot.totals, snapshot.gauges.clone(), snapshot.interval);
        let mut changed = false;
        let told = Totals {
            records: heartbeat.records,
            bytes: heartbeat.bytes,
            dead_letters: heartbeat.dead_letters,
            tombstones: heartbeat.tombstones,
            batches: 0,
        };
        snapshot.totals.count(&self.told, &told);
        self.told = told;
        if let Some((rate, seconds)) = self.rate.sample(snapshot.totals.records, now) {
            changed = true;
            snapshot.gauges.rate = rate;
            history::extend(&mut snapshot.history.throughput, rate, seconds);
            // Only a picture of it: the rounding of a cast does not show.
            history::extend(&mut snapshot.history.lag, heartbeat.lag as f64, seconds);
        }
        snapshot.gauges = Gauges {
            lag: heartbeat.lag,
            held_back: heartbeat.held_back,
            partitions: heartbeat.partitions,
            others: heartbeat.others,
            paused: heartbeat.paused,
            memory_short: heartbeat.memory_short,
            // What is there at the start is told with how much of it has been read.
            behind: match &snapshot.progress {
                Some(progress) => self.lag.behind(progress.num_input_rows),
                None => None,
            },
            rate: snapshot.gauges.rate,
        };
        let wait = heartbeat
            .next_trigger
            .and_then(|wait| TimeDelta::from_std(wait).ok());
        let next = wait.and_then(|wait| now.checked_add_signed(wait));
        // The way here takes now longer, now shorter: that moves no countdown.
        if !is_about(snapshot.next_trigger, next) {
            snapshot.next_trigger = next;
            changed = true;
        }
        snapshot.interval = heartbeat.interval;
        let (totals, gauges, interval) = before;
        changed
            || totals != snapshot.totals
            || interval != snapshot.interval
            || by_the_second(gauges) != by_the_second(snapshot.gauges.clone())
    }

    fn batch(&mut self, batch: &Batch, now: DateTime<Utc>) {
        let progress = &batch.progress;
        let snapshot = &mut self.snapshot;
        let history = &mut snapshot.history;
        if snapshot.phase != Phase::Running {
            // The charts begin anew: the race through what was there would dwarf all that comes.
            self.rate = Rate::default();
            history.throughput.clear();
            history.lag.clear();
        }
        snapshot.phase = Phase::Running;
        snapshot.totals.batches += 1;
        snapshot.progress = Some(Arc::new(progress.clone()));
        let interval_ms = millis(snapshot.interval.unwrap_or_default());
        history.batches.push_back(BatchSample {
            id: progress.batch_id,
            at: now,
            records: progress.num_input_rows,
            duration_ms: progress.batch_duration,
            // The first batch reads what was there: it has no interval to keep.
            overran: progress.batch_duration > interval_ms && snapshot.next_trigger.is_some(),
        });
        while history.batches.len() > BATCHES {
            history.batches.pop_front();
        }
        match snapshot.result.after(batch) {
            Ok(result) => snapshot.result = Arc::new(result),
            Err(error) => {
                let text = format!(
                    "the result of batch {} cannot be shown: {error}",
                    progress.batch_id
                );
                self.note(now, Level::Error, &text);
            }
        }
    }

    fn brokers(&mut self, brokers: &[Broker], now: DateTime<Utc>) {
        for (level, text) in Broker::changes(&self.snapshot.brokers, brokers) {
            self.note(now, level, &text);
        }
        self.snapshot.brokers = brokers.to_vec();
    }

    fn note(&mut self, at: DateTime<Utc>, level: Level, text: &str) {
        let notices = &mut self.snapshot.notices;
        if let Some(last) = notices
            .back_mut()
            .filter(|last| last.level == level && last.text == text)
        {
            last.times += 1;
            last.at = at;
            return;
        }
        notices.push_back(RepeatedNotice {
            at,
            level,
            text: text.to_owned(),
            times: 1,
        });
        if notices.len() > NOTICES {
            notices.pop_front();
        }
    }
}

impl Totals {
    /// Adds what was counted between `before` and `now`, which are as heartbeats tell them: without batches.
    fn count(&mut self, before: &Self, now: &Self) {
        // A count that has fallen began anew.
        let counted = |before: u64, now: u64| now.checked_sub(before).unwrap_or(now);
        self.records += counted(before.records, now.records);
        self.bytes += counted(before.bytes, now.bytes);
        self.dead_letters += counted(before.dead_letters, now.dead_letters);
        self.tombstones += counted(before.tombstones, now.tombstones);
    }
}

/// The gauges, in which nothing grows older within a second.
fn by_the_second(gauges: Gauges) -> Gauges {
    let others = gauges.others.map(|others| PeersPart {
        age: Duration::from_secs(others.age.as_secs()),
        ..others
    });
    Gauges { others, ..gauges }
}

/// Whether two times are so close that nobody would see which it is.
fn is_about(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() < TimeDelta::milliseconds(50),
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Notice;
    use crate::event::samples::brands;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms)
    }

    fn after(events: &[QueryEvent]) -> Snapshot {
        let mut updater = Updater::default();
        for event in events {
            updater.apply(event, at(0));
        }
        updater.snapshot
    }

    #[test]
    fn the_first_result_is_not_marked_as_new() {
        let snapshot = after(&[QueryEvent::Batch(brands(0, &[("Visa", 5, 1000)]))]);
        assert_eq!(snapshot.result.rows.num_rows(), 1);
        assert!(!snapshot.result.changes.is_new(0));
        assert_eq!(snapshot.phase, Phase::Running);
        assert_eq!(snapshot.progress.unwrap().batch_id, 0);
    }

    #[test]
    fn pulses_make_a_rate_and_a_deadline() {
        let mut updater = Updater::default();
        let heartbeat = |records| {
            QueryEvent::Heartbeat(Heartbeat {
                records,
                next_trigger: Some(Duration::from_millis(300)),
                interval: Some(Duration::from_secs(2)),
                ..Heartbeat::default()
            })
        };
        updater.apply(&heartbeat(0), at(0));
        updater.apply(&heartbeat(500), at(500));
        updater.apply(&heartbeat(1000), at(1000));
        let snapshot = updater.snapshot();
        assert_eq!(snapshot.history.throughput, [1000.0]);
        assert_eq!(snapshot.gauges.rate, 1000.0);
        assert_eq!(snapshot.next_trigger, Some(at(1300)));
        assert_eq!(snapshot.interval, Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_pulse_that_shows_nothing_new_changes_no_picture() {
        let mut updater = Updater::default();
        let heartbeat = |records, next_ms| {
            QueryEvent::Heartbeat(Heartbeat {
                records,
                next_trigger: Some(Duration::from_millis(next_ms)),
                ..Heartbeat::default()
            })
        };
        assert!(updater.apply(&heartbeat(1, 900), at(0)));
        assert!(!updater.apply(&heartbeat(1, 640), at(250)));
        assert!(updater.apply(&heartbeat(2, 400), at(500)));
        assert!(
            updater.apply(&heartbeat(2, 900), at(600)),
            "the next trigger"
        );
        assert!(updater.apply(&heartbeat(2, 500), at(1000)), "a second more");
    }

    #[test]
    fn charts_begin_anew_once_what_was_there_is_read() {
        let mut updater = Updater::default();
        let heartbeat = |records| {
            QueryEvent::Heartbeat(Heartbeat {
                records,
                ..Heartbeat::default()
            })
        };
        updater.apply(&heartbeat(0), at(0));
        updater.apply(&heartbeat(900_000), at(1000));
        updater.apply(&QueryEvent::Batch(brands(0, &[])), at(1000));
        updater.apply(&heartbeat(900_500), at(1100));
        updater.apply(&heartbeat(900_600), at(2100));
        updater.apply(&QueryEvent::Batch(brands(1, &[])), at(2200));
        assert_eq!(updater.snapshot().history.throughput, [100.0]);
    }

    #[test]
    fn a_broker_lost_and_back_is_told() {
        let broker = |up| {
            QueryEvent::Brokers(vec![Broker {
                id: 2,
                address: "b:9092".into(),
                up,
            }])
        };
        let snapshot = after(&[broker(true), broker(false), broker(true)]);
        let texts: Vec<_> = snapshot
            .notices
            .iter()
            .map(|notice| notice.text.as_str())
            .collect();
        assert_eq!(
            texts,
            ["broker 2 (b:9092) lost", "broker 2 (b:9092) is back"]
        );
    }

    #[test]
    fn repeated_events_are_one_line() {
        let notice = |at| {
            QueryEvent::Notice(Notice {
                at,
                level: Level::Error,
                text: "no\x07".into(),
            })
        };
        let snapshot = after(&[notice(at(0)), notice(at(5)), notice(at(9))]);
        assert_eq!(snapshot.notices.len(), 1);
        assert_eq!(
            (snapshot.notices[0].times, snapshot.notices[0].at),
            (3, at(9))
        );
        assert_eq!(snapshot.notices[0].text, "no\x07");
    }

    #[test]
    fn a_counter_that_begins_anew_goes_on_where_it_was() {
        let mut updater = Updater::default();
        let heartbeat = |records| {
            QueryEvent::Heartbeat(Heartbeat {
                records,
                bytes: 100 * records,
                dead_letters: records / 10,
                tombstones: records / 5,
                ..Heartbeat::default()
            })
        };
        for records in [40, 100, 10, 30] {
            updater.apply(&heartbeat(records), at(0));
        }
        updater.apply(&QueryEvent::Batch(brands(0, &[])), at(0));
        let totals = Totals {
            records: 130,
            bytes: 13_000,
            dead_letters: 13,
            tombstones: 26,
            batches: 1,
        };
        assert_eq!(updater.snapshot().totals, totals);
    }

    #[test]
    fn what_grows_older_is_new_once_a_second() {
        let mut updater = Updater::default();
        let mut is_new = |ms| {
            let others = PeersPart {
                partitions: 3,
                behind: 0,
                age: Duration::from_millis(ms),
            };
            let heartbeat = Heartbeat {
                others: Some(others),
                ..Heartbeat::default()
            };
            updater.apply(&QueryEvent::Heartbeat(heartbeat), at(0))
        };
        assert_eq!([1_100, 1_900, 2_000].map(&mut is_new), [true, false, true]);
    }
}

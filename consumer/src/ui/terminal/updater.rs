//! Folds events into the snapshot: the one place where what the dashboard draws changes.
//!
//! Pure: time is a parameter, and the same events at the same times give the same snapshot.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use kafka_access::escape::escaped;

use super::snapshot::*;
use super::table;
use crate::event::{Batch, Broker, Heartbeat, Level, QueryEvent, Started};
use crate::status::behind::LagTrend;
use crate::status::history::{self, Rate};
use crate::time::millis;

/// Batches kept for the chart of durations.
const BATCHES: usize = 300;
/// Lines kept for the events pane.
const EVENTS: usize = 200;

/// Holds the snapshot and what is needed to carry it on.
#[derive(Debug, Default)]
pub struct Updater {
    snapshot: Snapshot,
    rate: Rate,
    lag: LagTrend,
    known_brokers: Vec<Broker>,
}

impl Updater {
    /// The snapshot as of the last event.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Takes in an event that arrived at `now`; whether that changes the picture.
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
        let own = |lines: &[String]| {
            lines
                .iter()
                .map(|line| escaped(line).into_owned())
                .collect()
        };
        self.snapshot.interval_ms = millis(started.interval.unwrap_or_default());
        self.snapshot.query = Query {
            name: escaped(&started.name).into_owned(),
            topics: own(&started.topics),
            // A tab is no danger in a query that the user wrote, only too wide.
            text: started
                .query
                .trim()
                .lines()
                .map(|line| escaped(&line.trim_end().replace('\t', "  ")).into_owned())
                .collect(),
            workers: started.workers,
            demo: own(&started.demo),
        };
    }

    fn heartbeat(&mut self, heartbeat: &Heartbeat, now: DateTime<Utc>) -> bool {
        self.lag.observe(heartbeat.lag, now);
        let snapshot = &mut self.snapshot;
        let before = (snapshot.reading.clone(), snapshot.interval_ms);
        let mut changed = false;
        if let Some((rate, seconds)) = self.rate.sample(heartbeat.records, now) {
            changed = true;
            snapshot.reading.rate = rate;
            history::extend(&mut snapshot.throughput, rate, seconds);
            // Only a picture of it: the rounding of a cast does not show.
            history::extend(&mut snapshot.lag, heartbeat.lag as f64, seconds);
        }
        snapshot.reading = Reading {
            records: heartbeat.records,
            bytes: heartbeat.bytes,
            dead_letters: heartbeat.dead_letters,
            tombstones: heartbeat.tombstones,
            lag: heartbeat.lag,
            held_back: heartbeat.held_back.map(|held_back| HeldBack {
                records: held_back.records,
                since: held_back.since,
            }),
            partitions: heartbeat.partitions,
            others: heartbeat.others.map(|others| Others {
                partitions: others.partitions,
                behind: others.behind,
                age_seconds: others.age.as_secs(),
            }),
            paused: heartbeat.paused,
            memory_short: heartbeat.memory_short,
            // What is there at the start is told with how much of it has been read.
            behind: match &snapshot.batch {
                Some(batch) => self.lag.behind(batch.records),
                None => None,
            },
            rate: snapshot.reading.rate,
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
        snapshot.interval_ms = millis(heartbeat.interval.unwrap_or_default());
        changed || before != (snapshot.reading.clone(), snapshot.interval_ms)
    }

    fn batch(&mut self, batch: &Batch, now: DateTime<Utc>) {
        let progress = &batch.progress;
        let snapshot = &mut self.snapshot;
        if snapshot.phase != Phase::Running {
            // The charts begin anew: the race through what was there would dwarf all that comes.
            self.rate = Rate::default();
            snapshot.throughput.clear();
            snapshot.lag.clear();
        }
        snapshot.phase = Phase::Running;
        let state = progress.state_operators.first();
        snapshot.batch = Some(BatchReport {
            id: progress.batch_id,
            records: progress.num_input_rows,
            bad_records: progress.num_bad_rows,
            tombstones: progress.num_tombstones,
            duration_ms: progress.batch_duration,
            add_batch_ms: progress.duration_ms.add_batch,
            query_ms: progress.duration_ms.query_execution,
            input_rate: progress.input_rows_per_second,
            processed_rate: progress.processed_rows_per_second,
            groups: state.map(|state| state.num_rows_total),
            state_bytes: state.map_or(0, |state| state.memory_used_bytes),
        });
        snapshot.batches.push_back(BatchPoint {
            id: progress.batch_id,
            duration_ms: progress.batch_duration,
            // The first batch reads what was there: it has no interval to keep.
            overran: progress.batch_duration > snapshot.interval_ms
                && snapshot.next_trigger.is_some(),
        });
        while snapshot.batches.len() > BATCHES {
            snapshot.batches.pop_front();
        }
        match table::after(batch, &snapshot.result) {
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
        for (level, text) in Broker::changes(&self.known_brokers, brokers) {
            self.note(now, level, &text);
        }
        self.known_brokers = brokers.to_vec();
        let state = |broker: &Broker| BrokerState {
            id: broker.id,
            address: escaped(&broker.address).into_owned(),
            up: broker.up,
        };
        self.snapshot.brokers = brokers.iter().map(state).collect();
    }

    fn note(&mut self, at: DateTime<Utc>, level: Level, text: &str) {
        let text = escaped(text);
        let events = &mut self.snapshot.events;
        if let Some(last) = events
            .back_mut()
            .filter(|last| last.level == level && last.text == text)
        {
            last.times += 1;
            last.at = at;
            return;
        }
        events.push_back(EventLine {
            at,
            level,
            text: text.into_owned(),
            times: 1,
        });
        if events.len() > EVENTS {
            events.pop_front();
        }
    }
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
    use std::time::Duration;

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
        assert!(!snapshot.result.rows[0].new);
        assert_eq!(snapshot.phase, Phase::Running);
        assert_eq!(snapshot.batch.unwrap().groups, Some(6));
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
        assert_eq!(snapshot.throughput, [1000.0]);
        assert_eq!(snapshot.reading.rate, 1000.0);
        assert_eq!(snapshot.next_trigger, Some(at(1300)));
        assert_eq!(snapshot.interval(), Duration::from_secs(2));
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
        assert_eq!(updater.snapshot().throughput, [100.0]);
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
            .events
            .iter()
            .map(|event| event.text.as_str())
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
        assert_eq!(snapshot.events.len(), 1);
        assert_eq!(
            (snapshot.events[0].times, snapshot.events[0].at),
            (3, at(9))
        );
        assert_eq!(snapshot.events[0].text, "no\\u{7}");
    }

    #[test]
    fn a_snapshot_is_json_for_other_viewers() {
        let snapshot = after(&[QueryEvent::Batch(brands(0, &[("Visa", 5, 1000)]))]);
        let json = serde_json::to_value(&snapshot).unwrap();
        assert_eq!(json["result"]["rows"][0]["cells"][2]["text"], "10.00");
        assert_eq!(json["phase"], "running");
    }
}

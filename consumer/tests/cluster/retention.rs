//! Tests records that retention deletes before they are read, while the query runs.

use std::collections::BTreeMap;

use consumer::config::{Config, OnDataLoss, TriggerMode};
use consumer::event::Level;
use libtest_mimic::Trial;
use producer::Pace;
use tempfile::TempDir;
use testkit::brokers::Brokers;
use testkit::load::{generator, publish};
use testkit::topic::{delete_records, ends};

use crate::running::{INTERVAL, Running, Told, config, kept_in, run, start};
use crate::trial;

const PARTITIONS: i32 = 3;
/// Far more records than are fetched ahead.
const RECORDS: u64 = 90_000;
/// The number of records that are left of each partition.
const LEFT: i64 = 500;

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "records_that_retention_takes_while_the_query_runs_are_counted_and_passed_over",
            goes_on,
        ),
        trial(
            "records_that_retention_takes_while_the_query_runs_end_it_unless_that_may_be",
            ends_it,
        ),
        trial(
            "available_now_ends_though_retention_takes_what_it_was_to_read",
            available_now,
        ),
        trial(
            "what_retention_takes_again_and_again_is_counted_each_time",
            again_and_again,
        ),
    ]
}

/// Publishes records, and returns a configuration under which batches are small, so that the query reads slowly.
fn slow(brokers: &Brokers, topic: &str) -> Config {
    publish(brokers, topic, PARTITIONS, generator(), RECORDS, Pace::Max);
    Config {
        trigger: INTERVAL,
        max_records_per_batch: Some(300),
        workers: 2,
        ..config(brokers, topic)
    }
}

/// Starts a query, and waits until it has read a little and both workers have their partitions. When a partition moves,
/// the records that its worker has read but not handed over are read again, or are gone again.
fn started(config: Config) -> Running {
    let mut running = start(config);
    running.until("both workers read", |told| {
        let mut workers = ["worker 0 reads retention", "worker 1 reads retention"].into_iter();
        workers.all(|words| told.told(Level::Info, &[words]))
    });
    running.until_records(1_000);
    running
}

fn goes_on(brokers: &Brokers) {
    const TOPIC: &str = "retention-goes-on";
    let folder = TempDir::new().unwrap();
    let config = || Config {
        on_data_loss: OnDataLoss::Continue,
        ..kept_in(&folder, config(brokers, TOPIC))
    };
    let slow = Config {
        on_data_loss: OnDataLoss::Continue,
        ..kept_in(&folder, slow(brokers, TOPIC))
    };
    let mut running = started(slow);
    let ends = ends(brokers, TOPIC);
    for (partition, end) in (0..).zip(&ends) {
        delete_records(brokers, TOPIC, partition, end - LEFT);
    }
    running.until("each record is read or gone", |told| {
        told.records() + gone(TOPIC, told).values().sum::<u64>() == RECORDS
    });
    let told = running.stop();
    assert!(
        !told.told(Level::Warning, &["joins anew"]),
        "{:?}",
        told.notices
    );
    // The deleted records of each partition are reported separately.
    assert_eq!(gone(TOPIC, &told).len(), ends.len(), "{:?}", told.notices);
    let counted = told.totals().into_values().map(|totals| totals.count);
    assert_eq!(counted.sum::<i64>() as u64, told.records());

    // The deleted records are passed over for good: nothing is left to read, and nothing is reported again.
    let again = run(config());
    assert_eq!(again.records(), 0);
    assert!(gone(TOPIC, &again).is_empty(), "{:?}", again.notices);
    let counted = again.totals().into_values().map(|totals| totals.count);
    assert_eq!(counted.sum::<i64>() as u64, told.records());
}

fn available_now(brokers: &Brokers) {
    const TOPIC: &str = "retention-available-now";
    let mut running = start(Config {
        on_data_loss: OnDataLoss::Continue,
        trigger: TriggerMode::AvailableNow,
        max_records_per_batch: Some(20),
        ..slow(brokers, TOPIC)
    });
    running.until_records(200);
    let ends = ends(brokers, TOPIC);
    // Nothing is left of the first partition.
    for (partition, left) in [(0, 0), (1, LEFT)] {
        delete_records(brokers, TOPIC, partition, ends[partition as usize] - left);
    }
    running.until("it ends", |told| told.stopped);
    let told = &running.told;
    let gone = gone(TOPIC, told);
    assert!(
        gone.contains_key("0") && gone.contains_key("1"),
        "{:?}",
        told.notices
    );
    assert_eq!(told.records() + gone.values().sum::<u64>(), RECORDS);
    let counted = told.totals().into_values().map(|totals| totals.count);
    assert_eq!(counted.sum::<i64>() as u64, told.records());
}

fn ends_it(brokers: &Brokers) {
    const TOPIC: &str = "retention-ends-it";
    let mut running = start(slow(brokers, TOPIC));
    running.until_records(1_000);
    for (partition, end) in (0..).zip(ends(brokers, TOPIC)) {
        delete_records(brokers, TOPIC, partition, end - LEFT);
    }
    let (error, _) = running.fails();
    let error = error.to_string();
    for words in [TOPIC, "gone", "retention", "ON_DATA_LOSS=continue"] {
        assert!(error.contains(words), "{error}");
    }
}

fn again_and_again(brokers: &Brokers) {
    const TOPIC: &str = "retention-again";
    let mut running = started(Config {
        on_data_loss: OnDataLoss::Continue,
        ..slow(brokers, TOPIC)
    });
    let all = ends(brokers, TOPIC);
    // Records are deleted three times from one partition, once from another, and never from the third.
    for (partition, left) in [(0, 20_000), (1, LEFT), (0, 10_000), (0, LEFT), (2, all[2])] {
        let end = all[partition as usize];
        delete_records(brokers, TOPIC, partition, end - left);
        if left < all[2] {
            let before = running.told.records();
            running.until_records(before + 300);
        }
    }
    running.until("each record is read or gone", |told| {
        told.records() + gone(TOPIC, told).values().sum::<u64>() == RECORDS
            || told.records() > 40_000
    });
    let told = running.stop();
    let gone = gone(TOPIC, &told);
    assert!(gone.contains_key("0") && gone.contains_key("1") && !gone.contains_key("2"));
    // Every record up to the end offsets was read or reported as gone, and no more are reported as gone than were
    // deleted.
    let ends = &told.batches.last().unwrap().progress.sources[0].end_offset[TOPIC];
    let passed: i64 = ends.values().sum();
    let passed = u64::try_from(passed).unwrap();
    assert!(told.records() + gone.values().sum::<u64>() >= passed);
    for partition in [0, 1] {
        let deleted = u64::try_from(all[partition] - LEFT).unwrap();
        assert!(gone[&partition.to_string()] <= deleted);
    }
}

/// Returns for each partition how many records were reported as gone.
fn gone(topic: &str, told: &Told) -> BTreeMap<String, u64> {
    let mut gone = BTreeMap::new();
    for notice in &told.notices {
        if notice.level == Level::Warning && notice.text.contains("gone") {
            let mut words = notice.text.split_whitespace();
            let count: u64 = words.next().unwrap().replace(',', "").parse().unwrap();
            let partition = words.find(|word| word.starts_with(topic)).unwrap();
            let number = partition.trim_end_matches(',').rsplit('-').next().unwrap();
            *gone.entry(number.to_owned()).or_default() += count;
        }
    }
    gone
}

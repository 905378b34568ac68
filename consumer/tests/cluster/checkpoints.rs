//! Tests checkpoints at CHECKPOINT_LOCATION: a query goes on from them, however it has ended, and every record is
//! counted once.

use std::fs;
use std::path::{Path, PathBuf};

use consumer::config::{Config, DEFAULT_QUERY, OnDataLoss};
use consumer::event::Level;
use libtest_mimic::Trial;
use producer::{GeneratorSettings, Pace};
use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;
use testkit::DEADLINE;
use testkit::brokers::Brokers;
use testkit::expected::generated;
use testkit::load::{generator, publish};
use testkit::topic::delete_records;

use crate::program::{consumer_kept_in, is_killed_after};
use crate::running::{INTERVAL, config, fails, kept_in, run, start};
use crate::trial;

const PARTITIONS: i32 = 6;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("killed_again_and_again_it_counts_each_record_once", killed),
        trial("a_checkpoint_that_is_torn_is_passed_over", torn),
        trial("another_query_is_refused_the_location", another_query),
        trial("records_gone_before_they_were_read_are_told", data_loss),
        trial("offsets_are_committed_behind_checkpoints", committed),
    ]
}

/// Kills the program (-9), each time after it has made progress, until it was killed often enough or has read all. The
/// program does not wait for the reader of its output, so it may end before the next kill.
fn killed(brokers: &Brokers) {
    const TOPIC: &str = "kept-killed";
    const RECORDS: u64 = 100_000;
    const MOST_KILLS: usize = 8;
    const LEAST_KILLS: usize = 4;
    let generator = GeneratorSettings {
        bad_ratio: producer::Ratio::new(0.01).unwrap(),
        ..generator()
    };
    publish(
        brokers,
        TOPIC,
        PARTITIONS,
        generator.clone(),
        RECORDS,
        Pace::Max,
    );
    let folder = TempDir::new().unwrap();
    // There are hundreds of batches, and the program can be ahead of its reader by only a few.
    let consumer = || {
        let mut consumer = consumer_kept_in(folder.path(), brokers, TOPIC);
        consumer.env("MAX_RECORDS_PER_BATCH", "200");
        consumer
    };
    let mut kills = 0;
    // The first batch shows the checkpoints' state, or the first records; further batches are progress.
    while kills < MOST_KILLS && is_killed_after(3, &mut consumer()) {
        kills += 1;
        assert!(kills == 1 || !objects(folder.path()).is_empty());
    }
    assert!(kills >= LEAST_KILLS, "it was through after {kills} kills");
    let told = run(kept_in(&folder, config(brokers, TOPIC)));
    assert_eq!(told.totals(), generated(&generator, RECORDS));
    assert!(told.records() < RECORDS, "nothing was kept");
    // Another run has nothing left to read, and the same result.
    let told = run(kept_in(&folder, config(brokers, TOPIC)));
    assert_eq!(told.records(), 0);
    assert_eq!(told.totals(), generated(&generator, RECORDS));
}

fn torn(brokers: &Brokers) {
    const TOPIC: &str = "kept-torn";
    const RECORDS: u64 = 10_000;
    publish(brokers, TOPIC, 1, generator(), RECORDS, Pace::Max);
    let folder = TempDir::new().unwrap();
    let told = run(Config {
        max_records_per_batch: Some(1_000),
        ..kept_in(&folder, config(brokers, TOPIC))
    });
    assert_eq!(told.records(), RECORDS);
    let newest = objects(folder.path()).pop().unwrap();
    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();

    let told = run(kept_in(&folder, config(brokers, TOPIC)));
    assert!(told.told(Level::Warning, &["a checkpoint cannot be used"]));
    assert!(told.records() > 0 && told.records() < RECORDS);
    assert_eq!(told.totals(), generated(&generator(), RECORDS));
}

fn another_query(brokers: &Brokers) {
    const TOPIC: &str = "kept-of-another";
    publish(brokers, TOPIC, 1, generator(), 100, Pace::Max);
    let folder = TempDir::new().unwrap();
    run(kept_in(&folder, config(brokers, TOPIC)));
    // A change above the aggregate does not make it another query.
    let having = DEFAULT_QUERY.replace("ORDER BY", "HAVING count(*) > 1\nORDER BY");
    let told = run(Config {
        query: having,
        ..kept_in(&folder, config(brokers, TOPIC))
    });
    assert_eq!(told.records(), 0);

    let other = Config {
        query: "SELECT card_brand, sum(amount) FROM transactions GROUP BY card_brand".to_owned(),
        ..kept_in(&folder, config(brokers, TOPIC))
    };
    let error = fails(other.clone());
    assert!(error.is_wrong_usage());
    let error = error.to_string();
    for words in ["another query", "aggregate", "--reset"] {
        assert!(error.contains(words), "{error}");
    }
    let told = run(Config {
        reset: true,
        ..other
    });
    assert_eq!(told.records(), 100);
}

fn data_loss(brokers: &Brokers) {
    const TOPIC: &str = "kept-lost";
    publish(brokers, TOPIC, 1, generator(), 1_000, Pace::Max);
    let folder = TempDir::new().unwrap();
    let told = run(kept_in(&folder, config(brokers, TOPIC)));
    assert_eq!(told.records(), 1_000);
    publish(brokers, TOPIC, 1, generator(), 1_000, Pace::Max);
    delete_records(brokers, TOPIC, 0, 1_400);

    let error = fails(kept_in(&folder, config(brokers, TOPIC))).to_string();
    for words in ["400 records", "kept-lost-0", "ON_DATA_LOSS"] {
        assert!(error.contains(words), "{error}");
    }
    let told = run(Config {
        on_data_loss: OnDataLoss::Continue,
        ..kept_in(&folder, config(brokers, TOPIC))
    });
    assert!(told.told(Level::Warning, &["400 records"]));
    assert_eq!(told.records(), 600);
    let counts = told.totals().into_values().map(|totals| totals.count);
    assert_eq!(counts.sum::<i64>(), 1_600);
}

fn committed(brokers: &Brokers) {
    const TOPIC: &str = "kept-committed";
    const RECORDS: u64 = 5_000;
    publish(brokers, TOPIC, 2, generator(), RECORDS, Pace::Max);
    let folder = TempDir::new().unwrap();
    let mut running = start(Config {
        trigger: INTERVAL,
        ..kept_in(&folder, config(brokers, TOPIC))
    });
    running.until_records(RECORDS);
    running.stop();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers.servers())
        .set("group.id", TOPIC)
        .create()
        .unwrap();
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(TOPIC, 0, 1);
    let committed = consumer.committed_offsets(asked, DEADLINE).unwrap();
    let offsets = committed.elements().into_iter();
    let sum: i64 = offsets.map(|of| of.offset().to_raw().unwrap()).sum();
    assert_eq!(sum, RECORDS as i64);
}

/// Returns the paths of the checkpoints of all partitions, sorted by name.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(objects(&path));
        } else if path.to_string_lossy().ends_with("-base")
            || path.to_string_lossy().ends_with("-delta")
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

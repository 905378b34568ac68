//! Tests a topic that was deleted and made anew with a longer log: the offsets in checkpoints belong to the old topic,
//! even though the new one has all of them.

use std::fs;
use std::path::{Path, PathBuf};

use consumer::config::{Config, OnDataLoss};
use consumer::event::Level;
use libtest_mimic::Trial;
use producer::Pace;
use tempfile::TempDir;
use testkit::brokers::Brokers;
use testkit::expected::generated;
use testkit::load::{generator, publish};
use testkit::program::Program;
use testkit::records::{Record, write};
use testkit::topic::{add_partitions, create_topic, recreate_topic};

use crate::program::consumer_kept_in;
use crate::running::{INTERVAL, config, fails, kept_in, run, start};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_topic_made_anew_with_a_longer_log_is_refused", at_a_start),
        trial(
            "one_of_two_topics_that_was_made_anew_is_named",
            one_of_two_topics,
        ),
        trial(
            "a_topic_made_anew_while_it_is_read_ends_the_query",
            while_running,
        ),
        trial(
            "a_topic_made_anew_while_it_is_read_ends_a_query_without_checkpoints",
            without_checkpoints,
        ),
        trial(
            "a_program_that_slept_while_its_topic_was_made_anew_ends",
            asleep,
        ),
        trial(
            "checkpoints_without_a_topics_id_are_read_and_take_it",
            without_an_id,
        ),
        trial(
            "a_topic_with_more_partitions_is_the_same_topic",
            more_partitions,
        ),
    ]
}

const PARTITIONS: i32 = 3;

/// Deletes a topic and makes it anew with `records` records.
fn make_anew(brokers: &Brokers, topic: &str, records: u64) {
    recreate_topic(brokers, topic, PARTITIONS);
    publish(brokers, topic, PARTITIONS, generator(), records, Pace::Max);
}

fn at_a_start(brokers: &Brokers) {
    const TOPIC: &str = "anew-at-a-start";
    publish(brokers, TOPIC, PARTITIONS, generator(), 100, Pace::Max);
    let folder = TempDir::new().unwrap();
    let kept = || kept_in(&folder, config(brokers, TOPIC));
    assert_eq!(run(kept()).records(), 100);
    // The query goes on while the topic is the same.
    publish(brokers, TOPIC, PARTITIONS, generator(), 50, Pace::Max);
    assert_eq!(run(kept()).records(), 50);

    make_anew(brokers, TOPIC, 500);
    for on_data_loss in [OnDataLoss::Fail, OnDataLoss::Continue] {
        let error = fails(Config {
            on_data_loss,
            ..kept()
        });
        let error = error.to_string();
        for words in [TOPIC, "made anew", "--reset"] {
            assert!(error.contains(words), "{error}");
        }
        assert!(!error.contains("ON_DATA_LOSS"), "{error}");
    }
    let told = run(Config {
        reset: true,
        ..kept()
    });
    assert_eq!(told.totals(), generated(&generator(), 500));
    // The checkpoints belong to the new topic now.
    publish(brokers, TOPIC, PARTITIONS, generator(), 7, Pace::Max);
    assert_eq!(run(kept()).records(), 7);
}

fn one_of_two_topics(brokers: &Brokers) {
    const TOPICS: [&str; 2] = ["anew-first", "anew-second"];
    for topic in TOPICS {
        publish(brokers, topic, PARTITIONS, generator(), 100, Pace::Max);
    }
    let folder = TempDir::new().unwrap();
    let kept = || Config {
        topics: TOPICS.map(str::to_owned).to_vec(),
        ..kept_in(&folder, config(brokers, TOPICS[0]))
    };
    assert_eq!(run(kept()).records(), 200);
    make_anew(brokers, TOPICS[1], 500);
    let error = fails(kept()).to_string();
    assert!(error.contains(TOPICS[1]), "{error}");
    assert!(!error.contains(TOPICS[0]), "{error}");
}

fn while_running(brokers: &Brokers) {
    const TOPIC: &str = "anew-while-running";
    publish(brokers, TOPIC, PARTITIONS, generator(), 100, Pace::Max);
    let folder = TempDir::new().unwrap();
    let kept = || Config {
        trigger: INTERVAL,
        workers: 2,
        ..kept_in(&folder, config(brokers, TOPIC))
    };
    let mut running = start(kept());
    running.until_records(100);
    make_anew(brokers, TOPIC, 5_000);
    let (error, _) = running.fails();
    let error = error.to_string();
    for words in [TOPIC, "made anew", "has the id", "--reset"] {
        assert!(error.contains(words), "{error}");
    }
    // Checkpoints that it has written meanwhile belong to the old topic.
    let error = fails(kept_in(&folder, config(brokers, TOPIC))).to_string();
    assert!(error.contains("made anew"), "{error}");
}

fn without_checkpoints(brokers: &Brokers) {
    const TOPIC: &str = "anew-without-checkpoints";
    publish(brokers, TOPIC, PARTITIONS, generator(), 100, Pace::Max);
    let mut running = start(Config {
        trigger: INTERVAL,
        ..config(brokers, TOPIC)
    });
    running.until_records(100);
    make_anew(brokers, TOPIC, 5_000);
    let (error, _) = running.fails();
    let error = error.to_string();
    assert!(
        error.contains("made anew") && error.contains("has the id"),
        "{error}"
    );
}

/// Stops the process until the new log is longer than its position, so that no offset shows the change.
fn asleep(brokers: &Brokers) {
    const TOPIC: &str = "anew-asleep";
    publish(brokers, TOPIC, PARTITIONS, generator(), 100, Pace::Max);
    let folder = TempDir::new().unwrap();
    let mut consumer = consumer_kept_in(folder.path(), brokers, TOPIC);
    consumer.env("TRIGGER", "interval");
    let mut program = Program::start(consumer.env("BATCH_INTERVAL", "200ms"));
    let lines = program.lines();
    // The first line shows that it has read.
    lines.next();
    program.signal("STOP");
    make_anew(brokers, TOPIC, 5_000);
    program.signal("CONT");
    let ended = program.end();
    let error = ended.said;
    assert_eq!(ended.status.code(), Some(1), "{error}");
    assert!(
        error.contains("made anew") && error.contains("has the id"),
        "{error}"
    );
    let error = fails(kept_in(&folder, config(brokers, TOPIC))).to_string();
    assert!(error.contains("made anew"), "{error}");
}

/// Tests checkpoints of the release before, which stored no ids of topics.
fn without_an_id(brokers: &Brokers) {
    const TOPIC: &str = "anew-without-an-id";
    publish(brokers, TOPIC, PARTITIONS, generator(), 100, Pace::Max);
    let folder = TempDir::new().unwrap();
    let kept = || kept_in(&folder, config(brokers, TOPIC));
    assert_eq!(run(kept()).records(), 100);
    let ids = ids(folder.path()).expect("ids are kept");
    fs::remove_dir_all(&ids).unwrap();

    publish(brokers, TOPIC, PARTITIONS, generator(), 50, Pace::Max);
    assert_eq!(run(kept()).records(), 50);
    make_anew(brokers, TOPIC, 500);
    let error = fails(kept()).to_string();
    assert!(error.contains("made anew"), "{error}");
}

fn more_partitions(brokers: &Brokers) {
    const TOPIC: &str = "anew-more-partitions";
    create_topic(brokers, TOPIC, 1, &[]);
    write(brokers, TOPIC, &[Record::good(0, "Visa", 100)]);
    let folder = TempDir::new().unwrap();
    let mut running = start(Config {
        trigger: INTERVAL,
        ..kept_in(&folder, config(brokers, TOPIC))
    });
    running.until_records(1);
    add_partitions(brokers, TOPIC, 2);
    write(brokers, TOPIC, &[Record::good(1, "Visa", 200)]);
    running.until_records(2);
    let told = running.stop();
    assert!(!told.told(Level::Warning, &["anew"]));
    let again = run(kept_in(&folder, config(brokers, TOPIC)));
    assert_eq!(again.records(), 0);
}

/// Returns the folder in which the ids of topics are stored.
fn ids(location: &Path) -> Option<PathBuf> {
    let queries = fs::read_dir(location).unwrap();
    let mut folders = queries.map(|query| query.unwrap().path().join("topics"));
    folders.find(|folder| folder.is_dir())
}

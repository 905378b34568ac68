//! Tests records behind an open transaction: they are in the log and cannot be read until the transaction ends.

use chrono::{DateTime, Utc};
use consumer::config::Config;
use consumer::event::Level;
use libtest_mimic::Trial;
use rdkafka::producer::{BaseProducer, Producer};
use testkit::DEADLINE;
use testkit::brokers::Brokers;
use testkit::records::{Record, hour_ago, send, transactional, write};
use testkit::topic::create_topic;

use crate::running::{INTERVAL, config, run, start};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "records_behind_an_open_transaction_are_told_until_it_ends",
            while_running,
        ),
        trial(
            "a_transaction_that_was_open_before_the_start_is_told_with_its_time",
            at_the_start,
        ),
        trial(
            "a_schema_that_waits_for_records_behind_a_transaction_says_so",
            no_schema,
        ),
        trial(
            "available_now_tells_what_it_leaves_behind_an_open_transaction",
            available_now,
        ),
    ]
}

const PARTITIONS: i32 = 2;

fn good(partition: i32) -> Record {
    Record::good(partition, "Visa", 100)
}

/// Opens a transaction in both partitions, with records of others behind it in the first one.
fn opened(brokers: &Brokers, topic: &str) -> BaseProducer {
    opened_at(None, brokers, topic)
}

/// Does the same as [`opened`], with a time for the transaction's records, in milliseconds since 1970.
fn opened_at(time: Option<i64>, brokers: &Brokers, topic: &str) -> BaseProducer {
    let producer = transactional(brokers, topic);
    producer.begin_transaction().unwrap();
    let own = [0, 0, 0, 1, 1].map(|partition| Record {
        timestamp: time,
        ..good(partition)
    });
    send(&producer, topic, &own);
    producer.flush(DEADLINE).unwrap();
    write(brokers, topic, &[good(0), good(0)]);
    producer
}

fn while_running(brokers: &Brokers) {
    const TOPIC: &str = "transaction-while-running";
    create_topic(brokers, TOPIC, PARTITIONS, &[]);
    write(brokers, TOPIC, &[good(0), good(1)]);
    let mut running = start(Config {
        trigger: INTERVAL,
        workers: 2,
        ..config(brokers, TOPIC)
    });
    running.until_records(2);
    let producer = opened(brokers, TOPIC);
    running.until("it is told that records wait", |told| {
        told.told(
            Level::Warning,
            &["7 records", TOPIC, "open transaction", "since"],
        )
    });
    assert_eq!(running.told.records(), 2);
    running.until("it stands where the lag is shown", |told| {
        let held_back = told.heartbeat.held_back;
        held_back.is_some_and(|held_back| held_back.records == 7)
    });
    producer.commit_transaction(DEADLINE).unwrap();
    running.until("it is told that it is over", |told| {
        told.told(Level::Info, &[TOPIC, "transaction", "ended"])
    });
    running.until_records(9);
    running.until("nothing is held back", |told| {
        told.heartbeat.held_back.is_none()
    });
    let told = running.stop();
    assert_eq!(told.records(), 9);
}

fn at_the_start(brokers: &Brokers) {
    const TOPIC: &str = "transaction-at-the-start";
    let keeps_times = [("message.timestamp.type", "CreateTime")];
    create_topic(brokers, TOPIC, PARTITIONS, &keeps_times);
    let hour_ago = hour_ago();
    let producer = opened_at(Some(hour_ago), brokers, TOPIC);
    let mut running = start(Config {
        trigger: INTERVAL,
        ..config(brokers, TOPIC)
    });
    running.until("it is told that records wait", |told| {
        told.told(Level::Warning, &["7 records", TOPIC, "open transaction"])
    });
    let mut texts = running.told.notices.iter().map(|notice| &notice.text);
    let text = texts.find(|text| text.contains("since")).unwrap();
    let since = text.split("since ").nth(1).unwrap();
    let since = since.split([' ', ',', ';']).next().unwrap();
    let since: DateTime<Utc> = since.parse().unwrap();
    // The time is reported in whole seconds.
    assert_eq!(since.timestamp(), hour_ago / 1_000, "{since}");
    producer.abort_transaction(DEADLINE).unwrap();
    // Records of the aborted transaction are never read, but the records that others wrote behind it are.
    running.until_records(2);
    let told = running.stop();
    assert_eq!(told.records(), 2);
}

fn no_schema(brokers: &Brokers) {
    const TOPIC: &str = "transaction-no-schema";
    create_topic(brokers, TOPIC, PARTITIONS, &[]);
    let producer = opened(brokers, TOPIC);
    let mut running = start(Config {
        trigger: INTERVAL,
        schema: None,
        query: "SELECT count(*) FROM transactions".to_owned(),
        ..config(brokers, TOPIC)
    });
    running.until("it is told that records wait", |told| {
        told.told(
            Level::Warning,
            &["7 records", TOPIC, "open transaction", "since"],
        )
    });
    producer.commit_transaction(DEADLINE).unwrap();
    running.until_records(7);
    running.stop();
}

fn available_now(brokers: &Brokers) {
    const TOPIC: &str = "transaction-available-now";
    create_topic(brokers, TOPIC, PARTITIONS, &[]);
    write(brokers, TOPIC, &[good(0)]);
    let producer = opened(brokers, TOPIC);
    let told = run(config(brokers, TOPIC));
    assert_eq!(told.records(), 1);
    let words = ["7 records", TOPIC, "open transaction", "since"];
    let is_told = [Level::Info, Level::Warning]
        .iter()
        .any(|level| told.told(*level, &words));
    assert!(is_told, "{:?}", told.notices);
    producer.commit_transaction(DEADLINE).unwrap();
    let told = run(config(brokers, TOPIC));
    assert_eq!(told.records(), 8);
    let is_told = told.notices.iter();
    let is_told = is_told.filter(|notice| notice.text.contains("transaction"));
    assert_eq!(is_told.count(), 0, "{:?}", told.notices);
}

//! Tests records that the brokers have and nobody can read: the query ends and says where, instead of going on silently
//! without them.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use consumer::config::Config;
use kafka_access::KafkaSettings;
use libtest_mimic::Trial;
use rdkafka::producer::Producer;
use testkit::DEADLINE;
use testkit::brokers::Brokers;
use testkit::expected::Adder;
use testkit::records::{Record, producer, send};
use testkit::topic::create_topic;

use crate::running::{INTERVAL, config, start};
use crate::trial;

/// The number of bytes before the records in Kafka's record batch of version 2.
const HEADER: u64 = 61;
/// The offset of the first record that cannot be read.
const DAMAGED: i64 = 20;

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "records_that_fail_their_checksum_end_the_query",
            |brokers| {
                damaged(
                    brokers,
                    "damaged-checksum",
                    "none",
                    &["check.crcs=true"],
                    "checksum",
                );
            },
        ),
        trial(
            "records_that_cannot_be_decompressed_end_the_query",
            |brokers| {
                damaged(brokers, "damaged-gzip", "gzip", &[], "decompressed");
            },
        ),
    ]
}

fn damaged(brokers: &Brokers, topic: &str, compression: &str, properties: &[&str], word: &str) {
    create_topic(brokers, topic, 1, &[]);
    let producer = producer(brokers, &[("compression.type", compression)]);
    let mut adder = Adder::default();
    for _ in 0..3 {
        let records: Vec<_> = (0..DAMAGED)
            .map(|number| {
                let cents = i128::from(number) + 1;
                adder.add("Visa", cents);
                Record::good(0, "Visa", cents)
            })
            .collect();
        send(&producer, topic, &records);
        producer.flush(DEADLINE).unwrap();
    }
    damage(brokers, topic);

    let properties: Vec<_> = properties.iter().map(|&pair| pair.to_owned()).collect();
    let (error, _) = start(Config {
        kafka: KafkaSettings::parse(brokers.servers(), "", &properties).unwrap(),
        trigger: INTERVAL,
        ..config(brokers, topic)
    })
    .fails();
    let error = error.to_string();
    let place = format!("{topic}-0 cannot be read from offset {DAMAGED} on");
    assert!(error.contains(&place) && error.contains(word), "{error}");
}

/// Changes a byte of the batch that begins at [`DAMAGED`], on every broker.
fn damage(brokers: &Brokers, topic: &str) {
    let log = format!("data/{topic}-0/00000000000000000000.log");
    let nodes = fs::read_dir(&brokers.data).unwrap();
    let logs = nodes.map(|node| node.unwrap().path().join(&log));
    let logs: Vec<_> = logs.filter(|log| log.is_file()).collect();
    assert_eq!(logs.len(), 3);
    for log in logs {
        let bytes = fs::read(&log).unwrap();
        let mut at = 0;
        while bytes[at..at + 8] != DAMAGED.to_be_bytes() {
            let length = u32::from_be_bytes(bytes[at + 8..at + 12].try_into().unwrap());
            at += 12 + length as usize;
        }
        let at = at as u64 + HEADER;
        let byte = bytes[usize::try_from(at).unwrap()];
        let file = OpenOptions::new().write(true).open(&log).unwrap();
        file.write_all_at(&[!byte], at).unwrap();
    }
}

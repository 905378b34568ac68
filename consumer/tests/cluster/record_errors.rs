//! Tests records on which an expression of the query fails. Either they end the query, which names them, or they stand
//! in the dead-letter topic as they came while their neighbours count. Which of the two happens may change from one
//! start to the next.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use consumer::config::Config;
use consumer::engine::query::OnRecordError;
use consumer::schema::TableSchema;
use libtest_mimic::Trial;
use tempfile::TempDir;
use testkit::brokers::Brokers;
use testkit::expected::Adder;
use testkit::records::{Record, hour_ago, read, write};
use testkit::topic::create_topic;

use crate::program::consumer_kept_in;
use crate::running::{config, kept_in, run};
use crate::trial;

const PARTITIONS: i32 = 3;

/// The default query with a condition that fails on a record whose code is not a number.
const QUERY: &str = "SELECT card_brand, count(*) AS transactions, sum(amount) AS total, avg(amount) AS average, \
                     min(amount) AS smallest, max(amount) AS largest FROM transactions \
                     WHERE amount > 0 AND CAST(code AS INT) < 1000 GROUP BY card_brand";
const SCHEMA: &str = "card_brand STRING, amount DECIMAL(12,2), code STRING";

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "records_that_the_query_fails_on_end_it_or_are_dead_letters",
            change,
        ),
        trial(
            "a_topic_of_nothing_but_failing_records_is_read_to_its_end",
            all_fail,
        ),
    ]
}

/// Makes a record of `cents`, whose value has more fields than the query reads.
fn record(partition: i32, brand: &str, cents: i128, code: &str) -> Record {
    let (whole, rest) = (cents / 100, cents % 100);
    let value = format!(
        r#"{{ "code":"{code}","card_brand":"{brand}","amount":{whole}.{rest:02}, "more":["é"] }}"#
    );
    Record::of(partition, value)
}

fn failing_query(brokers: &Brokers, topic: &str) -> Config {
    Config {
        query: QUERY.to_owned(),
        schema: Some(TableSchema::parse(SCHEMA).unwrap()),
        max_records_per_batch: Some(1_000),
        workers: 2,
        ..config(brokers, topic)
    }
}

/// Runs the program itself, with or without a setting for such records.
fn program(brokers: &Brokers, topic: &str, folder: &Path, setting: Option<&str>) -> Output {
    let mut program = consumer_kept_in(folder, brokers, topic);
    program
        .env("QUERY", QUERY)
        .env("SCHEMA", SCHEMA)
        .env("WORKERS", "2")
        .env("MAX_RECORDS_PER_BATCH", "1000");
    if let Some(setting) = setting {
        program.env("ON_RECORD_ERROR", setting);
    }
    program.output().unwrap()
}

fn change(brokers: &Brokers) {
    const TOPIC: &str = "record-errors";
    const RECORDS: i128 = 30_000;
    create_topic(
        brokers,
        TOPIC,
        PARTITIONS,
        &[("message.timestamp.type", "CreateTime")],
    );
    let hour_ago = hour_ago();
    let mut records = Vec::new();
    let mut failing = BTreeMap::new();
    let mut adder = Adder::default();
    let mut next = [0_i64; PARTITIONS as usize];
    for number in 0..RECORDS {
        let partition = (number % 3) as i32;
        let brand = ["Visa", "Mastercard", "Amex", "JCB"][number as usize % 4];
        let cents = number % 1_000 + 1;
        let place = &mut next[partition as usize];
        // The first records that fail stand where some batches have come before, and 3,000 of them are in a row in one
        // partition.
        let in_a_row = partition == 1 && (6_000..9_000).contains(place);
        let fails = *place > 4_000 && (number % 97 == 0 || in_a_row);
        let mut made = match number % 10 {
            _ if fails => record(partition, brand, cents, "12 EUR"),
            // These records are left out by the other condition, whatever their code is.
            3 => record(partition, brand, 0, "none"),
            4 => record(partition, brand, cents, "1000"),
            _ => {
                adder.add(brand, cents);
                record(partition, brand, cents, "999")
            }
        };
        made.key = (number % 2 == 0).then(|| number.to_string().into_bytes());
        made.timestamp = Some(hour_ago + number as i64);
        if number % 3 == 0 {
            made.headers = vec![
                ("trace".to_owned(), Some(vec![0, 255])),
                ("none".to_owned(), None),
            ];
        }
        if fails {
            failing.insert((partition, *place), made.clone());
        }
        *place += 1;
        records.push(made);
    }
    write(brokers, TOPIC, &records);
    let folder = TempDir::new().unwrap();

    // By default the query ends and names the first failing record of a partition.
    let ended = program(brokers, TOPIC, folder.path(), None);
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    let first_of = |partition: i32| {
        let mut of = failing.keys().filter(|(own, _)| *own == partition);
        of.next().unwrap().1
    };
    let names = |partition| {
        let offset = first_of(partition);
        told.contains(&format!(
            "the query fails on the record of {TOPIC}-{partition} at offset {offset}: "
        ))
    };
    assert!((0..PARTITIONS).any(names), "{told}");
    assert!(told.contains("ON_RECORD_ERROR=dead-letter"), "{told}");

    // With the other setting the query goes on from its checkpoints.
    let told = run(Config {
        on_record_error: OnRecordError::DeadLetter,
        ..kept_in(&folder, failing_query(brokers, TOPIC))
    });
    assert_eq!(told.totals(), adder.totals());
    assert!(told.records() < RECORDS as u64, "nothing was kept");
    assert_eq!(told.bad_records(), failing.len() as u64);

    let letters = read(brokers, &format!("{TOPIC}.dead-letters"));
    assert_eq!(letters.len(), failing.len());
    for letter in letters {
        let header = |name: &str| {
            let mut headers = letter.headers.iter().rev();
            let found = headers.find(|(key, _)| key == name);
            let value = found.and_then(|(_, value)| value.clone()).unwrap();
            String::from_utf8(value).unwrap()
        };
        let place = (
            header("cardstream.partition").parse().unwrap(),
            header("cardstream.offset").parse().unwrap(),
        );
        let record = failing.remove(&place).unwrap();
        assert_eq!(header("cardstream.topic"), TOPIC);
        let at = record.timestamp.unwrap();
        assert_eq!(header("cardstream.timestamp"), at.to_string());
        let reason = header("cardstream.reason");
        assert!(reason.starts_with("the query fails: "), "{reason}");
        assert!(reason.contains("12 EUR"), "{reason}");
        assert_eq!(letter.value, record.value);
        assert_eq!(letter.key, record.key);
        assert_eq!(letter.headers[..record.headers.len()], record.headers);
    }
    assert!(failing.is_empty());

    // Then the setting is changed back.
    let more = [
        record(0, "Visa", 7, "1"),
        record(2, "JCB", 0, "not computed"),
    ];
    write(brokers, TOPIC, &more);
    adder.add("Visa", 7);
    let told = run(kept_in(&folder, failing_query(brokers, TOPIC)));
    assert_eq!((told.records(), told.bad_records()), (2, 0));
    assert_eq!(told.totals(), adder.totals());

    write(brokers, TOPIC, &[record(1, "Visa", 7, "")]);
    let ended = program(brokers, TOPIC, folder.path(), Some("fail"));
    assert_eq!(ended.status.code(), Some(1));
    let ended = program(brokers, TOPIC, folder.path(), Some("dead-letter"));
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{told}");
}

fn all_fail(brokers: &Brokers) {
    const TOPIC: &str = "record-errors-all";
    const RECORDS: usize = 40_000;
    create_topic(brokers, TOPIC, 2, &[]);
    let records: Vec<_> = (0..RECORDS)
        .map(|number| record((number % 2) as i32, "Visa", 1, "x"))
        .collect();
    write(brokers, TOPIC, &records);
    let told = run(Config {
        on_record_error: OnRecordError::DeadLetter,
        max_records_per_batch: None,
        ..failing_query(brokers, TOPIC)
    });
    assert_eq!(told.bad_records(), RECORDS as u64);
    assert!(told.totals().is_empty());
    let letters = read(brokers, &format!("{TOPIC}.dead-letters"));
    assert_eq!(letters.len(), RECORDS);
}

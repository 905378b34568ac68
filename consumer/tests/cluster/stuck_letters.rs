//! Tests dead letters that cannot be written: their partition waits and the others go on, until the letters can be
//! written or are given up.

use std::collections::BTreeSet;

use consumer::config::Config;
use consumer::event::Level;
use consumer::sink::dead_letters::OnFailure;
use libtest_mimic::Trial;
use testkit::brokers::Brokers;
use testkit::expected::Adder;
use testkit::records::{Record, read, write};
use testkit::topic::{alter_topic, create_topic};

use crate::running::{INTERVAL, config, run, start};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_partition_waits_until_its_dead_letters_can_be_written",
            waits,
        ),
        trial("refused_dead_letters_are_dropped_if_so_set", drops),
        trial(
            "a_batch_limit_lets_others_pass_a_partition_that_waits",
            passes,
        ),
        trial(
            "available_now_ends_where_a_dead_letter_is_larger_than_its_topic_takes",
            never_large,
        ),
        trial(
            "available_now_ends_where_a_dead_letter_has_no_key_and_needs_one",
            never_without_key,
        ),
        trial(
            "dead_letters_that_fit_alone_and_not_together_are_written",
            large_together,
        ),
        trial(
            "a_refused_dead_letter_takes_no_other_with_it",
            others_of_a_refused_one,
        ),
    ]
}

/// Runs a query that fails, and returns its error, which is no wrong usage, and the dead letters that are there then.
fn refused(config: Config, brokers: &Brokers) -> (String, Vec<Record>) {
    let dead_letters = config.dead_letter_topic.clone();
    let (error, told) = start(config).fails();
    assert!(!error.is_wrong_usage());
    assert_eq!(told.batches.len(), 0);
    (error.to_string(), read(brokers, &dead_letters))
}

fn never_large(brokers: &Brokers) {
    const TOPIC: &str = "letters-too-large";
    let dead_letters = format!("{TOPIC}.dead-letters");
    create_topic(brokers, TOPIC, 2, &[]);
    create_topic(brokers, &dead_letters, 1, &[("max.message.bytes", "100")]);
    write(brokers, TOPIC, &records(2, 50).0);
    let (error, letters) = refused(config(brokers, TOPIC), brokers);
    for words in [
        "letters-too-large-0",
        "offset 26",
        "200 B",
        "letters-too-large.dead-letters",
        "Message size too large",
        "max.message.bytes",
        "DEAD_LETTER_TOPIC",
        "ON_DEAD_LETTER_FAILURE=drop",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    assert_eq!(letters, []);
    // The mend that the error names does help.
    alter_topic(brokers, &dead_letters, &[("max.message.bytes", "100000")]);
    let told = run(config(brokers, TOPIC));
    assert_eq!((told.records(), told.bad_records()), (101, 1));
    assert_eq!(read(brokers, &dead_letters).len(), 1);
}

fn never_without_key(brokers: &Brokers) {
    const TOPIC: &str = "letters-without-key";
    let dead_letters = format!("{TOPIC}.dead-letters");
    create_topic(brokers, TOPIC, 1, &[]);
    let compacted = [("cleanup.policy", "compact")];
    create_topic(brokers, &dead_letters, 1, &compacted);
    write(brokers, TOPIC, &records(1, 50).0);
    let (error, letters) = refused(config(brokers, TOPIC), brokers);
    for words in [
        "letters-without-key-0",
        "offset 26",
        "cleanup.policy",
        "key",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    assert_eq!(letters, []);
}

fn large_together(brokers: &Brokers) {
    const TOPIC: &str = "letters-large-together";
    let dead_letters = format!("{TOPIC}.dead-letters");
    create_topic(brokers, TOPIC, 1, &[]);
    let small = [("max.message.bytes", "20000")];
    create_topic(brokers, &dead_letters, 1, &small);
    let bad: Vec<_> = (0..100)
        .map(|number| Record::of(0, format!("bad {number:03} {}", "x".repeat(9_000))))
        .collect();
    write(brokers, TOPIC, &bad);
    let told = run(config(brokers, TOPIC));
    assert_eq!((told.records(), told.bad_records()), (100, 100));
    // A letter is written at least once: one whose write was reported as failed may have been written after all.
    let starts = |records: Vec<Record>| -> BTreeSet<String> {
        let values = records.into_iter().filter_map(|record| record.value);
        let starts = values.map(|value| String::from_utf8_lossy(&value[..7]).into_owned());
        starts.collect()
    };
    assert_eq!(starts(read(brokers, &dead_letters)), starts(bad));
}

fn others_of_a_refused_one(brokers: &Brokers) {
    const TOPIC: &str = "letters-refused-among-others";
    let dead_letters = format!("{TOPIC}.dead-letters");
    create_topic(brokers, TOPIC, 1, &[]);
    let compacted = [("cleanup.policy", "compact")];
    create_topic(brokers, &dead_letters, 1, &compacted);
    let bad: Vec<_> = (0..90)
        .map(|number| Record {
            key: (number % 3 != 0).then(|| format!("key {number:02}").into_bytes()),
            ..Record::of(0, format!("bad {number:02}"))
        })
        .collect();
    write(brokers, TOPIC, &bad);
    let told = run(Config {
        on_dead_letter_failure: OnFailure::Drop,
        ..config(brokers, TOPIC)
    });
    assert_eq!(told.bad_records(), 90);
    assert!(told.told_error(&["dropped", &dead_letters]));
    let mut written: Vec<_> = read(brokers, &dead_letters)
        .into_iter()
        .map(|letter| letter.value)
        .collect();
    written.sort();
    written.dedup();
    let with_key = bad.into_iter().filter(|record| record.key.is_some());
    assert_eq!(
        written,
        with_key.map(|record| record.value).collect::<Vec<_>>()
    );
}

/// Makes good records of `partitions` partitions, with one bad record among those of partition 0.
fn records(partitions: i32, rounds: i32) -> (Vec<Record>, Adder) {
    let mut records = Vec::new();
    let mut adder = Adder::default();
    for round in 0..rounds {
        for partition in 0..partitions {
            let cents = i128::from(round * partitions + partition);
            let brand = format!("of {partition}");
            adder.add(&brand, cents);
            records.push(Record::good(partition, &brand, cents));
            if partition == 0 && round == rounds / 2 {
                records.push(Record::of(
                    0,
                    "bad, and longer than one hundred bytes: ".repeat(5),
                ));
            }
        }
    }
    (records, adder)
}

fn waits(brokers: &Brokers) {
    const TOPIC: &str = "waiting-letters";
    let dead_letters = format!("{TOPIC}.dead-letters");
    create_topic(brokers, TOPIC, 2, &[]);
    create_topic(brokers, &dead_letters, 1, &[("max.message.bytes", "100")]);
    let (before, mut adder) = records(2, 50);
    write(brokers, TOPIC, &before);

    let mut running = start(Config {
        workers: 2,
        trigger: INTERVAL,
        ..config(brokers, TOPIC)
    });
    let of_other = adder.totals()["of 1"];
    running.until("the other partition is read", |told| {
        told.totals().get("of 1") == Some(&of_other)
    });
    running.until("an error tells that the partition waits", |told| {
        told.told_error(&["waiting-letters", "0", "waits", "DEAD_LETTER_TOPIC"])
    });
    running.until("it is paused", |told| told.heartbeat.paused == 1);
    // More records come to both partitions, but only the other one may go on.
    let (after, more) = records(2, 10);
    write(brokers, TOPIC, &after);
    running.until_records(60);
    assert_eq!(running.told.totals().get("of 0"), None);
    assert_eq!(running.told.bad_records(), 0);

    alter_topic(brokers, &dead_letters, &[("max.message.bytes", "1000000")]);
    running.until_records((before.len() + after.len()) as u64);
    assert!(running.told.told(Level::Info, &["written again"]));
    let told = running.stop();
    adder.add_all(&more);
    assert_eq!(told.totals(), adder.totals());
    assert_eq!(told.records(), (before.len() + after.len()) as u64);
    assert_eq!(told.bad_records(), 2);
    // A letter is written at least once: one whose write was reported as failed may have been written after all.
    let mut written: Vec<_> = read(brokers, &dead_letters)
        .into_iter()
        .flat_map(|letter| letter.headers)
        .filter(|(key, _)| key == "cardstream.offset")
        .map(|(_, value)| String::from_utf8(value.unwrap()).unwrap())
        .collect();
    written.sort();
    written.dedup();
    assert_eq!(written, ["26", "57"]);
}

fn drops(brokers: &Brokers) {
    const TOPIC: &str = "dropped-letters";
    let dead_letters = format!("{TOPIC}.dead-letters");
    create_topic(brokers, TOPIC, 2, &[]);
    create_topic(brokers, &dead_letters, 1, &[("max.message.bytes", "100")]);
    let (records, adder) = records(2, 50);
    write(brokers, TOPIC, &records);

    let mut running = start(Config {
        trigger: INTERVAL,
        on_dead_letter_failure: OnFailure::Drop,
        ..config(brokers, TOPIC)
    });
    running.until_records(records.len() as u64);
    let told = running.stop();
    assert!(told.told_error(&["dropped", &dead_letters]));
    assert_eq!(told.totals(), adder.totals());
    assert_eq!(told.bad_records(), 1);
    assert_eq!(read(brokers, &dead_letters), []);
}

fn passes(brokers: &Brokers) {
    const TOPIC: &str = "waiting-letters-limited";
    const LIMIT: u64 = 20;
    let dead_letters = format!("{TOPIC}.dead-letters");
    create_topic(brokers, TOPIC, 2, &[]);
    create_topic(brokers, &dead_letters, 1, &[("max.message.bytes", "100")]);
    // The records behind a bad record are as many as a batch may have.
    let of = |partition, brand: &'static str| {
        (0..100).map(move |cents| Record::good(partition, brand, cents))
    };
    let bad = Record::of(0, "bad ".repeat(100));
    let first: Vec<_> = std::iter::once(bad).chain(of(0, "behind")).collect();
    write(brokers, TOPIC, &first);

    let mut running = start(Config {
        trigger: INTERVAL,
        max_records_per_batch: Some(LIMIT),
        ..config(brokers, TOPIC)
    });
    running.until("it waits", |told| told.told_error(&["waits"]));
    let others: Vec<_> = of(1, "others").collect();
    write(brokers, TOPIC, &others);
    running.until_records(others.len() as u64);
    for batch in &running.told.batches {
        assert!(batch.progress.num_input_rows <= LIMIT);
    }
    alter_topic(brokers, &dead_letters, &[("max.message.bytes", "1000000")]);
    running.until_records((first.len() + others.len()) as u64);
    let told = running.stop();
    let totals = told.totals();
    let counts = totals.values().map(|totals| totals.count);
    assert_eq!(counts.collect::<Vec<_>>(), [100, 100]);
    // The records that have waited come in addition to those of one batch.
    for batch in &told.batches {
        assert!(batch.progress.num_input_rows <= 2 * LIMIT);
    }
}

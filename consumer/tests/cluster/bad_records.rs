//! Puts every kind of bad record among good ones: the good ones count, and each bad one stands in the dead-letter topic
//! as it came.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use consumer::config::Config;
use libtest_mimic::Trial;
use producer::{Pace, Ratio};
use testkit::brokers::Brokers;
use testkit::expected::{Adder, generated};
use testkit::load::{generator, publish, publish_until};
use testkit::records::{Record, hour_ago, read, write};
use testkit::topic::{create_topic, topic_setting};

use crate::running::{INTERVAL, config, run, start};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("every_bad_record_is_a_dead_letter_as_it_came", as_they_came),
        trial("tombstones_are_no_bad_records", tombstones),
        trial(
            "a_dead_letter_is_as_old_as_its_writing_and_not_its_record",
            age,
        ),
        trial("bad_records_of_a_load_are_counted_and_kept", of_a_load),
        trial("bad_records_without_end_hold_up_no_batch", without_end),
        trial(
            "bad_records_among_large_rows_are_passed_over",
            among_large_rows,
        ),
    ]
}

/// Returns bad records: what is wrong, the value, and words of the reason that is given.
fn bad_values() -> Vec<(&'static str, Option<Vec<u8>>, &'static str)> {
    let good = br#"{"card_brand":"Visa","amount":12.50}"#;
    let deep = [b"{\"x\":".as_slice(), &[b'['; 200], &[b']'; 200], b"}"].concat();
    let text = |text: &str| Some(text.as_bytes().to_vec());
    vec![
        ("truncated", Some(good[..20].to_vec()), "truncated"),
        ("two objects", Some([good.as_slice(), good].concat()), ""),
        ("not JSON", text("upstream connect error"), ""),
        ("XML", text("<transaction/>"), ""),
        (
            "not UTF-8",
            Some(b"{\"card_brand\":\"Vi\xffsa\",\"amount\":1}".to_vec()),
            "UTF-8",
        ),
        ("an array", text("[1,2]"), "object"),
        ("a string", text("\"Visa\""), "object"),
        ("a number", text("42"), "object"),
        ("null", text("null"), "object"),
        ("empty", Some(Vec::new()), ""),
        ("blank", text(" \n"), ""),
        ("too deep", Some(deep), "deep"),
        (
            "a wrong type",
            text(r#"{"card_brand":"Visa","amount":true}"#),
            "amount",
        ),
        (
            "an amount in words",
            text(r#"{"card_brand":"Visa","amount":"12.50 EUR"}"#),
            "amount",
        ),
        (
            "an amount that is no number",
            text(r#"{"card_brand":"Visa","amount":NaN}"#),
            "amount",
        ),
        (
            "a schema registry's prefix",
            Some([b"\0\0\0\0\x07".as_slice(), good].concat()),
            "schema registry's prefix",
        ),
        (
            "too many digits before the point",
            text(r#"{"card_brand":"Visa","amount":12345678901.00}"#),
            "amount",
        ),
        (
            "too many digits behind the point",
            text(r#"{"card_brand":"Visa","amount":12.345}"#),
            "amount",
        ),
    ]
}

fn as_they_came(brokers: &Brokers) {
    const TOPIC: &str = "bad-records";
    const PARTITIONS: i32 = 3;
    create_topic(
        brokers,
        TOPIC,
        PARTITIONS,
        &[("message.timestamp.type", "CreateTime")],
    );
    let hour_ago = hour_ago();
    let mut records = Vec::new();
    let mut bad = Vec::new();
    let mut adder = Adder::default();
    let mut next_offsets = [0; PARTITIONS as usize];
    let mut add = |mut record: Record| {
        let place = records.len() as i64;
        let next = &mut next_offsets[record.partition as usize];
        record.timestamp = Some(hour_ago + place * 1_001);
        record.offset = *next;
        *next += 1;
        records.push(record.clone());
        record
    };
    for round in 0..2 {
        for (number, (what, value, reason)) in bad_values().into_iter().enumerate() {
            let number = number as i32;
            let partition = (number + round) % PARTITIONS;
            let cents = i128::from(number) * 100 + 7;
            adder.add("Visa", cents);
            add(Record::good(partition, "Visa", cents));
            let record = add(Record {
                partition,
                // Some records have a key and headers, and some do not.
                key: (number % 4 != 3).then(|| format!("{what} \u{e9} {round}").into_bytes()),
                value,
                headers: match number % 3 {
                    0 => vec![
                        ("trace".to_owned(), Some(vec![0, 255, b'"'])),
                        ("trace".to_owned(), None),
                        ("empty".to_owned(), Some(Vec::new())),
                    ],
                    1 => vec![("cardstream.reason".to_owned(), Some(b"another".to_vec()))],
                    _ => Vec::new(),
                },
                ..Record::default()
            });
            bad.push((record, what, reason));
            adder.add("Mastercard", cents + 1);
            add(Record::good(partition, "Mastercard", cents + 1));
        }
    }
    write(brokers, TOPIC, &records);

    let told = run(Config {
        workers: 2,
        ..config(brokers, TOPIC)
    });
    assert_eq!(told.totals(), adder.totals());
    assert_eq!(told.records(), records.len() as u64);
    assert_eq!(told.bad_records(), bad.len() as u64);

    let mut letters = read(brokers, &format!("{TOPIC}.dead-letters"));
    for (record, what, reason) in &bad {
        let own = [
            ("cardstream.topic", TOPIC.to_owned()),
            ("cardstream.partition", record.partition.to_string()),
            ("cardstream.offset", record.offset.to_string()),
            (
                "cardstream.timestamp",
                record.timestamp.unwrap().to_string(),
            ),
        ]
        .map(|(key, value)| (key.to_owned(), Some(value.into_bytes())));
        let place = letters
            .iter()
            .position(|letter| own.iter().all(|header| letter.headers.contains(header)));
        let letter = letters.remove(place.unwrap_or_else(|| panic!("{what}: no letter")));
        assert_eq!(letter.value, record.value, "{what}");
        assert_eq!(letter.key, record.key, "{what}");
        let (before, after) = letter.headers.split_at(record.headers.len());
        assert_eq!(before, record.headers, "{what}");
        assert_eq!(after[..4], own, "{what}");
        let [(key, Some(why))] = &after[4..] else {
            panic!("{what}: {after:?}");
        };
        let why = String::from_utf8_lossy(why);
        assert_eq!(key, "cardstream.reason");
        assert!(!why.is_empty() && why.contains(reason), "{what}: {why}");
    }
    assert_eq!(letters, [], "letters that nothing was the reason for");
}

/// Checks that a letter has the time at which it is written. With its record's own time, retention could delete it at
/// once, and a broker could refuse one from the future.
fn age(brokers: &Brokers) {
    const TOPIC: &str = "old-bad-records";
    const DAY: i64 = 86_400_000;
    let now = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        since.as_millis() as i64
    };
    let began = now();
    create_topic(
        brokers,
        TOPIC,
        1,
        &[("message.timestamp.type", "CreateTime")],
    );
    let bad: Vec<_> = [began - 30 * DAY, began - DAY, began + 30 * DAY]
        .into_iter()
        .map(|at| Record {
            timestamp: Some(at),
            ..Record::of(0, format!("written at {at}"))
        })
        .collect();
    write(brokers, TOPIC, &bad);
    let made = format!("{TOPIC}.made");
    let found = format!("{TOPIC}.found");
    let settings = [
        ("message.timestamp.type", "CreateTime"),
        ("message.timestamp.difference.max.ms", "3600000"),
    ];
    create_topic(brokers, &found, 1, &settings);
    for dead_letter_topic in [&made, &found] {
        run(Config {
            dead_letter_topic: dead_letter_topic.clone(),
            ..config(brokers, TOPIC)
        });
        let mut letters = read(brokers, dead_letter_topic);
        letters.sort_by(|a, b| a.value.cmp(&b.value));
        assert_eq!(letters.len(), bad.len());
        for letter in letters {
            let at = letter.timestamp.unwrap();
            // The brokers' clock is this clock, but a letter may get its timestamp before it is sent.
            assert!((began..=now()).contains(&at), "{at}");
            let own = letter.headers.iter();
            let (_, own) = own
                .clone()
                .find(|header| header.0 == "cardstream.timestamp")
                .unwrap();
            let own = String::from_utf8(own.clone().unwrap()).unwrap();
            let value = String::from_utf8(letter.value.unwrap()).unwrap();
            assert_eq!(value, format!("written at {own}"));
        }
    }
    let setting = topic_setting(brokers, &made, "message.timestamp.type");
    assert_eq!(setting, Some("LogAppendTime".to_owned()));
}

/// Reads a compacted topic in which an application stores a table: the last record of each key has its value, or no
/// value if the key was deleted.
fn tombstones(brokers: &Brokers) {
    const TOPIC: &str = "tombstones";
    create_topic(brokers, TOPIC, 2, &[("cleanup.policy", "compact")]);
    let mut adder = Adder::default();
    let mut records = Vec::new();
    for number in 0..60 {
        let partition = number % 2;
        let key = Some(format!("key {number}").into_bytes());
        adder.add("Visa", i128::from(number));
        let good = Record::good(partition, "Visa", i128::from(number));
        let without = Record::of(partition, "");
        records.push(Record {
            key: key.clone(),
            ..good
        });
        if number % 3 == 0 {
            records.push(Record {
                key: key.clone(),
                value: None,
                ..without.clone()
            });
        }
        if number % 10 == 0 {
            // An empty value is a value, not a tombstone.
            records.push(Record { key, ..without });
        }
    }
    write(brokers, TOPIC, &records);
    let told = run(config(brokers, TOPIC));
    assert_eq!(told.totals(), adder.totals());
    assert_eq!(told.records(), 86);
    assert_eq!((told.bad_records(), told.tombstones()), (6, 20));
    let letters = read(brokers, &format!("{TOPIC}.dead-letters"));
    let values = letters.into_iter().map(|letter| letter.value);
    assert_eq!(values.collect::<Vec<_>>(), vec![Some(Vec::new()); 6]);
}

fn of_a_load(brokers: &Brokers) {
    const TOPIC: &str = "bad-load";
    const RECORDS: u64 = 20_000;
    let generator = producer::GeneratorSettings {
        bad_ratio: Ratio::new(0.05).unwrap(),
        late_ratio: Ratio::new(0.05).unwrap(),
        out_of_order: Ratio::new(0.05).unwrap(),
        ..generator()
    };
    publish(brokers, TOPIC, 6, generator.clone(), RECORDS, Pace::Max);
    let mut expected: Vec<Vec<u8>> = Vec::new();
    let mut records = producer::Generator::new(generator.clone());
    for _ in 0..RECORDS {
        let record = records.next_record();
        if record.damage.is_some() {
            expected.push(record.payload.to_vec());
        }
    }
    assert!(expected.len() > 500);

    let mut running = start(Config {
        workers: 2,
        trigger: INTERVAL,
        ..config(brokers, TOPIC)
    });
    running.until_records(RECORDS);
    let told = running.stop();
    assert_eq!(told.totals(), generated(&generator, RECORDS));
    assert_eq!(told.records(), RECORDS);
    assert_eq!(told.bad_records(), expected.len() as u64);

    // When the second worker joins, it reads its half once more. A letter that comes twice has the same topic,
    // partition and offset.
    let letters = read(brokers, &format!("{TOPIC}.dead-letters"));
    let by_place: BTreeMap<_, _> = letters
        .into_iter()
        .filter_map(|letter| Some((letter.headers.get(..3)?.to_vec(), letter.value?)))
        .collect();
    check_letters(by_place.into_values().collect(), &expected);

    // When no partition moves, each letter comes once.
    const ONCE: &str = "bad-load.once";
    run(Config {
        workers: 2,
        dead_letter_topic: ONCE.to_owned(),
        ..config(brokers, TOPIC)
    });
    let letters = read(brokers, ONCE).into_iter();
    check_letters(
        letters.filter_map(|letter| letter.value).collect(),
        &expected,
    );
}

fn check_letters(mut written: Vec<Vec<u8>>, expected: &[Vec<u8>]) {
    let mut expected = expected.to_vec();
    written.sort();
    expected.sort();
    assert!(
        written == expected,
        "{} of {}",
        written.len(),
        expected.len()
    );
}

fn without_end(brokers: &Brokers) {
    const TOPIC: &str = "bad-stream";
    let generator = producer::GeneratorSettings {
        bad_ratio: Ratio::new(0.2).unwrap(),
        ..generator()
    };
    let stop = kafka_access::Stop::new();
    thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            let pace = Pace::PerSecond(NonZeroU32::new(1_000).unwrap());
            publish_until(&stop, brokers, TOPIC, 2, generator.clone(), pace)
        });
        let mut running = start(Config {
            trigger: INTERVAL,
            ..config(brokers, TOPIC)
        });
        // Batches come although there is hardly a moment without a letter on its way.
        running.until("many batches have come", |told| told.batches.len() >= 20);
        assert!(!publishing.is_finished());
        stop.request();
        let published = publishing.join().unwrap().acknowledged;
        running.until_records(published);
        let told = running.stop();
        assert_eq!(told.totals(), generated(&generator, published));
    });
}

fn among_large_rows(brokers: &Brokers) {
    const TOPIC: &str = "bad-large";
    create_topic(brokers, TOPIC, 1, &[]);
    // The records are more than a batch may hold in rows, with bad ones among them.
    let large = "x".repeat(500_000);
    let records: Vec<_> = (0..120)
        .map(|number| match number % 5 {
            4 => Record::of(0, "bad"),
            _ => Record::good(0, &large, number),
        })
        .collect();
    write(brokers, TOPIC, &records);
    for max_records_per_batch in [None, Some(25)] {
        let told = run(Config {
            query: "SELECT card_brand FROM transactions".to_owned(),
            max_records_per_batch,
            ..config(brokers, TOPIC)
        });
        let rows = told.batches.iter().map(|batch| batch.rows.num_rows());
        assert_eq!(rows.sum::<usize>(), 96);
        assert_eq!(told.bad_records(), 24);
        assert!(told.batches.len() > 1);
    }
}

//! Checks that a query without an aggregate gives each record's row once, in the order of its partition, and that the
//! records from which a schema is inferred are read like all others.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::thread;

use consumer::config::Config;
use consumer::event::Level;
use consumer::output_mode::OutputMode;
use consumer::schema::TableSchema;
use consumer::schema::infer::SAMPLES;
use kafka_access::Stop;
use libtest_mimic::Trial;
use producer::{Generator, Pace};
use tempfile::TempDir;
use testkit::brokers::Brokers;
use testkit::expected::{Adder, generated};
use testkit::load::{StopAtEnd, generator, publish, publish_until};
use testkit::records::{Record, write};
use testkit::topic::{create_topic, ends};

use crate::results::{decimals, integers, texts};
use crate::running::{INTERVAL, Told, config, kept_in, run, start};
use crate::trial;

const RECORDS: u64 = 20_000;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("each_row_comes_once_in_offset_order", each_row_once),
        trial("a_filter_at_intervals_gives_each_row_once", filtered),
        trial("a_schema_is_inferred_from_the_records", inferred),
        trial(
            "a_schema_is_inferred_from_all_partitions",
            inferred_from_all,
        ),
        trial(
            "a_schema_is_inferred_while_records_keep_coming",
            inferred_meanwhile,
        ),
        trial("bad_first_records_are_waited_out", waited_out),
        trial("an_inferred_schema_is_kept", kept),
        trial("the_schema_of_whoever_was_faster_is_taken", faster),
    ]
}

fn each_row_once(brokers: &Brokers) {
    const TOPIC: &str = "appended";
    publish(brokers, TOPIC, 4, generator(), RECORDS, Pace::Max);
    let told = run(Config {
        query: "SELECT _partition, _offset, card_brand, amount FROM transactions".to_owned(),
        workers: 2,
        max_records_per_batch: Some(3_000),
        ..config(brokers, TOPIC)
    });
    assert!(told.batches.len() >= 7);
    let offsets = offsets(&told);
    let expected: BTreeMap<i64, Vec<i64>> = (0..)
        .zip(ends(brokers, TOPIC))
        .map(|(partition, end)| (partition, (0..end).collect()))
        .collect();
    assert!(
        offsets == expected,
        "{:?}",
        offsets.values().map(Vec::len).collect::<Vec<_>>()
    );
    let mut adder = Adder::default();
    for batch in &told.batches {
        let brands = texts(&batch.rows, "card_brand");
        for (brand, cents) in brands.iter().zip(decimals(&batch.rows, "amount", 2)) {
            adder.add(brand, cents);
        }
    }
    assert_eq!(adder.totals(), generated(&generator(), RECORDS));
}

fn filtered(brokers: &Brokers) {
    const TOPIC: &str = "appended-filtered";
    publish(brokers, TOPIC, 4, generator(), RECORDS, Pace::Max);
    let mut expected: Vec<i128> = Vec::new();
    let mut records = Generator::new(generator());
    for _ in 0..RECORDS {
        let cents = records.next_record().transaction.unwrap().amount.get();
        expected.extend((cents > 5_000).then_some(i128::from(cents)));
    }
    let mut running = start(Config {
        query: "SELECT _partition, _offset, amount FROM transactions WHERE amount > 50".to_owned(),
        workers: 2,
        trigger: INTERVAL,
        ..config(brokers, TOPIC)
    });
    running.until_records(RECORDS);
    let told = running.stop();
    for (partition, offsets) in offsets(&told) {
        assert!(offsets.is_sorted_by(|a, b| a < b), "of {partition}");
    }
    let batches = told.batches.iter();
    let mut rows: Vec<i128> = batches
        .flat_map(|batch| decimals(&batch.rows, "amount", 2))
        .collect();
    rows.sort_unstable();
    expected.sort_unstable();
    assert!(rows == expected, "{} of {}", rows.len(), expected.len());
}

/// Returns the offsets of all rows, by partition, in the order in which they came.
fn offsets(told: &Told) -> BTreeMap<i64, Vec<i64>> {
    let mut all: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for batch in &told.batches {
        assert_eq!(batch.mode, OutputMode::Append);
        let partitions = integers(&batch.rows, "_partition");
        for (partition, offset) in partitions.into_iter().zip(integers(&batch.rows, "_offset")) {
            all.entry(partition).or_default().push(offset);
        }
    }
    all
}

fn inferred(brokers: &Brokers) {
    const TOPIC: &str = "inferred";
    publish(brokers, TOPIC, 4, generator(), RECORDS, Pace::Max);
    let told = run(Config {
        query: "SELECT card_brand, CAST(sum(amount) AS DECIMAL(20,2)) AS total, count(*) AS n, \
                min(timestamp) AS first FROM transactions GROUP BY card_brand"
            .to_owned(),
        schema: None,
        ..config(brokers, TOPIC)
    });
    assert!(told.told(Level::Info, &["SCHEMA inferred", "card_brand STRING"]));
    let rows = &told.batches.last().unwrap().rows;
    let totals: BTreeMap<String, (i128, i64)> = texts(rows, "card_brand")
        .into_iter()
        .zip(
            decimals(rows, "total", 2)
                .into_iter()
                .zip(integers(rows, "n")),
        )
        .collect();
    let expected = generated(&generator(), RECORDS)
        .into_iter()
        .map(|(brand, totals)| (brand, (totals.sum, totals.count)))
        .collect();
    assert_eq!(totals, expected);
}

/// Checks that a schema is inferred from the records of all partitions, whichever broker answers first. Otherwise a
/// restart could infer another schema and refuse its own checkpoints as those of another query.
fn inferred_from_all(brokers: &Brokers) {
    const TOPIC: &str = "inferred-from-all";
    create_topic(brokers, TOPIC, 2, &[]);
    let of = |partition, field| {
        let value = move |i| format!(r#"{{"amount":{i}{field}}}"#);
        (0..2_000).map(move |i| Record::of(partition, value(i)))
    };
    let records: Vec<_> = of(0, r#","s":"x""#)
        .chain(of(1, r#".25,"t":"x""#))
        .collect();
    write(brokers, TOPIC, &records);
    let told = run(Config {
        query: "SELECT count(*) AS n, sum(amount) AS total FROM transactions".to_owned(),
        schema: None,
        ..config(brokers, TOPIC)
    });
    let schema = "SCHEMA inferred from 1,000 records: amount DECIMAL(18,2), s STRING, t STRING";
    assert!(told.told(Level::Info, &[schema]), "{:?}", told.notices);
    assert_eq!(told.bad_records(), 0);
    let rows = &told.batches.last().unwrap().rows;
    assert_eq!(integers(rows, "n"), [4_000]);
    // The total is twice the sum of the numbers to 1999, and 0.25 for each record of the second partition.
    assert_eq!(decimals(rows, "total", 2), [2 * 199_900_000 + 2_000 * 25]);
}

/// Infers a schema while records keep coming. The records that were there before are enough; for an empty topic, those
/// that come within a second are. A lull of a tenth of a second may never come.
fn inferred_meanwhile(brokers: &Brokers) {
    for (topic, before) in [("inferred-meanwhile", 100), ("inferred-from-none", 0)] {
        create_topic(brokers, topic, 4, &[]);
        publish(brokers, topic, 4, generator(), before as u64, Pace::Max);
        let pace = Pace::PerSecond(NonZeroU32::new(50).unwrap());
        let stop = Stop::new();
        thread::scope(|scope| {
            let _stop = StopAtEnd(&stop);
            let publish = || publish_until(&stop, brokers, topic, 4, generator(), pace);
            if before > 0 {
                scope.spawn(publish);
            }
            let mut running = start(Config {
                schema: None,
                trigger: INTERVAL,
                ..config(brokers, topic)
            });
            if before == 0 {
                running.until("it waits for records", |told| {
                    told.told(Level::Info, &["waiting for the first records"])
                });
                scope.spawn(publish);
            }
            let inferred = |told: &Told| {
                told.notices.iter().find_map(|notice| {
                    let from = notice.text.strip_prefix("SCHEMA inferred from ")?;
                    from.split(' ').next()?.parse::<usize>().ok()
                })
            };
            running.until("a schema is inferred", |told| inferred(told).is_some());
            let samples = inferred(&running.stop()).unwrap();
            // For the empty topic, more records than the first one are looked at.
            assert!((before.max(2)..SAMPLES).contains(&samples), "{samples}");
        });
    }
}

/// Checks that bad first records of an empty topic do not end the query.
fn waited_out(brokers: &Brokers) {
    const TOPIC: &str = "inferred-at-last";
    create_topic(brokers, TOPIC, 2, &[]);
    let mut running = start(Config {
        query: "SELECT count(*) AS n, sum(amount) AS total FROM transactions".to_owned(),
        schema: None,
        trigger: INTERVAL,
        ..config(brokers, TOPIC)
    });
    let of = |partition, values: &[&str]| {
        let records = values
            .iter()
            .map(|value| Record::of(partition, (*value).to_owned()));
        records.collect::<Vec<_>>()
    };
    write(brokers, TOPIC, &of(0, &["bad", "worse", "{}"]));
    running.until("it waits for better ones", |told| {
        told.told(Level::Warning, &["SCHEMA cannot", "waiting for more"])
    });
    write(
        brokers,
        TOPIC,
        &of(1, &[r#"{"amount":1.25}"#, r#"{"amount":2}"#]),
    );
    running.until_records(5);
    let told = running.stop();
    let rows = &told.batches.last().unwrap().rows;
    // A record without one of the fields is good, too.
    assert_eq!(integers(rows, "n"), [3]);
    assert_eq!(decimals(rows, "total", 2), [325]);
    assert_eq!(told.bad_records(), 2);
}

/// Checks that a restart goes on with the schema of the first start, whatever the topic's first records are by now.
fn kept(brokers: &Brokers) {
    const TOPIC: &str = "inferred-once";
    create_topic(brokers, TOPIC, 2, &[]);
    let folder = TempDir::new().unwrap();
    let go = || {
        let config = Config {
            query: "SELECT count(*) AS n, sum(amount) AS total, max(id) AS id FROM transactions"
                .to_owned(),
            schema: None,
            ..config(brokers, TOPIC)
        };
        run(kept_in(&folder, config))
    };
    let first = r#"{"amount":1.25,"id":1}"#;
    write(brokers, TOPIC, &[Record::of(1, first.to_owned())]);
    go();
    // If a schema were inferred now, these records would give `id BIGINT, amount BIGINT`.
    let then = r#"{"id":2,"amount":2}"#;
    write(brokers, TOPIC, &vec![Record::of(0, then.to_owned()); 2_000]);
    let told = go();
    assert!(told.told(
        Level::Info,
        &["SCHEMA as it is kept", "amount DECIMAL(18,2), id BIGINT"]
    ));
    let rows = &told.batches.last().unwrap().rows;
    assert_eq!(integers(rows, "n"), [2_001]);
    assert_eq!(decimals(rows, "total", 2), [400_125]);
    assert_eq!(integers(rows, "id"), [2]);
}

/// Checks two processes of one group that look at different first records.
fn faster(brokers: &Brokers) {
    const TOPIC: &str = "inferred-by-two";
    create_topic(brokers, TOPIC, 1, &[]);
    let folder = TempDir::new().unwrap();
    let go = |schema: Option<&str>| {
        let config = Config {
            query: "SELECT count(*) AS n, sum(amount) AS total FROM transactions".to_owned(),
            schema: schema.map(|ddl| TableSchema::parse(ddl).unwrap()),
            trigger: INTERVAL,
            ..config(brokers, TOPIC)
        };
        start(kept_in(&folder, config))
    };
    let mut slow = go(None);
    slow.until("it waits for records", |told| {
        told.told(Level::Info, &["waiting for the first records"])
    });
    let mut fast = go(Some("amount DECIMAL(12,2)"));
    fast.until("it has taken the location", |told| {
        told.told(Level::Info, &["checkpoints are kept"])
    });
    write(brokers, TOPIC, &[Record::of(0, r#"{"amount":1}"#)]);
    for running in [&mut slow, &mut fast] {
        running.until("the result has the record", |told| {
            let last = told.batches.last();
            last.is_some_and(|batch| decimals(&batch.rows, "total", 2) == [100])
        });
    }
    fast.stop();
    let told = slow.stop();
    assert!(told.told(
        Level::Info,
        &["SCHEMA as it is kept", "amount DECIMAL(12,2)"]
    ));
}

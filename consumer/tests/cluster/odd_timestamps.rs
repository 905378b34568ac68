//! Kafka's timestamps are milliseconds. Records of a program that writes microseconds or nanoseconds end nothing: their
//! times are shown as what they are.

use libtest_mimic::Trial;
use testkit::brokers::Brokers;
use testkit::records::{Record, write};
use testkit::topic::create_topic;

use crate::program::consumer;
use crate::trial;

/// 2026-01-31T12:00:00Z.
const NOON_MS: i64 = 1_769_860_800_000;

pub fn trials() -> Vec<Trial> {
    vec![trial("times_that_no_calendar_has_end_nothing", shown)]
}

fn shown(brokers: &Brokers) {
    const TOPIC: &str = "odd-timestamps";
    create_topic(
        brokers,
        TOPIC,
        1,
        &[("message.timestamp.type", "CreateTime")],
    );
    let times = [NOON_MS, NOON_MS * 1_000, NOON_MS * 1_000_000, NOON_MS];
    let records = times.map(|time| Record {
        timestamp: Some(time),
        ..Record::of(0, r#"{"n":1}"#)
    });
    write(brokers, TOPIC, &records);
    for query in [
        "SELECT _kafka_timestamp AS at FROM transactions",
        "SELECT _kafka_timestamp AS at, count(*) AS n FROM transactions GROUP BY _kafka_timestamp",
        "SELECT [_kafka_timestamp] AS at FROM transactions",
    ] {
        for output in ["table", "json"] {
            let printed = prints(brokers, TOPIC, query, output);
            let noon = ["2026-01-31T12:00:00Z", "2026-01-31 12:00:00"];
            let is_noon = noon.iter().any(|noon| printed.contains(noon));
            let is_shown = printed.contains("1769860800000000000 µs");
            assert!(is_noon && is_shown, "{query}: {printed}");
        }
    }
    // What a function makes of such a time is another matter; but the hours of the others are there.
    for function in [
        "date_trunc('hour', _kafka_timestamp)",
        "date_bin(INTERVAL '1 hour', _kafka_timestamp)",
        "_kafka_timestamp AT TIME ZONE 'Asia/Kolkata'",
        "_kafka_timestamp + INTERVAL '1 hour'",
        "CAST(_kafka_timestamp AS STRING)",
        "CAST(_kafka_timestamp AS DATE)",
        "year(_kafka_timestamp)",
        "date_format(_kafka_timestamp, 'yyyy-MM-dd')",
        "unix_timestamp(_kafka_timestamp)",
    ] {
        let query = format!("SELECT _offset, {function} AS made FROM transactions");
        let printed = prints(brokers, TOPIC, &query, "table");
        let ends = printed.lines().filter(|line| line.contains("2026"));
        assert!(
            ends.count() >= 2 || function.contains("unix"),
            "{query}: {printed}"
        );
    }
}

/// What the program prints of all that is there, to its good end.
fn prints(brokers: &Brokers, topic: &str, query: &str, output: &str) -> String {
    let ended = consumer(brokers, topic)
        .env("SCHEMA", "n INT")
        .env("QUERY", query)
        .env("OUTPUT", output)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{query}: {said}");
    String::from_utf8(ended.stdout).unwrap()
}

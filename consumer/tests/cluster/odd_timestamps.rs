//! Reads records whose timestamps are in microseconds or nanoseconds, although Kafka's are milliseconds. No such record
//! ends the query; its time is shown as what it is.

use libtest_mimic::Trial;
use testkit::brokers::Brokers;
use testkit::records::{Record, write};
use testkit::topic::create_topic;

use crate::program::consumer;
use crate::trial;

/// The time 2026-01-31T12:00:00Z, in milliseconds since 1970.
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
    // It does not matter what a function makes of such a time, but the hours of the other records are shown.
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

/// Runs the program until it has read all there is and ends with success, and returns what it prints.
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

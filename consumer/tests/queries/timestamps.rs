//! Tests times from the year 1 to 9999 in every function. The expected values in `timestamps.txt` were computed with
//! Python's datetime. It lacks the years 0 and 10000, so these were checked by hand.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use chrono::DateTime;
use consumer::schema::TableSchema;

use super::values_of;

const TIMES: [&str; 5] = [
    "0001-01-01T00:00:00Z",
    "1677-09-20T00:00:00Z",
    "1969-12-31T23:59:59.5Z",
    "2262-04-12T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
];

/// Returns the value of an expression for each of the times, or why it fails. `ts` and `ntz` are the time, and `text`
/// is the time as it is written. `kafka` is the time that results when a producer gives microseconds where Kafka counts
/// milliseconds.
fn values(expression: &str) -> Result<Vec<String>, String> {
    let ddl = "ts TIMESTAMP, ntz TIMESTAMP_NTZ, text STRING, kafka TIMESTAMP, number BIGINT";
    let schema = Arc::clone(TableSchema::parse(ddl).unwrap().columns());
    let micros = TIMES.map(|time| {
        let time = DateTime::parse_from_rfc3339(time).unwrap();
        time.timestamp_micros()
    });
    let micros = || TimestampMicrosecondArray::from_iter_values(micros);
    let late = TimestampMicrosecondArray::from_iter_values([1_769_860_800_000_000_000; 5]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(micros().with_timezone("UTC")),
        Arc::new(micros()),
        Arc::new(StringViewArray::from_iter_values(TIMES)),
        Arc::new(late.with_timezone("UTC")),
        Arc::new(Int64Array::from_iter_values(0..5)),
    ];
    let records = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    values_of(expression, &records)
}

#[test]
fn each_function_takes_times_from_the_year_1_to_9999() {
    let table = include_str!("timestamps.txt").lines();
    for (expression, expected) in table.map(|line| line.split_once(" => ").unwrap()) {
        let expected: Vec<_> = expected.split(" | ").map(str::to_owned).collect();
        assert_eq!(values(expression), Ok(expected), "{expression}");
    }
}

/// Checks that a time in the year 58054 is treated like any other.
#[test]
fn a_kafka_timestamp_in_another_unit_is_cut_like_any_other() {
    for (expression, expected) in [
        (
            "CAST(date_trunc('day', kafka) AS BIGINT)",
            1_769_860_800_000_000_000_i64,
        ),
        (
            "CAST(date_bin(INTERVAL '1 hour', kafka) AS BIGINT)",
            1_769_860_800_000_000_000,
        ),
        // The time lies 20,484,500 days after 1970-01-01, which was the fourth day of its week.
        (
            "CAST(date_trunc('week', kafka) AS BIGINT)",
            20_484_496 * 86_400_000_000,
        ),
    ] {
        let expected = vec![expected.to_string(); 5];
        assert_eq!(values(expression), Ok(expected), "{expression}");
    }
}

#[test]
fn hours_and_days_are_compared_by_their_length() {
    let less = |interval: &str| {
        values(&format!(
            "ntz - (ntz - INTERVAL '36 hours') < INTERVAL '{interval}'"
        ))
        .unwrap()
    };
    for (interval, expected) in [("1 day", "false"), ("37 hours", "true"), ("2 days", "true")] {
        assert_eq!(less(interval), [expected; 5], "{interval}");
    }
    let month = values("ntz - ts > INTERVAL '1 month'").unwrap_err();
    assert!(month.starts_with("a month has no fixed length"), "{month}");
}

#[test]
fn numbers_count_seconds_when_they_become_times() {
    for number in ["1.5", "CAST(1.5 AS DOUBLE)", "CAST(1.5 AS DECIMAL(38, 18))"] {
        let cast = values(&format!("CAST({number} AS TIMESTAMP)")).unwrap();
        assert_eq!(cast, ["1970-01-01T00:00:01.500"; 5], "{number}");
    }
    let of_int = values("CAST(CAST(number AS INT) AS TIMESTAMP)").unwrap();
    assert_eq!(of_int[4], "1970-01-01T00:00:04");
    let negative = values("to_timestamp(-0.25)").unwrap();
    assert_eq!(negative, ["1969-12-31T23:59:59.750"; 5]);
}

#[test]
fn what_is_beyond_all_times_is_said_in_plain_words() {
    for (expression, expected) in [
        (
            "to_timestamp(9223372036854775807)",
            "to_timestamp(9223372036854775807) is beyond all timestamps",
        ),
        (
            "to_timestamp(CAST('1e300' AS DOUBLE))",
            "to_timestamp(1e300) is beyond all timestamps",
        ),
        (
            "to_timestamp('31.12.9999', '%Y-%m-%d')",
            "'31.12.9999' does not fit the pattern '%Y-%m-%d': input contains invalid characters",
        ),
        (
            "date_trunc('decade', ts)",
            "date_trunc knows no unit 'decade'; there are microsecond, millisecond, second, minute, hour, day, \
             week, month, quarter and year",
        ),
        (
            "date_bin(INTERVAL '1 month 1 day', ts)",
            "the INTERVAL of date_bin has months, or days and less, not both",
        ),
        (
            "date_bin(INTERVAL '0 days', ts)",
            "the INTERVAL of date_bin must be above zero",
        ),
    ] {
        assert_eq!(values(expression), Err(expected.to_owned()), "{expression}");
    }
}

/// Checks days in New York, where clocks are set forward at 2:00 on 2026-03-08.
#[test]
fn a_day_begins_by_the_clocks_of_its_zone() {
    let new_york = |time: &str, unit: &str| {
        let zoned =
            format!("TIMESTAMP '{time}' AT TIME ZONE 'UTC' AT TIME ZONE 'America/New_York'");
        values(&format!("date_trunc('{unit}', {zoned})"))
            .unwrap()
            .swap_remove(0)
    };
    for (time, unit, expected) in [
        ("2026-03-08 12:00:00", "day", "2026-03-08T00:00:00-05:00"),
        ("2026-03-09 12:00:00", "day", "2026-03-09T00:00:00-04:00"),
        ("2026-03-31 12:00:00", "month", "2026-03-01T00:00:00-05:00"),
        // The time 1:30 comes twice on 2026-11-01.
        ("2026-11-01 05:30:00", "hour", "2026-11-01T01:00:00-04:00"),
        ("2026-11-01 06:30:00", "hour", "2026-11-01T01:00:00-05:00"),
    ] {
        assert_eq!(new_york(time, unit), expected, "{time} {unit}");
    }
}

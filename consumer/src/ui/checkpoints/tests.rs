use std::sync::Arc;

use arrow::array::{Int64Array, StringArray};
use chrono::TimeZone;
use serde_json::json;

use super::*;
use crate::checkpoint::aggregate::Aggregate;
use crate::checkpoint::listing::{Described, ListedPartition};
use crate::event::samples::ClosedPipe;
use crate::position::{Offset, TopicPartition};

fn at(second: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 31, 12, 0, second).unwrap()
}

fn state() -> ListedState {
    ListedState {
        start: Offset(0),
        next: Offset(1_234_567),
        watermark: Some(1_769_860_800_250_000),
        groups: Some(1200),
        rows: 1300,
        bytes: 1536,
        deltas: 2,
        written: Some(at(0)),
    }
}

fn listing() -> Listing {
    let kept = |number, newest, problems: &[&str]| ListedPartition {
        partition: TopicPartition::new("t", number),
        newest,
        problems: problems.iter().map(|&problem| problem.to_owned()).collect(),
    };
    Listing {
        location: "file:///a".to_owned(),
        query: ListedQuery {
            fingerprint: "0123456789abcdef".parse().unwrap(),
            described: Some(Described {
                topics: vec!["t".to_owned()],
                aggregate: Aggregate::of_plan(
                    "AggregateExec: mode=Partial, gby=[k@0 as k], aggr=[count(Int64(1))]\n  \
                     FilterExec: b@1 = \u{1b}[2J",
                ),
            }),
        },
        partitions: vec![
            kept(0, Some(state()), &[]),
            kept(1, None, &["t-1 5-base: it is\u{1b}\u{9b} torn"]),
            kept(
                2,
                Some(ListedState {
                    watermark: None,
                    groups: None,
                    rows: 7,
                    deltas: 0,
                    ..state()
                }),
                &[],
            ),
        ],
    }
}

fn text(print: impl FnOnce(&mut Vec<u8>) -> Result<(), OutputError>) -> String {
    let mut out = Vec::new();
    print(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_line_tells_each_partition_and_what_is_wrong_stands_below() {
    let text = text(|out| list_table(out, &listing(), at(12)));
    let expected = "\
file:///a keeps t: count(*) by k where b = \\u{1b}[2J

partition  next offset  watermark                 groups     size  chain            age
─────────  ───────────  ────────────────────────  ──────  ───────  ─────────────  ────
t-0            1234567  2026-01-31T12:00:00.250Z   1,200  1.5 KiB  base + 2 deltas  12 s
";
    // The widths are the grid's choice; the words and their order must stay.
    let words = |text: &str| -> Vec<Vec<String>> {
        let lines = text.lines().filter(|line| !line.contains('─'));
        lines
            .map(|line| line.split_whitespace().map(str::to_owned).collect())
            .collect()
    };
    let lines = words(&text);
    assert_eq!(lines[..4], words(expected)[..]);
    assert_eq!(lines[4].join(" "), "t-1 - - - - - -");
    assert_eq!(lines[5].join(" "), "t-2 1234567 - ≤ 7 1.5 KiB base 12 s");
    assert!(
        text.ends_with("\ncannot be used: t-1 5-base: it is\\u{1b}\\u{9b} torn\n"),
        "{text}"
    );
}

#[test]
fn a_location_without_checkpoints_says_so() {
    let mut listing = listing();
    listing.partitions.clear();
    listing.query.described = None;
    assert_eq!(
        text(|out| list_table(out, &listing, at(0))),
        "file:///a keeps query 0123456789abcdef, whose query.json cannot be read\n(no checkpoints yet)\n"
    );
    assert_eq!(text(|out| list_json(out, &listing)), "");
}

#[test]
fn json_is_a_line_a_partition() {
    let text = text(|out| list_json(out, &listing()));
    assert!(text.contains(r"it is\u001b\u009b torn"), "{text}");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let head = |partition| {
        json!({
            "location": "file:///a", "query": "0123456789abcdef", "topics": ["t"],
            "aggregate": "count(*) by k where b = \u{1b}[2J", "topic": "t", "partition": partition,
        })
    };
    let with = |mut head: serde_json::Value, rest: serde_json::Value| {
        let rest = rest.as_object().unwrap().clone();
        head.as_object_mut().unwrap().extend(rest);
        head
    };
    let whole = with(
        head(0),
        json!({
            "startOffset": 0, "nextOffset": 1_234_567, "watermark": "2026-01-31T12:00:00.250Z",
            "groups": 1200, "rows": 1300, "bytes": 1536, "deltas": 2,
            "written": "2026-01-31T12:00:00.000Z", "problems": [],
        }),
    );
    let none = with(
        head(1),
        json!({
            "startOffset": null, "nextOffset": null, "watermark": null, "groups": null, "rows": null,
            "bytes": null, "deltas": null, "written": null,
            "problems": ["t-1 5-base: it is\u{1b}\u{9b} torn"],
        }),
    );
    assert_eq!(lines[..2], [whole, none]);
    assert_eq!(lines.len(), 3);
}

fn shown() -> ShownState {
    let keys = StringArray::from(vec!["Visa", "a\u{1b}b", "JCB"]);
    let counts = Int64Array::from(vec![1, 2, 3]);
    let batch = RecordBatch::try_from_iter([
        ("k", Arc::new(keys) as _),
        ("count(*)[count]", Arc::new(counts) as _),
    ]);
    let batch = batch.unwrap();
    ShownState {
        partition: TopicPartition::new("t", 0),
        state: ListedState {
            groups: Some(2),
            rows: 3,
            ..state()
        },
        rows: vec![batch.slice(0, 1), batch.slice(1, 2)],
        problems: vec!["t-0 9-base: it is torn".to_owned()],
    }
}

#[test]
fn a_state_is_a_table_of_its_first_rows() {
    assert_eq!(
        text(|out| state_table(out, &shown(), 2)),
        r"t-0 up to offset 1234567 · base + 2 deltas · 2 groups
3 rows: a group has one in each layer that knows of it, which the query merges

k         count(*)[count]
────────  ───────────────
Visa                    1
a\u{1b}b                2
… and 1 more row
cannot be used: t-0 9-base: it is torn
"
    );
}

#[test]
fn a_state_is_a_line_of_json_a_row() {
    assert_eq!(
        text(|out| state_json(out, &shown())),
        "{\"k\":\"Visa\",\"count(*)[count]\":1}\n{\"k\":\"a\\u001bb\",\"count(*)[count]\":2}\n\
         {\"k\":\"JCB\",\"count(*)[count]\":3}\n"
    );
}

#[test]
fn a_state_without_rows_says_so() {
    let empty = ShownState {
        state: ListedState {
            groups: Some(0),
            rows: 0,
            ..state()
        },
        rows: Vec::new(),
        problems: Vec::new(),
        ..shown()
    };
    let text = text(|out| state_table(out, &empty, 2));
    assert!(text.ends_with(" · 0 groups\n(no rows)\n"), "{text}");
}

#[test]
fn a_time_that_no_calendar_has_stays_a_number() {
    assert_eq!(time(i64::MAX), "9223372036854775807 µs");
    assert_eq!(time(1_769_860_800_000_000_000), "1769860800000000000 µs");
    assert_eq!(time(253_402_300_799_999_999), "9999-12-31T23:59:59.999999Z");
}

#[test]
fn a_reader_that_has_gone_is_a_quiet_end() {
    let end = list_table(&mut ClosedPipe, &listing(), at(0));
    assert!(matches!(end, Err(OutputError::Closed)));
    let end = state_json(&mut ClosedPipe, &shown());
    assert!(matches!(end, Err(OutputError::Closed)));
}

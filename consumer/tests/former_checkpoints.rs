//! Tests checkpoints that the program of commit 38c31ab has written. Its identity of a query was the text of the
//! query's plan. The checkpoints must be found by their query, read, continued and listed, and any other query must be
//! refused.
//!
//! Each folder in `former_checkpoints` is the location of one query, as that program left it when it was interrupted.
//! It had read 60 records with the values of [`cents`], [`brand`] and [`country`] from one partition of mock brokers,
//! in batches of at most 25, with SCHEMA set as in [`DDL`].

#![allow(clippy::panic, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use consumer::checkpoint::Checkpoint;
use consumer::checkpoint::chain::Delta;
use consumer::checkpoint::fingerprint::Fingerprint;
use consumer::checkpoint::identity::Description;
use consumer::checkpoint::lease::{self, LeaseError};
use consumer::checkpoint::listing;
use consumer::checkpoint::location::Location;
use consumer::checkpoint::repository::Repository;
use consumer::checkpoint::store::Store;
use consumer::engine::query::Query;
use consumer::format::json::Decoder;
use consumer::format::metadata::RecordMeta;
use consumer::position::{Offset, TopicPartition};
use consumer::schema::TableSchema;
use serde_json::Value;
use tempfile::TempDir;

const TOPIC: &str = "transactions";
const DDL: &str = "card_brand STRING, amount DECIMAL(12,2), country STRING";
const RECORDS: i64 = 60;

/// The default query of the program at that commit.
const TOTALS: &str = "SELECT card_brand,
       count(*)    AS transactions,
       sum(amount) AS total,
       avg(amount) AS average,
       min(amount) AS smallest,
       max(amount) AS largest
FROM transactions
GROUP BY card_brand
ORDER BY total DESC";
const FILTERED: &str = "SELECT upper(country) AS place, count(*) AS n, max(amount * 2) AS twice FROM transactions \
                        WHERE amount > 40 AND card_brand LIKE '%a%' GROUP BY upper(country) HAVING count(*) > 1 \
                        ORDER BY n";
const DISTINCT: &str =
    "SELECT card_brand, count(DISTINCT country) AS countries FROM transactions GROUP BY card_brand";
const ROWS: &str = "SELECT card_brand, amount FROM transactions WHERE amount > 90";

const ALL: [(&str, &str); 4] = [
    ("totals", TOTALS),
    ("filtered", FILTERED),
    ("distinct", DISTINCT),
    ("rows", ROWS),
];

fn brand(number: i64) -> &'static str {
    ["Visa", "Mastercard", "JCB", "UnionPay"][(number % 4) as usize]
}

fn country(number: i64) -> &'static str {
    ["FR", "DE", "JP"][(number % 3) as usize]
}

fn cents(number: i64) -> i64 {
    (10 + 7 * number % 90) * 100 + number % 100
}

fn decimal(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn schema() -> TableSchema {
    TableSchema::parse(DDL).unwrap()
}

/// Plans a query, and returns it with the description that this program makes of it.
fn planned(sql: &str) -> (Query, Description) {
    let topics = [TOPIC.to_owned()];
    let query = Query::plan(sql, schema().table(), &topics).unwrap();
    let columns = schema().table().project(query.columns()).unwrap();
    let description = Description::of(&query, &topics, &columns);
    (query, description)
}

/// A copy of a location, since the tests write to it.
struct Copied {
    disk: TempDir,
    store: Store,
}

impl Copied {
    fn of(name: &str) -> Self {
        let disk = TempDir::new().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/former_checkpoints");
        copy(&from.join(name), disk.path());
        let location = format!("file://{}", disk.path().display());
        let store = Location::parse(&location, []).unwrap().open().unwrap();
        Self { disk, store }
    }

    fn take(&self, description: &Description) -> Result<Fingerprint, LeaseError> {
        lease::take(&self.store, description, &schema())
    }

    /// Returns the description of the location's query, as it is stored there.
    fn described(&self) -> Value {
        let current = fs::read_to_string(self.disk.path().join("current")).unwrap();
        let file: PathBuf = [current.trim(), "query.json"].iter().collect();
        serde_json::from_slice(&fs::read(self.disk.path().join(file)).unwrap()).unwrap()
    }

    fn repository(&self, fingerprint: Fingerprint, query: &Query) -> Repository {
        let location = format!("file://{}", self.disk.path().display());
        let store = Location::parse(&location, []).unwrap().open().unwrap();
        Repository::new(store, fingerprint, query.clone())
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => fs::write(&target, fs::read(entry.path()).unwrap()).unwrap(),
        }
    }
}

fn partition() -> TopicPartition {
    TopicPartition::new(TOPIC, 0)
}

/// Returns the rows of a result as text, sorted.
fn sorted(rows: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default();
    let columns = rows.columns().iter();
    let columns: Vec<_> = columns
        .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    let mut lines: Vec<String> = (0..rows.num_rows())
        .map(|row| {
            let cells = columns.iter().map(|column| column.value(row).to_string());
            cells.collect::<Vec<_>>().join(" ")
        })
        .collect();
    lines.sort();
    lines
}

/// Returns the average of amounts in cents with six digits behind the point, rounded half up.
fn average(sum: i64, count: i64) -> String {
    let millionths = (sum * 10_000 * 2 + count) / (2 * count);
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}

/// Returns the result of the query `name` over the first `records` records, computed with whole numbers.
fn expected(name: &str, records: i64) -> Vec<String> {
    let mut groups: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for number in 0..records {
        let key = match name {
            "totals" | "distinct" => brand(number),
            _ if cents(number) > 4000 && brand(number).contains('a') => country(number),
            _ => continue,
        };
        groups.entry(key).or_default().push(number);
    }
    let mut rows: Vec<String> = groups
        .into_iter()
        .map(|(key, numbers)| {
            let count = numbers.len() as i64;
            let all: Vec<i64> = numbers.iter().map(|&number| cents(number)).collect();
            let (least, most) = (all.iter().min().unwrap(), all.iter().max().unwrap());
            match name {
                "totals" => {
                    let sum = all.iter().sum();
                    let (total, mean) = (decimal(sum), average(sum, count));
                    format!(
                        "{key} {count} {total} {mean} {} {}",
                        decimal(*least),
                        decimal(*most)
                    )
                }
                "distinct" => {
                    let countries: BTreeSet<_> = numbers.iter().map(|n| country(*n)).collect();
                    format!("{key} {}", countries.len())
                }
                _ => format!("{key} {count} {}", decimal(2 * most)),
            }
        })
        .collect();
    rows.sort();
    rows
}

/// Returns the groups of the records from one offset to another, as a batch of the query makes them.
fn groups(query: &Query, from: i64, to: i64) -> Vec<RecordBatch> {
    let mut decoder = Decoder::new(&schema(), query.columns()).unwrap();
    for number in from..to {
        let record = format!(
            r#"{{"card_brand":"{}","amount":"{}","country":"{}"}}"#,
            brand(number),
            decimal(cents(number)),
            country(number)
        );
        let meta = RecordMeta {
            topic: TOPIC,
            partition: 0,
            offset: number,
            timestamp_ms: None,
            key: None,
            headers: &[],
        };
        decoder.push(record.as_bytes(), &meta).unwrap();
    }
    let mut partial = query.partial().unwrap();
    partial.push(decoder.flush().unwrap()).unwrap();
    partial.finish().unwrap()
}

#[test]
fn its_query_finds_its_rows() {
    for (name, sql) in ALL {
        let copied = Copied::of(name);
        let (query, description) = planned(sql);
        let fingerprint = copied.take(&description).unwrap();
        let found = copied.repository(fingerprint, &query).newest(&partition());
        let found = found.unwrap();
        assert_eq!(found.problems, [""; 0]);
        let checkpoint = found.checkpoint.unwrap();
        assert_eq!(checkpoint.next, Offset(RECORDS), "{name}");
        if name != "rows" {
            let result = query.result(checkpoint.state.batches()).unwrap();
            assert_eq!(sorted(&result.rows), expected(name, RECORDS), "{name}");
        }
    }
}

#[test]
fn what_is_written_from_here_on_rests_on_it() {
    for (name, sql) in ALL.into_iter().filter(|(name, _)| *name != "rows") {
        let copied = Copied::of(name);
        let (query, description) = planned(sql);
        let fingerprint = copied.take(&description).unwrap();
        let repository = copied.repository(fingerprint, &query);
        let held = repository.newest(&partition()).unwrap().checkpoint.unwrap();
        let groups = groups(&query, RECORDS, RECORDS + 20);
        let next = Checkpoint {
            next: Offset(RECORDS + 20),
            state: held.state.merged(&query, groups.clone()).unwrap(),
        };
        let delta = Delta {
            previous: held.next,
            groups,
        };
        let problem = repository.keep(&partition(), &next, Some(delta)).unwrap();
        assert_eq!(problem, None);
        let again = copied.take(&description).unwrap();
        assert_eq!(again, fingerprint);
        let found = copied.repository(again, &query).newest(&partition());
        let found = found.unwrap().checkpoint.unwrap();
        assert_eq!(found.next, next.next);
        let result = query.result(found.state.batches()).unwrap();
        assert_eq!(sorted(&result.rows), expected(name, RECORDS + 20), "{name}");
    }
}

/// Checks that the older release can use the location: it compares the parts of the description that it knows with its
/// own, and finds its checkpoints by `current`.
#[test]
fn the_release_before_may_share_the_location() {
    for (name, sql) in ALL {
        let copied = Copied::of(name);
        let before = copied.described();
        let fingerprint = copied.take(&planned(sql).1).unwrap();
        let current = fs::read_to_string(copied.disk.path().join("current")).unwrap();
        assert_eq!(current.trim(), fingerprint.to_string());
        let mut after = copied.described();
        let added = after.as_object_mut().unwrap().remove("query");
        assert!(added.is_some(), "{name}");
        assert_eq!(after, before, "{name}");
        assert!(before.get("query").is_none());
    }
}

/// Checks that a query is found although the stored text of its plan and the stored version of DataFusion are
/// different, as they are after an upgrade of DataFusion.
#[test]
fn once_taken_it_is_found_whatever_the_text_of_its_plan_becomes() {
    for (name, sql) in ALL {
        let copied = Copied::of(name);
        let (query, description) = planned(sql);
        let fingerprint = copied.take(&description).unwrap();
        let mut later = copied.described();
        later["engine"] = "DataFusion 99.0".into();
        later["aggregate"] = "Otherwise".into();
        let file = copied.disk.path().join(fingerprint.to_string());
        fs::write(file.join("query.json"), later.to_string()).unwrap();
        assert_eq!(copied.take(&description).unwrap(), fingerprint, "{name}");
        let found = copied.repository(fingerprint, &query).newest(&partition());
        assert!(found.unwrap().checkpoint.is_some());
    }
}

#[test]
fn any_other_query_is_refused_and_changes_nothing() {
    for (name, sql) in ALL {
        let copied = Copied::of(name);
        let before = copied.described();
        for (other, _) in ALL.into_iter().filter(|(other, _)| *other != name) {
            let own = Copied::of(other).described();
            assert_ne!(own, before, "{other} is another query than {name}");
        }
        for other in ALL
            .map(|(_, sql)| sql)
            .into_iter()
            .filter(|other| *other != sql)
        {
            let error = copied.take(&planned(other).1).unwrap_err().to_string();
            assert!(error.contains("checkpoints of another query: "), "{error}");
        }
        assert_eq!(copied.described(), before);
    }
    let copied = Copied::of("filtered");
    let other = FILTERED.replace("> 40", "> 41");
    let error = copied.take(&planned(&other).1).unwrap_err().to_string();
    assert!(error.contains("where amount > 40.00"), "{error}");
    assert!(error.contains("where amount > 41.00"), "{error}");
}

#[test]
fn a_raised_meaning_is_refused_by_name() {
    let copied = Copied::of("totals");
    let (_, description) = planned(TOTALS);
    let fingerprint = copied.take(&description).unwrap();
    let file = copied
        .disk
        .path()
        .join(fingerprint.to_string())
        .join("query.json");
    let taken = copied.described();
    let mut former = Copied::of("totals").described();
    former["meanings"]["STRING"] = 1.into();
    let mut both = taken.clone();
    both["meanings"]["STRING"] = 1.into();
    both["query"]["meanings"]["STRING"] = 1.into();
    for raised in [former, both] {
        fs::write(&file, raised.to_string()).unwrap();
        let error = copied.take(&description).unwrap_err().to_string();
        let told = "its STRING has meaning 1, this program's 2";
        assert!(error.contains(told), "{error}");
    }
    fs::write(&file, taken.to_string()).unwrap();
    copied.take(&description).unwrap();
}

#[test]
fn it_is_listed_before_and_after_it_is_taken() {
    for (name, words) in [
        (
            "totals",
            "count(*), sum(amount), avg(amount), min(amount), max(amount) by card_brand",
        ),
        ("distinct", "count(DISTINCT country) by card_brand"),
        ("rows", "rows (no aggregate) where amount > 90.00"),
    ] {
        let copied = Copied::of(name);
        let (_, sql) = ALL.into_iter().find(|(other, _)| *other == name).unwrap();
        for _ in 0..2 {
            let listing = listing::list(&copied.store).unwrap();
            let described = listing.query.described.unwrap();
            assert_eq!(described.topics, [TOPIC]);
            assert_eq!(described.aggregate.to_string(), words);
            let newest = listing.partitions[0].newest.as_ref().unwrap();
            assert_eq!((newest.next, newest.deltas), (Offset(RECORDS), 2));
            copied.take(&planned(sql).1).unwrap();
        }
    }
}

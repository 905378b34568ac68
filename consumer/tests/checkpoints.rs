//! Runs `consumer checkpoints` on files that were written as a query writes them.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::SystemTime;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use consumer::checkpoint::chain::{self, Delta, NewCheckpoint, Tip};
use consumer::checkpoint::identity::Description;
use consumer::checkpoint::lease;
use consumer::checkpoint::location::Location;
use consumer::checkpoint::name::{Folder, Name};
use consumer::checkpoint::store::Store;
use consumer::engine::query::Query;
use consumer::position::{Offset, TopicPartition};
use consumer::schema::TableSchema;
use serde_json::{Value, json};
use tempfile::TempDir;

const QUERY: &str = "SELECT brand, count(*) FROM transactions GROUP BY brand";

/// A location on the disk, with the folder of one partition.
struct Kept {
    disk: TempDir,
    store: Store,
    folder: Folder,
}

impl Kept {
    /// Makes a location that a query which counts by brand has taken, without a checkpoint yet.
    fn new() -> Self {
        let disk = TempDir::new().unwrap();
        let store = Location::parse(&url(&disk), []).unwrap().open().unwrap();
        let columns = TableSchema::parse("brand STRING").unwrap();
        let query = Query::plan(QUERY, columns.table(), &[]).unwrap();
        let identity = Description::of(&query, &["t".to_owned()], columns.columns());
        let folder = Folder {
            fingerprint: lease::take(&store, &identity, &columns).unwrap(),
            partition: TopicPartition::new("t", 0),
        };
        Self {
            disk,
            store,
            folder,
        }
    }

    /// Writes a base, or a delta on `tip`, that ends at `next`.
    fn write(&self, tip: Option<&Tip>, next: i64, counts: &[(&str, i64)]) -> Tip {
        let brands = StringArray::from_iter_values(counts.iter().map(|(brand, _)| brand));
        let counts = Int64Array::from_iter_values(counts.iter().map(|(_, count)| *count));
        let state = vec![
            RecordBatch::try_from_iter([
                ("brand", Arc::new(brands) as _),
                ("count(Int64(1))[count]", Arc::new(counts) as _),
            ])
            .unwrap(),
        ];
        let new = NewCheckpoint {
            start: Offset(0),
            next: Offset(next),
            watermark: None,
            delta: tip.map(|tip| Delta {
                previous: tip.next(),
                groups: state.clone(),
            }),
            state,
        };
        chain::write(&self.store, &self.folder, tip, &new)
            .unwrap()
            .tip
    }

    /// Makes a location with two chains; the newer one has a delta.
    fn with_two_chains() -> Self {
        let kept = Self::new();
        kept.write(None, 2, &[("Visa", 2)]);
        let base = kept.write(None, 5, &[("Visa", 3), ("JC\u{1b}B", 2)]);
        kept.write(Some(&base), 6, &[("Visa", 1)]);
        kept
    }

    /// Runs the program with these flags, without any broker, and checks that nothing at the location changes.
    fn program(&self, flags: &[&str]) -> Output {
        let before = files(self.disk.path());
        let output = Command::new(env!("CARGO_BIN_EXE_consumer"))
            .arg("checkpoints")
            .args(flags)
            .env_clear()
            .env("CHECKPOINT_LOCATION", url(&self.disk))
            .output()
            .unwrap();
        assert_eq!(files(self.disk.path()), before);
        output
    }

    fn printed(&self, flags: &[&str]) -> String {
        let output = self.program(flags);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, flags: &[&str]) -> (Option<i32>, String) {
        let output = self.program(flags);
        assert!(output.stdout.is_empty(), "{output:?}");
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    fn bytes(&self, names: &[Name]) -> u64 {
        let objects = self.store.list(&self.folder).unwrap();
        let wanted = objects.iter().filter(|stored| names.contains(&stored.name));
        wanted.map(|stored| stored.bytes).sum()
    }
}

fn url(disk: &TempDir) -> String {
    format!("file://{}", disk.path().display())
}

/// Returns all paths under a folder, each with the time at which it was changed and, for a file, its content.
fn files(folder: &Path) -> BTreeMap<String, (SystemTime, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let changed = fs::metadata(&folder).unwrap().modified().unwrap();
        found.insert(folder.display().to_string(), (changed, Vec::new()));
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let changed = fs::metadata(&path).unwrap().modified().unwrap();
                let name = path.display().to_string();
                found.insert(name, (changed, fs::read(path).unwrap()));
            }
        }
    }
    found
}

#[test]
fn partitions_are_listed_as_a_table() {
    let kept = Kept::with_two_chains();
    let text = kept.printed(&[]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        format!("{} keeps t: count(*) by brand", url(&kept.disk))
    );
    let words: Vec<&str> = lines[4].split_whitespace().collect();
    // The columns of sizes and ages are two words each, since they have a unit.
    assert_eq!(words[..4], ["t-0", "6", "-", "2"]);
    assert_eq!(words[6..10], ["base", "+", "1", "delta"]);
    assert_eq!(lines.len(), 5, "{text}");
}

#[test]
fn partitions_are_listed_as_lines_of_json() {
    let kept = Kept::with_two_chains();
    let text = kept.printed(&["--output", "json"]);
    let mut line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(text.matches('\n').count(), 1);
    let written = line.as_object_mut().unwrap().remove("written").unwrap();
    let written = chrono::DateTime::parse_from_rfc3339(written.as_str().unwrap()).unwrap();
    let age = chrono::Utc::now()
        .signed_duration_since(written)
        .num_seconds();
    assert!((0..600).contains(&age), "{age} s");
    let chain = [Name::Base(Offset(5)), Name::Delta(Offset(6))];
    let expected = json!({
        "location": url(&kept.disk), "query": kept.folder.fingerprint.to_string(), "topics": ["t"],
        "aggregate": "count(*) by brand", "topic": "t", "partition": 0, "startOffset": 0, "nextOffset": 6,
        "watermark": null, "groups": 2, "rows": 3, "bytes": kept.bytes(&chain), "deltas": 1, "problems": [],
    });
    assert_eq!(line, expected);
}

#[test]
fn a_torn_object_is_named_and_the_one_before_it_listed() {
    let kept = Kept::with_two_chains();
    let torn = kept
        .disk
        .path()
        .join(kept.folder.fingerprint.to_string())
        .join("t-0/00000000000000000005-base");
    let bytes = fs::read(&torn).unwrap();
    fs::write(&torn, &bytes[..bytes.len() - 1]).unwrap();
    let text = kept.printed(&[]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[4].starts_with("t-0"), "{text}");
    assert_eq!(lines[4].split_whitespace().nth(1), Some("2"));
    let told = "cannot be used: t-0 00000000000000000005-base: it is torn: ";
    assert!(lines[5].starts_with(told), "{text}");
}

#[test]
fn a_states_rows_are_shown_escaped_and_limited() {
    let kept = Kept::with_two_chains();
    let text = kept.printed(&["show", "t-0"]);
    assert!(
        text.starts_with("t-0 up to offset 6 · base + 1 delta · 2 groups\n3 rows: "),
        "{text}"
    );
    let rows: Vec<Vec<&str>> = text
        .lines()
        .skip(3)
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0], ["brand", "count(Int64(1))[count]"]);
    assert_eq!(
        rows[2..],
        [["Visa", "3"], ["JC\\u{1b}B", "2"], ["Visa", "1"]]
    );
    let text = kept.printed(&["show", "t-0", "--table-rows", "1"]);
    assert!(text.ends_with("… and 2 more rows\n"), "{text}");
}

#[test]
fn a_states_rows_are_shown_as_lines_of_json() {
    let kept = Kept::with_two_chains();
    assert_eq!(
        kept.printed(&["--output", "json", "show", "t-0"]),
        "{\"brand\":\"Visa\",\"count(Int64(1))[count]\":3}\n\
         {\"brand\":\"JC\\u001bB\",\"count(Int64(1))[count]\":2}\n\
         {\"brand\":\"Visa\",\"count(Int64(1))[count]\":1}\n"
    );
}

#[test]
fn a_partition_that_is_not_there_is_wrong_usage() {
    let kept = Kept::with_two_chains();
    let (code, said) = kept.refused(&["show", "t-7"]);
    assert_eq!(code, Some(2));
    let place = url(&kept.disk);
    assert_eq!(
        said,
        format!("error: CHECKPOINT_LOCATION={place}: nothing is kept of t-7; there is t-0\n")
    );
}

#[test]
fn a_location_that_no_checkpoint_was_written_to_yet_is_listed() {
    let kept = Kept::new();
    assert!(kept.printed(&[]).ends_with("(no checkpoints yet)\n"));
    assert_eq!(kept.printed(&["--output", "json"]), "");
}

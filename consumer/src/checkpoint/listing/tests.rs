//! Tests that list objects which are whole, damaged, missing, or not there yet.

use std::sync::Arc;

use arrow::array::{Int64Array, StringArray};
use object_store::memory::InMemory;
use object_store::path::Path;

use super::*;
use crate::checkpoint::chain::{Delta, NewCheckpoint, Tip};
use crate::checkpoint::identity::Description;
use crate::checkpoint::name::Name;
use crate::engine::query::Query;
use crate::schema::TableSchema;

const QUERY: &str = "SELECT key, sum(n) FROM transactions GROUP BY key";

/// A location that a query has taken, and the folder of `t-0`.
fn taken() -> (Store, Folder) {
    let store = Store::new(Arc::new(InMemory::new()), Path::from("x"), "memory:///x").unwrap();
    let columns = TableSchema::parse("key STRING, n BIGINT").unwrap();
    let query = Query::plan(QUERY, columns.table(), &[]).unwrap();
    let identity = Description::of(&query, &["t".to_owned()], columns.columns());
    let fingerprint = lease::take(&store, &identity, &columns).unwrap();
    let partition = TopicPartition::new("t", 0);
    let folder = Folder {
        fingerprint,
        partition,
    };
    (store, folder)
}

fn rows(keys: &[&str]) -> Vec<RecordBatch> {
    let sums = Int64Array::from(vec![1; keys.len()]);
    let keys = StringArray::from(keys.to_vec());
    vec![
        RecordBatch::try_from_iter([
            ("key", Arc::new(keys) as _),
            ("sum(transactions.n)[sum]", Arc::new(sums) as _),
        ])
        .unwrap(),
    ]
}

fn write(store: &Store, folder: &Folder, tip: Option<&Tip>, next: i64, keys: &[&str]) -> Tip {
    let new = NewCheckpoint {
        start: Offset(3),
        next: Offset(next),
        watermark: Some(next * 1000),
        state: rows(keys),
        delta: tip.map(|tip| Delta {
            previous: tip.next(),
            groups: rows(keys),
        }),
    };
    chain::write(store, folder, tip, &new).unwrap().tip
}

#[test]
fn a_partition_is_listed_with_its_newest_state() {
    let (store, folder) = taken();
    let base = write(&store, &folder, None, 10, &["a", "b"]);
    write(&store, &folder, Some(&base), 15, &["b", "c"]);
    let listing = list(&store).unwrap();
    assert_eq!(listing.location, "memory:///x");
    let described = listing.query.described.unwrap();
    assert_eq!(described.topics, ["t"]);
    assert_eq!(described.aggregate.to_string(), "sum(n) by key");
    assert_eq!(listing.partitions.len(), 1);
    let kept = &listing.partitions[0];
    assert_eq!(kept.partition, folder.partition);
    assert_eq!(kept.problems, [""; 0]);
    let state = kept.newest.as_ref().unwrap();
    assert_eq!((state.start, state.next), (Offset(3), Offset(15)));
    assert_eq!(state.watermark, Some(15_000));
    assert_eq!((state.groups, state.rows), (Some(3), 4));
    let objects = store.list(&folder).unwrap();
    assert_eq!(objects.len(), 2);
    assert_eq!(state.bytes, objects[0].bytes + objects[1].bytes);
    assert_eq!(state.deltas, 1);
    assert_eq!(state.written, Some(objects[1].written));
}

#[test]
fn a_partition_of_which_nothing_is_kept_yet_is_listed_without_a_state() {
    let (store, folder) = taken();
    chain::fix_start(&store, &folder, Offset(7)).unwrap();
    let kept = list(&store).unwrap().partitions.swap_remove(0);
    assert!(kept.newest.is_none() && kept.problems.is_empty());
    let error = show(&store, &folder.partition).unwrap_err();
    assert_eq!(
        error.to_string(),
        "CHECKPOINT_LOCATION=memory:///x: t-0 has no checkpoint that can be read yet"
    );
    assert!(!error.is_wrong_usage());
}

#[test]
fn a_damaged_object_is_named_and_an_older_one_listed() {
    let (store, folder) = taken();
    write(&store, &folder, None, 10, &["a", "b"]);
    store
        .create(&folder, Name::Base(Offset(20)), "torn".into())
        .unwrap();
    let told = "t-0 00000000000000000020-base: it does not begin like a checkpoint";
    let kept = list(&store).unwrap().partitions.swap_remove(0);
    assert_eq!(kept.newest.unwrap().next, Offset(10));
    assert_eq!(kept.problems, [told]);
    let shown = show(&store, &folder.partition).unwrap();
    assert_eq!(shown.state.next, Offset(10));
    assert_eq!(shown.problems, [told]);
    store.delete(&folder, &[Name::Base(Offset(10))]).unwrap();
    let error = show(&store, &folder.partition).unwrap_err().to_string();
    assert!(error.ends_with(&format!("can be read: {told}")), "{error}");
}

#[test]
fn a_state_is_shown_as_it_is_stored() {
    let (store, folder) = taken();
    let base = write(&store, &folder, None, 10, &["a", "b"]);
    write(&store, &folder, Some(&base), 15, &["b", "c"]);
    let shown = show(&store, &folder.partition).unwrap();
    assert_eq!(shown.rows, [rows(&["a", "b"]), rows(&["b", "c"])].concat());
}

#[test]
fn without_a_description_the_groups_are_not_known() {
    let (store, folder) = taken();
    write(&store, &folder, None, 10, &["a", "b"]);
    store
        .set_identity(folder.fingerprint, "torn{".into())
        .unwrap();
    let mut listing = list(&store).unwrap();
    assert!(listing.query.described.is_none());
    let state = listing.partitions.swap_remove(0).newest.unwrap();
    assert_eq!((state.groups, state.rows), (None, 2));
}

#[test]
fn a_place_without_a_query_is_told() {
    let store = Store::new(Arc::new(InMemory::new()), Path::from("x"), "memory:///x").unwrap();
    let error = list(&store).unwrap_err();
    assert!(error.is_wrong_usage());
    assert_eq!(
        error.to_string(),
        "CHECKPOINT_LOCATION=memory:///x: no checkpoints are kept there; name the location that a query \
         was started with"
    );
    assert!(store.set_current(None, "rubbish").unwrap());
    let error = list(&store).unwrap_err().to_string();
    assert!(error.contains("names no query: rubbish;"), "{error}");
}

#[test]
fn a_partition_that_is_not_there_is_told_with_those_that_are() {
    let (store, folder) = taken();
    let other = TopicPartition::new("t", 9);
    let error = show(&store, &other).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("nothing is kept of t-9; there is nothing yet")
    );
    write(&store, &folder, None, 10, &["a"]);
    let error = show(&store, &other).unwrap_err();
    assert!(error.is_wrong_usage());
    assert!(
        error
            .to_string()
            .ends_with("nothing is kept of t-9; there is t-0")
    );
}

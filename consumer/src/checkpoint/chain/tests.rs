//! Chains in a store in memory, whose states are sums that anyone can compute.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use object_store::memory::InMemory;
use object_store::path::Path;

use super::*;
use crate::checkpoint::fingerprint::Fingerprint;

mod faults;
mod recovery;
mod retention;
mod schedules;
mod start;
mod writing;

/// Groups of the records that the tests count.
const GROUPS: i64 = 5;

fn fingerprint() -> Fingerprint {
    "0123456789abcdef".parse().unwrap()
}

fn folder() -> Folder {
    Folder {
        fingerprint: fingerprint(),
        partition: TopicPartition::new("t", 0),
    }
}

fn store() -> Store {
    Store::new(Arc::new(InMemory::new()), Path::from("x"), "memory:///x").unwrap()
}

/// The sum of each group over the records `from..to`: record `n` counts `n` in group `n % GROUPS`.
fn sums(from: i64, to: i64) -> BTreeMap<i64, i64> {
    let mut sums = BTreeMap::new();
    for record in from..to {
        *sums.entry(record % GROUPS).or_default() += record;
    }
    sums
}

fn groups(from: i64, to: i64) -> Vec<RecordBatch> {
    let (keys, values): (Vec<i64>, Vec<i64>) = sums(from, to).into_iter().unzip();
    let keys = Arc::new(Int64Array::from(keys)) as _;
    let values = Arc::new(Int64Array::from(values)) as _;
    vec![RecordBatch::try_from_iter([("key", keys), ("sum", values)]).unwrap()]
}

/// What the query's reduce would make of them.
fn merged(batches: &[RecordBatch]) -> BTreeMap<i64, i64> {
    let mut sums = BTreeMap::new();
    for batch in batches {
        let keys = batch.column(0).as_primitive::<Int64Type>().values();
        let values = batch.column(1).as_primitive::<Int64Type>().values();
        for (key, value) in keys.iter().zip(values) {
            *sums.entry(*key).or_default() += value;
        }
    }
    sums
}

/// The state after the records `start..next`, of which those from `previous` on are new.
fn checkpoint(start: i64, previous: Option<i64>, next: i64) -> NewCheckpoint {
    NewCheckpoint {
        start: Offset(start),
        next: Offset(next),
        watermark: Some(next),
        state: groups(start, next),
        delta: previous.map(|previous| Delta {
            previous: Offset(previous),
            groups: groups(previous, next),
        }),
    }
}

/// Writes a chain of a base and deltas that end at these offsets, however large they are.
fn chain(store: &Store, ends: &[i64]) -> Option<Tip> {
    let mut tip: Option<Tip> = None;
    for &next in ends {
        let previous = tip.as_ref().map(|tip| tip.next().0);
        let roomy = tip.map(|tip| Tip {
            base_bytes: u64::MAX,
            ..tip
        });
        let new = checkpoint(0, previous, next);
        tip = Some(write(store, &folder(), roomy.as_ref(), &new).unwrap().tip);
    }
    tip
}

fn names(store: &Store) -> Vec<String> {
    let listed = store.list(&folder()).unwrap();
    listed
        .iter()
        .map(|stored| stored.name.to_string().trim_start_matches('0').to_owned())
        .collect()
}

/// The offset that is recovered, its state having been checked, and what is told.
fn recovered(store: &Store) -> (Option<i64>, Vec<String>) {
    let recovered = recover(store, &folder()).unwrap();
    let next = recovered.newest.map(|newest| {
        let (start, next) = (newest.tip.start, newest.tip.next());
        assert_eq!(merged(&newest.batches), sums(start.0, next.0));
        assert_eq!(newest.watermark, Some(next.0));
        next.0
    });
    (next, recovered.problems)
}

fn damage(store: &Store, name: Name, with: impl Fn(Vec<u8>) -> Vec<u8>) {
    let bytes = store.read(&folder(), name).unwrap().unwrap();
    store
        .replace(&folder(), name, with(bytes.to_vec()).into())
        .unwrap();
}

fn torn(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.pop();
    bytes
}

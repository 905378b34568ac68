//! Tests the checkpoints of a partition: which are recovered, and which are deleted.

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use consumer::checkpoint::chain::{Delta, KEPT, NewCheckpoint, Tip, recover, retire, write};
use consumer::checkpoint::name::Name;
use consumer::checkpoint::store::Store;
use consumer::position::Offset;
use libtest_mimic::Trial;

use super::objects::folder;
use super::server::Server;
use super::trial;

pub fn trials() -> Vec<Trial> {
    vec![trial("s3_keeps_the_newest_chains", chains)]
}

/// Returns the records `from..to`, each as a group with its own number.
fn records(from: i64, to: i64) -> Vec<RecordBatch> {
    let numbers = Arc::new(Int64Array::from_iter_values(from..to)) as _;
    vec![RecordBatch::try_from_iter([("number", numbers)]).unwrap()]
}

/// Writes the state after the records up to `next`: as a delta on `tip`, or as a base.
fn keep(store: &Store, tip: Option<&Tip>, next: i64) -> Tip {
    let new = NewCheckpoint {
        start: Offset(0),
        next: Offset(next),
        watermark: None,
        state: records(0, next),
        delta: tip.map(|tip| Delta {
            previous: tip.next(),
            groups: records(tip.next().0, next),
        }),
    };
    // With this size of the base, a delta is written however large the deltas are.
    let roomy = tip.map(|tip| Tip {
        base_bytes: u64::MAX,
        ..tip.clone()
    });
    let written = write(store, &folder("t", 3), roomy.as_ref(), &new).unwrap();
    assert_eq!(written.problem, None);
    written.tip
}

/// Recovers the newest checkpoint, and returns where it ends and how many problems were found. Panics unless the state
/// has each record before that once.
fn recovered(store: &Store) -> (i64, usize) {
    let recovered = recover(store, &folder("t", 3)).unwrap();
    let newest = recovered.newest.unwrap();
    let batches = newest.batches.iter();
    let numbers: Vec<i64> = batches
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values())
        .copied()
        .collect();
    let next = newest.tip.next().0;
    assert_eq!(numbers, (0..next).collect::<Vec<_>>());
    (next, recovered.problems.len())
}

fn chains(server: &Server) {
    let (store, folder) = (server.store("chains"), folder("t", 3));
    for chain in 1..=KEPT as i64 + 2 {
        let base = keep(&store, None, chain * 100);
        let delta = keep(&store, Some(&base), chain * 100 + 10);
        keep(&store, Some(&delta), chain * 100 + 15);
        let old = if chain > KEPT as i64 { 3 } else { 0 };
        assert_eq!(retire(&store, &folder).unwrap(), old);
    }
    assert_eq!(store.list(&folder).unwrap().len(), 3 * KEPT);
    assert_eq!(recovered(&store), (515, 0));

    // Another writer is at the same offset.
    let again = keep(&store, None, 500);
    assert_eq!(again.name, Name::Base(Offset(500)));

    let torn = store.read(&folder, Name::Delta(Offset(515))).unwrap();
    let torn = torn.unwrap().slice(..40);
    store
        .replace(&folder, Name::Delta(Offset(515)), torn)
        .unwrap();
    assert_eq!(recovered(&store), (510, 1));
    store.delete(&folder, &[Name::Base(Offset(500))]).unwrap();
    assert_eq!(recovered(&store).0, 415);
}

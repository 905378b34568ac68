//! What is recovered after whatever has happened to the objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Int64Array};
use datafusion::arrow::datatypes::Int64Type;
use object_store::memory::InMemory;
use object_store::path::Path;

use super::*;
use crate::checkpoint::fingerprint::Fingerprint;

mod faults;
mod schedules;

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

#[test]
fn nothing_is_recovered_from_nothing() {
    assert_eq!(recovered(&store()), (None, Vec::new()));
}

#[test]
fn the_newest_state_is_its_base_and_all_deltas() {
    let store = store();
    let tip = chain(&store, &[10, 13, 20, 21]).unwrap();
    assert_eq!(
        names(&store),
        ["10-base", "13-delta", "20-delta", "21-delta"]
    );
    assert_eq!(recovered(&store), (Some(21), Vec::new()));
    let newest = recover(&store, &folder()).unwrap().newest.unwrap();
    assert_eq!(newest.tip.deltas, 3);
    assert_eq!(newest.tip.delta_bytes, tip.delta_bytes);
    assert_eq!(newest.batches.len(), 4);
}

#[test]
fn a_torn_object_is_told_and_the_one_before_it_taken() {
    let store = store();
    chain(&store, &[10, 13, 20]);
    damage(&store, Name::Delta(Offset(20)), torn);
    let (next, problems) = recovered(&store);
    assert_eq!(next, Some(13));
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("t-0 00000000000000000020-delta: it is torn: "),
        "{problems:?}"
    );
}

#[test]
fn a_chain_is_as_good_as_its_base_and_each_fault_is_told_once() {
    let store = store();
    chain(&store, &[5, 7]);
    chain(&store, &[10, 13, 20, 24]);
    damage(&store, Name::Base(Offset(10)), |mut bytes| {
        let last = bytes.len() - 20;
        bytes[last] ^= 1;
        bytes
    });
    let (next, problems) = recovered(&store);
    assert_eq!(next, Some(7));
    assert_eq!(
        problems,
        ["t-0 00000000000000000010-base: it is damaged: its checksum is wrong"]
    );
}

#[test]
fn a_missing_object_is_told() {
    let store = store();
    chain(&store, &[10, 13, 20, 24]);
    store.delete(&folder(), &[Name::Delta(Offset(13))]).unwrap();
    let (next, problems) = recovered(&store);
    assert_eq!(next, Some(10));
    assert_eq!(
        problems,
        ["t-0 00000000000000000020-delta: it rests on 13, which is missing"]
    );
}

#[test]
fn an_object_under_a_wrong_name_or_in_a_wrong_place_is_told() {
    let store = store();
    chain(&store, &[10, 13]);
    let copy = |name: Name, to: Name| {
        let bytes = store.read(&folder(), name).unwrap().unwrap();
        store.create(&folder(), to, bytes).unwrap();
    };
    copy(Name::Base(Offset(10)), Name::Base(Offset(30)));
    copy(Name::Delta(Offset(13)), Name::Base(Offset(13)));
    let elsewhere = Folder {
        partition: TopicPartition::new("t", 1),
        ..folder()
    };
    write(&store, &elsewhere, None, &checkpoint(0, None, 40)).unwrap();
    let foreign = store.read(&elsewhere, Name::Base(Offset(40))).unwrap();
    store
        .create(&folder(), Name::Base(Offset(40)), foreign.unwrap())
        .unwrap();

    let (next, problems) = recovered(&store);
    assert_eq!(next, Some(13));
    assert_eq!(
        problems,
        [
            "t-0 00000000000000000040-base: it is of t-1 of query 0123456789abcdef",
            "t-0 00000000000000000030-base: it is 00000000000000000010-base, under a wrong name",
            "t-0 00000000000000000013-base: it is 00000000000000000013-delta, under a wrong name",
        ]
    );
}

#[test]
fn a_delta_of_another_start_is_not_added() {
    let store = store();
    chain(&store, &[10]);
    let tip = Tip {
        base_bytes: u64::MAX,
        ..Tip::base(Offset(5), Offset(10), 1)
    };
    write(&store, &folder(), Some(&tip), &checkpoint(5, Some(10), 13)).unwrap();
    let (next, problems) = recovered(&store);
    assert_eq!(next, Some(10));
    assert_eq!(
        problems,
        [
            "t-0 00000000000000000013-delta: it is of records from 5 on, but rests on \
             00000000000000000010-base, which is from 0 on"
        ]
    );
}

#[test]
fn deltas_that_outweigh_their_base_are_followed_by_a_base() {
    let mut tip = Tip::base(Offset(0), Offset(10), 100);
    for _ in 0..2 {
        assert!(!tip.wants_base());
        tip = tip.with_delta(Offset(11), 50);
    }
    assert!(!tip.wants_base());
    assert!(tip.with_delta(Offset(12), 1).wants_base());
}

#[test]
fn deltas_are_not_too_many() {
    let mut tip = Tip::base(Offset(0), Offset(0), 1_000_000);
    for delta in 0..MOST_DELTAS {
        assert!(!tip.wants_base(), "after {delta}");
        tip = tip.with_delta(Offset(delta as i64), 1);
    }
    assert!(tip.wants_base());
}

#[test]
fn what_another_writer_has_kept_is_as_good() {
    let store = store();
    let tip = chain(&store, &[10]).map(|tip| Tip {
        base_bytes: u64::MAX,
        ..tip
    });
    let new = checkpoint(0, Some(10), 20);
    let first = write(&store, &folder(), tip.as_ref(), &new).unwrap();
    let second = write(&store, &folder(), tip.as_ref(), &new).unwrap();
    assert_eq!(first.tip, second.tip);
    assert_eq!(second.problem, None);
    assert_eq!(names(&store), ["10-base", "20-delta"]);
}

#[test]
fn a_delta_that_rests_on_something_else_is_not_relied_on() {
    let store = store();
    // The other writer's 15 is lost afterwards.
    chain(&store, &[10, 15, 20]);
    store.delete(&folder(), &[Name::Delta(Offset(15))]).unwrap();
    let tip = Tip {
        base_bytes: u64::MAX,
        ..Tip::base(Offset(0), Offset(10), 1)
    };
    let written = write(&store, &folder(), Some(&tip), &checkpoint(0, Some(10), 20)).unwrap();
    assert_eq!(written.tip.name, Name::Base(Offset(20)));
    assert_eq!(recovered(&store), (Some(20), Vec::new()));
}

#[test]
fn what_is_in_the_way_and_cannot_be_read_is_replaced_and_told() {
    let store = store();
    chain(&store, &[10]);
    damage(&store, Name::Base(Offset(10)), torn);
    let written = write(&store, &folder(), None, &checkpoint(0, None, 10)).unwrap();
    let problem = written.problem.unwrap();
    assert!(problem.contains("10-base: it is torn"), "{problem}");
    assert_eq!(recovered(&store), (Some(10), Vec::new()));
}

#[test]
fn a_checkpoint_of_another_start_is_not_taken_for_ones_own() {
    let store = store();
    chain(&store, &[10]);
    let error = write(&store, &folder(), None, &checkpoint(5, None, 10)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the checkpoint 00000000000000000010-base of t-0 is of records from offset 0 on, not 5; --reset \
         forgets it"
    );
}

#[test]
fn old_chains_go_and_the_kept_ones_stay_whole() {
    let store = store();
    for ends in [&[1, 2][..], &[3, 4], &[5, 6, 7], &[8], &[9, 10]] {
        chain(&store, ends);
    }
    assert_eq!(retire(&store, &folder()).unwrap(), 4);
    let kept = [
        "5-base", "6-delta", "7-delta", "8-base", "9-base", "10-delta",
    ];
    assert_eq!(names(&store), kept);
    assert_eq!(retire(&store, &folder()).unwrap(), 0);
    // Each of them is whole.
    for (damaged, next) in [(Name::Base(Offset(9)), 8), (Name::Base(Offset(8)), 7)] {
        damage(&store, damaged, torn);
        assert_eq!(recovered(&store).0, Some(next));
    }
}

#[test]
fn torn_chains_do_not_count_as_kept() {
    let store = store();
    for next in 1..=5 {
        chain(&store, &[next]);
    }
    for next in [3, 5] {
        damage(&store, Name::Base(Offset(next)), torn);
    }
    assert_eq!(retire(&store, &folder()).unwrap(), 0);
    assert_eq!(names(&store).len(), 5);
}

#[test]
fn a_crash_while_old_ones_go_leaves_no_half_of_a_chain() {
    let objects = Arc::new(faults::Faulty::default());
    let store = Store::new(Arc::clone(&objects) as _, Path::from("x"), "memory:///x").unwrap();
    for ends in [&[1, 2, 3][..], &[4], &[5], &[6]] {
        chain(&store, ends);
    }
    for left in [&["1-base", "2-delta"][..], &["1-base"], &[]] {
        objects.allow_deletes(Some(1));
        let _ = retire(&store, &folder());
        assert_eq!(
            names(&store),
            [left, &["4-base", "5-base", "6-base"]].concat()
        );
    }
}

#[test]
fn an_object_under_a_wrong_name_does_not_count_as_kept() {
    let store = store();
    for next in 1..=3 {
        chain(&store, &[next]);
    }
    let base = store
        .read(&folder(), Name::Base(Offset(3)))
        .unwrap()
        .unwrap();
    for next in 10..=12 {
        store
            .create(&folder(), Name::Base(Offset(next)), base.clone())
            .unwrap();
    }
    assert_eq!(retire(&store, &folder()).unwrap(), 0);
}

#[test]
fn where_reading_began_is_remembered() {
    let store = store();
    assert_eq!(fix_start(&store, &folder(), Offset(7)).unwrap(), Offset(7));
    assert_eq!(fix_start(&store, &folder(), Offset(9)).unwrap(), Offset(7));
    let other = Folder {
        partition: TopicPartition::new("t", 1),
        ..folder()
    };
    assert_eq!(fix_start(&store, &other, Offset(9)).unwrap(), Offset(9));
}

#[test]
fn a_start_that_cannot_be_read_is_not_guessed() {
    let store = store();
    store.create_start(&folder(), "torn".into()).unwrap();
    let error = fix_start(&store, &folder(), Offset(9)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "where reading of t-0 began cannot be read: it does not begin like a checkpoint; --reset begins \
         anew, without what has been kept"
    );
}

//! Tests of what is recovered after whatever has happened to the objects.

use super::*;

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
fn what_was_wrong_at_one_look_only_is_not_told() {
    let store = store();
    chain(&store, &[10, 13, 20]);
    let turn_a_bit = |mut bytes: Vec<u8>| {
        let last = bytes.len() - 20;
        bytes[last] ^= 1;
        bytes
    };
    let look = || recover(&store, &folder());
    damage(&store, Name::Delta(Offset(13)), turn_a_bit);
    assert_eq!(look_twice(look).unwrap().problems.len(), 1);
    let found = look_twice(|| {
        let found = look();
        // Back to what it was.
        damage(&store, Name::Delta(Offset(13)), turn_a_bit);
        found
    });
    let found = found.unwrap();
    assert_eq!(found.problems, Vec::<String>::new());
    assert_eq!(
        found.newest.map(|newest| newest.tip.next()),
        Some(Offset(20))
    );
}

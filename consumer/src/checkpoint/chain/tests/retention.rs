//! Which objects go, and which stay.

use super::*;

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
    let (faults, store) = faults::Faults::with_store();
    for ends in [&[1, 2, 3][..], &[4], &[5], &[6]] {
        chain(&store, ends);
    }
    for left in [&["1-base", "2-delta"][..], &["1-base"], &[]] {
        faults.allow_deletes(Some(1));
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

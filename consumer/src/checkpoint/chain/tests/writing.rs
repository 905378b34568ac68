//! Tests of what a writer writes on top of the objects of other writers.

use super::*;

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

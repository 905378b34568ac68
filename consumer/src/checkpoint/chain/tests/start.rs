//! Tests of the stored offset where reading began.

use super::*;

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

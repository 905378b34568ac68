//! Which topics checkpoints are of: each topic's id, in an object beside the partitions' folders.
//!
//! Not in the checkpoints themselves: an object's header knows no field more than it has, so that a program of the
//! release before would pass over all of them as damaged and begin with older ones. An object that it does not look for
//! does not mislead it; and what it keeps has no id only if the location has none, whose checkpoints take the first id
//! that is known. All of a location's checkpoints are of the same topics, so one object a topic is enough: created if
//! absent, so that of two processes that see different topics of one name only one goes on.

use super::fingerprint::Fingerprint;
use super::store::{Created, Store, StoreError};
use crate::position::TopicId;

/// The id of `topic` at the location, if one is kept that can be read.
///
/// # Errors
/// Fails if the store fails.
pub fn kept(
    store: &Store,
    fingerprint: Fingerprint,
    topic: &str,
) -> Result<Option<TopicId>, StoreError> {
    let kept = store.topic_id(fingerprint, topic)?;
    Ok(kept.and_then(|kept| TopicId::parse(str::from_utf8(&kept).ok()?.trim())))
}

/// Keeps `id` as that of `topic`, unless one is kept already; and tells which is. What is kept and cannot be read is no
/// reason not to go on: it stays, and says nothing.
///
/// # Errors
/// Fails if the store fails.
pub fn keep(
    store: &Store,
    fingerprint: Fingerprint,
    topic: &str,
    id: TopicId,
) -> Result<TopicId, StoreError> {
    let text = format!("{id}\n");
    match store.create_topic_id(fingerprint, topic, text.into())? {
        Created::New => Ok(id),
        Created::AlreadyThere => Ok(kept(store, fingerprint, topic)?.unwrap_or(id)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;

    fn id(number: i64) -> TopicId {
        TopicId::of_bits(0, number).unwrap()
    }

    fn fingerprint(number: u32) -> Fingerprint {
        format!("{number:016x}").parse().unwrap()
    }

    #[test]
    fn of_two_that_see_different_topics_of_one_name_the_first_is_kept() {
        let objects: Arc<InMemory> = Arc::default();
        let store =
            || Store::new(Arc::clone(&objects) as _, Path::from("x"), "memory:///x").unwrap();
        let query = fingerprint(1);
        assert_eq!(kept(&store(), query, "t").unwrap(), None);
        assert_eq!(keep(&store(), query, "t", id(1)).unwrap(), id(1));
        assert_eq!(keep(&store(), query, "t", id(2)).unwrap(), id(1));
        assert_eq!(kept(&store(), query, "t").unwrap(), Some(id(1)));
        // Another topic's, and another query's, are their own.
        assert_eq!(keep(&store(), query, "t.u", id(3)).unwrap(), id(3));
        assert_eq!(kept(&store(), fingerprint(2), "t").unwrap(), None);
        // They are no partitions, and a reset forgets them.
        assert!(store().partitions(query).unwrap().is_empty());
        store().forget(query).unwrap();
        assert_eq!(kept(&store(), query, "t").unwrap(), None);
    }

    #[test]
    fn an_id_that_cannot_be_read_says_nothing() {
        let objects: Arc<InMemory> = Arc::default();
        let store = Store::new(objects, Path::from("x"), "memory:///x").unwrap();
        let query = fingerprint(1);
        store.create_topic_id(query, "t", "torn".into()).unwrap();
        assert_eq!(kept(&store, query, "t").unwrap(), None);
        assert_eq!(keep(&store, query, "t", id(1)).unwrap(), id(1));
    }
}

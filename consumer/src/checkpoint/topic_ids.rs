//! The ids of the topics that checkpoints belong to. Each id is an object beside the partitions' folders.
//!
//! The ids are not in the checkpoints themselves. An object's header allows no unknown field, so the release before
//! would ignore all such checkpoints as damaged, and begin with older ones. It does not look for an object of ids, and
//! is not misled by it. A location has no ids if only that release has written to it; then its checkpoints take the
//! first id that is known. All checkpoints of a location are of the same topics, so one object for each topic is
//! enough. The object is created only if absent: if two processes see different topics of one name, only one of them
//! goes on.

use super::fingerprint::Fingerprint;
use super::store::{Created, Store, StoreError};
use crate::position::TopicId;

/// Returns the stored id of `topic`, if there is one that can be read.
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

/// Stores `id` as the id of `topic`, unless one is stored already, and returns the stored one. A stored id that cannot
/// be read does not stop the query: it stays, and is ignored.
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
        // Another topic and another query each have their own id.
        assert_eq!(keep(&store(), query, "t.u", id(3)).unwrap(), id(3));
        assert_eq!(kept(&store(), fingerprint(2), "t").unwrap(), None);
        // The ids are no partitions, and a reset deletes them.
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

//! Takes a location for one query, whose checkpoints it then stores.
//!
//! The object `current` names the query by its fingerprint. A process that comes with another query is told what
//! differs, and changes nothing. If several come to an empty location at once, one of them gets it.

use thiserror::Error;

use super::fingerprint::Fingerprint;
use super::identity::Description;
use super::store::{Current, Store, StoreError};
use crate::schema::{SchemaError, TableSchema};

/// Why a location cannot be used by a query.
#[derive(Debug, Error)]
pub enum LeaseError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The location stores another query's checkpoints.
    #[error(
        "CHECKPOINT_LOCATION={location}: it keeps the checkpoints of another query: {difference}; \
         --reset forgets them, or name another CHECKPOINT_LOCATION"
    )]
    OtherQuery {
        /// The location as it was set.
        location: String,
        /// How the queries differ, in words.
        difference: String,
    },
    /// Another process has changed `current` meanwhile.
    #[error(
        "CHECKPOINT_LOCATION={location}: another process has just taken it for another query; name \
         another CHECKPOINT_LOCATION, or stop that process and start again"
    )]
    Contended {
        /// The location as it was set.
        location: String,
    },
    /// The identity cannot be written as JSON.
    #[error("the query's identity cannot be written: {0}")]
    Identity(#[from] serde_json::Error),
}

/// Takes the location for the query that `own` describes, over a table of this schema, or finds that the query has it
/// already. Returns the fingerprint under which the query's checkpoints are stored: if an older release has begun them,
/// it is that release's fingerprint.
///
/// # Errors
/// Fails if the location stores another query's checkpoints, with the difference, or if the store fails.
pub fn take(
    store: &Store,
    own: &Description,
    schema: &TableSchema,
) -> Result<Fingerprint, LeaseError> {
    let Some(current) = store.current()? else {
        return write_current(store, None, own, schema);
    };
    let named = current.text.parse().ok();
    let stored = described(store, named)?;
    let (new, former) = (own.fingerprint()?, own.former_fingerprint()?);
    let taken = match (named, &stored) {
        (Some(named), Some(stored)) if own.is_same(stored) => {
            // From now on the query is found by its new identity, whatever the text of its plan becomes.
            let to_write = stored.is_former().then(|| own.beside(stored));
            Some((named, to_write))
        }
        (Some(named), None) if named == new => Some((named, Some(own.under_new_name()))),
        (Some(named), None) if named == former => Some((named, Some(own.clone()))),
        _ => None,
    };
    if let Some((fingerprint, to_write)) = taken {
        if let Some(description) = to_write {
            store.set_identity(fingerprint, serde_json::to_vec(&description)?.into())?;
        }
        keep_schema(store, fingerprint, schema)?;
        return Ok(fingerprint);
    }
    Err(LeaseError::OtherQuery {
        location: store.location().to_owned(),
        difference: match stored {
            Some(stored) => own.difference(&stored),
            None => format!("its description, {}, cannot be read", current.excerpt()),
        },
    })
}

/// Deletes everything that the location stores for its query and for the one that `own` describes, and takes the
/// location for the latter. No other process may be using it.
///
/// # Errors
/// Fails if the store fails, or another process takes the location at the same time.
pub fn reset(
    store: &Store,
    own: &Description,
    schema: &TableSchema,
) -> Result<Fingerprint, LeaseError> {
    let current = store.current()?;
    let named = current
        .as_ref()
        .and_then(|current| current.text.parse().ok());
    let own_names = [own.fingerprint()?, own.former_fingerprint()?];
    for fingerprint in named.into_iter().chain(own_names) {
        store.forget(fingerprint)?;
    }
    write_current(store, current.as_ref(), own, schema)
}

fn write_current(
    store: &Store,
    previous: Option<&Current>,
    own: &Description,
    schema: &TableSchema,
) -> Result<Fingerprint, LeaseError> {
    let fingerprint = own.fingerprint()?;
    // This comes before `current`, so that the query that `current` names can be explained, and planned again.
    let description = serde_json::to_vec(&own.under_new_name())?;
    store.set_identity(fingerprint, description.into())?;
    keep_schema(store, fingerprint, schema)?;
    if store.set_current(previous, &fingerprint.to_string())? {
        Ok(fingerprint)
    } else {
        Err(LeaseError::Contended {
            location: store.location().to_owned(),
        })
    }
}

/// Returns the description of a query, if it can be read.
pub(super) fn described(
    store: &Store,
    fingerprint: Option<Fingerprint>,
) -> Result<Option<Description>, StoreError> {
    let Some(fingerprint) = fingerprint else {
        return Ok(None);
    };
    let json = store.identity(fingerprint)?;
    Ok(json.and_then(|json| serde_json::from_slice(&json).ok()))
}

/// Returns the schema that the location's query had at its last start, if the query reads these topics, or an error in
/// it if the schema is damaged.
///
/// # Errors
/// Fails if the store fails.
pub fn kept_schema(
    store: &Store,
    topics: &[String],
) -> Result<Option<Result<TableSchema, SchemaError>>, StoreError> {
    let current = store.current()?;
    let fingerprint = current.and_then(|current| current.text.parse().ok());
    let is_of_topics = |kept: Description| {
        let mut topics = topics.to_vec();
        topics.sort();
        kept.topics() == topics
    };
    match fingerprint {
        Some(fingerprint) if described(store, Some(fingerprint))?.is_some_and(is_of_topics) => {
            let kept = store.schema(fingerprint)?;
            Ok(kept.map(|ddl| TableSchema::parse(&String::from_utf8_lossy(&ddl))))
        }
        _ => Ok(None),
    }
}

fn keep_schema(
    store: &Store,
    fingerprint: Fingerprint,
    schema: &TableSchema,
) -> Result<(), StoreError> {
    let ddl = schema.to_string();
    if store.schema(fingerprint)?.as_deref() == Some(ddl.as_bytes()) {
        return Ok(());
    }
    store.set_schema(fingerprint, ddl.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;
    use crate::checkpoint::name::{Folder, Name};
    use crate::engine::query::Query;
    use crate::position::{Offset, TopicPartition};
    use crate::schema::TableSchema;

    fn store() -> Store {
        Store::new(Arc::new(InMemory::new()), Path::from("x"), "memory:///x").unwrap()
    }

    fn schema() -> TableSchema {
        TableSchema::parse("amount DOUBLE").unwrap()
    }

    /// The query of one aggregate of `amount`.
    fn identity(aggregate: &str) -> Description {
        let sql = format!("SELECT {aggregate}(amount) FROM transactions");
        let query = Query::plan(&sql, schema().table(), &[]).unwrap();
        Description::of(&query, &["t".to_owned()], schema().columns())
    }

    fn take(store: &Store, identity: &Description) -> Result<Fingerprint, LeaseError> {
        super::take(store, identity, &schema())
    }

    fn reset(store: &Store, identity: &Description) -> Result<Fingerprint, LeaseError> {
        super::reset(store, identity, &schema())
    }

    #[test]
    fn a_query_finds_its_own_location_again() {
        let store = store();
        let fingerprint = take(&store, &identity("sum")).unwrap();
        assert_eq!(take(&store, &identity("sum")).unwrap(), fingerprint);
        assert_eq!(
            store.current().unwrap().unwrap().text,
            fingerprint.to_string()
        );
    }

    #[test]
    fn another_query_is_told_the_difference_and_the_way_on() {
        let store = store();
        let kept = take(&store, &identity("sum")).unwrap();
        let error = take(&store, &identity("avg")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CHECKPOINT_LOCATION=memory:///x: it keeps the checkpoints of another query: its aggregate \
             is sum(amount), this query's avg(amount); --reset forgets them, or name another CHECKPOINT_LOCATION"
        );
        assert_eq!(store.current().unwrap().unwrap().text, kept.to_string());
    }

    #[test]
    fn a_query_that_cannot_be_described_is_another_one() {
        let store = store();
        assert!(store.set_current(None, "rubbish").unwrap());
        let error = take(&store, &identity("sum")).unwrap_err().to_string();
        assert!(error.contains("rubbish, cannot be read"), "{error}");
    }

    #[test]
    fn a_description_that_is_lost_is_written_again() {
        let store = store();
        let fingerprint = take(&store, &identity("sum")).unwrap();
        store.set_identity(fingerprint, "torn{".into()).unwrap();
        assert_eq!(take(&store, &identity("sum")).unwrap(), fingerprint);
        let error = take(&store, &identity("avg")).unwrap_err().to_string();
        assert!(error.contains("its aggregate is sum"), "{error}");
    }

    #[test]
    fn after_a_reset_the_location_is_another_querys() {
        let store = store();
        let old = take(&store, &identity("sum")).unwrap();
        let new = reset(&store, &identity("avg")).unwrap();
        assert_eq!(take(&store, &identity("avg")).unwrap(), new);
        assert!(store.identity(old).unwrap().is_none());
        assert!(take(&store, &identity("sum")).is_err());
    }

    #[test]
    fn a_schema_is_that_of_the_last_start_until_a_reset() {
        let store = store();
        let topics = ["t".to_owned()];
        let kept = || kept_schema(&store, &topics).unwrap();
        assert!(kept().is_none());
        let sum = identity("sum");
        for ddl in [
            "amount DOUBLE",
            "`a b` DECIMAL(18,2), s STRUCT<x: BIGINT NOT NULL>, amount DOUBLE",
        ] {
            let schema = TableSchema::parse(ddl).unwrap();
            super::take(&store, &sum, &schema).unwrap();
            assert_eq!(kept(), Some(Ok(schema)));
        }
        assert!(super::take(&store, &identity("avg"), &schema()).is_err());
        assert_ne!(kept(), Some(Ok(schema())), "of another query");
        super::reset(&store, &identity("avg"), &schema()).unwrap();
        assert_eq!(kept(), Some(Ok(schema())));
        let others = kept_schema(&store, &["t".to_owned(), "u".to_owned()]);
        assert!(others.unwrap().is_none(), "of other topics");
    }

    #[test]
    fn a_schema_that_is_damaged_is_written_again() {
        let store = store();
        let topics = ["t".to_owned()];
        let fingerprint = take(&store, &identity("sum")).unwrap();
        store.set_schema(fingerprint, "torn STR".into()).unwrap();
        assert!(kept_schema(&store, &topics).unwrap().unwrap().is_err());
        take(&store, &identity("sum")).unwrap();
        let kept = kept_schema(&store, &topics).unwrap();
        assert_eq!(kept, Some(Ok(schema())));
    }

    #[test]
    fn two_queries_of_one_fingerprint_are_told_apart() {
        let store = store();
        let fingerprint = take(&store, &identity("sum")).unwrap();
        let other = serde_json::to_vec(&identity("avg")).unwrap();
        store.set_identity(fingerprint, other.into()).unwrap();
        let error = take(&store, &identity("sum")).unwrap_err().to_string();
        assert!(error.contains("its aggregate is avg"), "{error}");
    }

    #[test]
    fn after_a_reset_nothing_is_left_of_earlier_times() {
        let store = store();
        let folder = |fingerprint| Folder {
            fingerprint,
            partition: TopicPartition::new("t", 0),
        };
        let own = take(&store, &identity("sum")).unwrap();
        let base = Name::Base(Offset(1));
        store.create(&folder(own), base, "old".into()).unwrap();
        let current = store.current().unwrap();
        store
            .set_current(current.as_ref(), "of another time")
            .unwrap();
        reset(&store, &identity("sum")).unwrap();
        assert!(store.list(&folder(own)).unwrap().is_empty());
    }
}

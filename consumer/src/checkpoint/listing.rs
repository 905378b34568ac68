//! Lists what a location stores, for people who want to see it.
//!
//! The listing is made without the query: only the query's own aggregates know what the rows of a state mean together.
//! Nothing is written, so it may be made while a query runs.

use std::collections::HashSet;

use arrow::array::RecordBatch;
use arrow::row::{RowConverter, SortField};
use chrono::{DateTime, Utc};
use thiserror::Error;

use super::aggregate::Aggregate;
use super::chain::{self, Newest, Recovered};
use super::fingerprint::Fingerprint;
use super::lease;
use super::name::Folder;
use super::store::{Store, StoreError};
use crate::position::{Offset, TopicPartition};

/// Everything that a location stores.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The location as it was set.
    pub location: String,
    /// The query whose checkpoints the location stores.
    pub query: ListedQuery,
    /// The partitions, in their order.
    pub partitions: Vec<ListedPartition>,
}

/// A query whose checkpoints a location stores.
#[derive(Clone, Debug)]
pub struct ListedQuery {
    /// The fingerprint by which the location names the query.
    pub fingerprint: Fingerprint,
    /// The query in words; `None` if its description cannot be read.
    pub described: Option<Described>,
}

/// The description of a query in words.
#[derive(Clone, Debug)]
pub struct Described {
    /// The topics that it reads.
    pub topics: Vec<String>,
    /// The aggregate that its state holds.
    pub aggregate: Aggregate,
}

/// The checkpoints of one partition.
#[derive(Clone, Debug)]
pub struct ListedPartition {
    /// The partition that is listed.
    pub partition: TopicPartition,
    /// The newest checkpoint that can be recovered, if there is one.
    pub newest: Option<ListedState>,
    /// The problems with objects that cannot be read, in words, one for each object.
    pub problems: Vec<String>,
}

/// A checkpoint that can be recovered.
#[derive(Clone, Debug)]
pub struct ListedState {
    /// Where reading of the partition began.
    pub start: Offset,
    /// The offset of the first record that is not in the state.
    pub next: Offset,
    /// The partition's watermark there, in microseconds since 1970 UTC.
    pub watermark: Option<i64>,
    /// The number of groups; `None` if the rows do not tell.
    pub groups: Option<u64>,
    /// The number of rows that the groups are stored in. A group has one row in each layer that has the group.
    pub rows: u64,
    /// The bytes of the base and all deltas.
    pub bytes: u64,
    /// The number of deltas that rest on the base.
    pub deltas: usize,
    /// When the newest of these objects was written, by the store's clock; `None` if the object is gone by now.
    pub written: Option<DateTime<Utc>>,
}

/// The newest state of one partition, with its rows.
#[derive(Clone, Debug)]
pub struct ShownState {
    /// The partition whose state it is.
    pub partition: TopicPartition,
    /// The state's offsets and sizes.
    pub state: ListedState,
    /// The rows as they are stored, the base's first: the groups' keys, and the values that their aggregates store.
    pub rows: Vec<RecordBatch>,
    /// The problems with newer objects that cannot be read, in words.
    pub problems: Vec<String>,
}

/// Why nothing can be listed.
#[derive(Debug, Error)]
pub enum ListingError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The location stores nothing.
    #[error(
        "CHECKPOINT_LOCATION={location}: no checkpoints are kept there; name the location that a query \
         was started with"
    )]
    Nothing {
        /// The location as it was set.
        location: String,
    },
    /// The object `current` is damaged.
    #[error(
        "CHECKPOINT_LOCATION={location}: its file `current` names no query: {text}; --reset, with a query, \
         begins anew"
    )]
    NoQuery {
        /// The location as it was set.
        location: String,
        /// The text of `current`.
        text: String,
    },
    /// The location has no such partition.
    #[error(
        "CHECKPOINT_LOCATION={location}: nothing is kept of {partition}; there is {}",
        names(.there)
    )]
    NoPartition {
        /// The location as it was set.
        location: String,
        /// The partition that was asked for.
        partition: TopicPartition,
        /// The partitions that there are.
        there: Vec<TopicPartition>,
    },
    /// The partition has no state.
    #[error(
        "CHECKPOINT_LOCATION={location}: {partition} has no checkpoint that can be read{}",
        reasons(.problems)
    )]
    NoState {
        /// The location as it was set.
        location: String,
        /// The partition that was asked for.
        partition: TopicPartition,
        /// The problems with the objects that there are.
        problems: Vec<String>,
    },
}

impl ListingError {
    /// Returns whether the user has asked for something that does not exist.
    pub fn is_wrong_usage(&self) -> bool {
        matches!(self, Self::Nothing { .. } | Self::NoPartition { .. })
    }
}

fn names(there: &[TopicPartition]) -> String {
    match there {
        [] => "nothing yet".to_owned(),
        some => {
            let names: Vec<_> = some.iter().map(ToString::to_string).collect();
            names.join(", ")
        }
    }
}

fn reasons(problems: &[String]) -> String {
    match problems {
        [] => " yet".to_owned(),
        some => format!(": {}", some.join("; ")),
    }
}

/// Lists what the location stores. This reads each partition's newest state, one after the other.
///
/// # Errors
/// Fails if the store does not answer, or if the location stores nothing.
pub fn list(store: &Store) -> Result<Listing, ListingError> {
    let query = query(store)?;
    let mut partitions = Vec::new();
    for partition in store.partitions(query.fingerprint)? {
        let recovered = look(store, &query, &partition)?;
        let newest = match &recovered.newest {
            None => None,
            Some(newest) => Some(kept(store, &query, &partition, newest)?),
        };
        partitions.push(ListedPartition {
            partition,
            newest,
            problems: recovered.problems,
        });
    }
    Ok(Listing {
        location: store.location().to_owned(),
        query,
        partitions,
    })
}

/// Reads the newest state of a partition.
///
/// # Errors
/// Fails if the store does not answer, or if there is no state.
pub fn show(store: &Store, partition: &TopicPartition) -> Result<ShownState, ListingError> {
    let query = query(store)?;
    let there = store.partitions(query.fingerprint)?;
    let location = || store.location().to_owned();
    if !there.contains(partition) {
        return Err(ListingError::NoPartition {
            location: location(),
            partition: partition.clone(),
            there,
        });
    }
    let Recovered { newest, problems } = look(store, &query, partition)?;
    let Some(newest) = newest else {
        return Err(ListingError::NoState {
            location: location(),
            partition: partition.clone(),
            problems,
        });
    };
    Ok(ShownState {
        partition: partition.clone(),
        state: kept(store, &query, partition, &newest)?,
        rows: newest.batches,
        problems,
    })
}

fn query(store: &Store) -> Result<ListedQuery, ListingError> {
    let location = || store.location().to_owned();
    let current = store.current()?.ok_or_else(|| ListingError::Nothing {
        location: location(),
    })?;
    let fingerprint = current.text.parse().map_err(|_| ListingError::NoQuery {
        location: location(),
        text: current.excerpt(),
    })?;
    let identity = lease::described(store, Some(fingerprint))?;
    Ok(ListedQuery {
        fingerprint,
        described: identity.map(|identity| Described {
            topics: identity.topics().to_vec(),
            aggregate: Aggregate::of_plan(identity.aggregate()),
        }),
    })
}

fn folder(query: &ListedQuery, partition: &TopicPartition) -> Folder {
    Folder {
        fingerprint: query.fingerprint,
        partition: partition.clone(),
    }
}

fn look(
    store: &Store,
    query: &ListedQuery,
    partition: &TopicPartition,
) -> Result<Recovered, StoreError> {
    let folder = folder(query, partition);
    chain::look_twice(|| chain::recover(store, &folder))
}

fn kept(
    store: &Store,
    query: &ListedQuery,
    partition: &TopicPartition,
    newest: &Newest,
) -> Result<ListedState, StoreError> {
    let objects = store.list(&folder(query, partition))?;
    let tip = &newest.tip;
    let object = objects.iter().find(|stored| stored.name == tip.name);
    let rows: usize = newest.batches.iter().map(RecordBatch::num_rows).sum();
    let described = query.described.as_ref();
    Ok(ListedState {
        start: tip.start,
        next: tip.next(),
        watermark: newest.watermark,
        groups: described.and_then(|described| groups(&newest.batches, &described.aggregate)),
        rows: rows as u64,
        bytes: tip.base_bytes + tip.delta_bytes,
        deltas: tip.deltas,
        written: object.map(|stored| stored.written),
    })
}

/// Returns how many groups the rows stand for, if the keys are known.
fn groups(batches: &[RecordBatch], aggregate: &Aggregate) -> Option<u64> {
    let mut batches = batches.iter().filter(|batch| batch.num_rows() > 0);
    let Some(first) = batches.next() else {
        return Some(0);
    };
    let schema = first.schema();
    let keys = aggregate.keys_of(&schema)?;
    if keys == 0 {
        return Some(1);
    }
    let fields = &schema.fields()[..keys];
    let fields = fields
        .iter()
        .map(|field| SortField::new(field.data_type().clone()));
    let converter = RowConverter::new(fields.collect()).ok()?;
    let mut groups: HashSet<Box<[u8]>> = HashSet::new();
    for batch in std::iter::once(first).chain(batches) {
        let rows = converter.convert_columns(&batch.columns()[..keys]).ok()?;
        for row in &rows {
            if !groups.contains(row.as_ref()) {
                groups.insert(row.as_ref().into());
            }
        }
    }
    Some(groups.len() as u64)
}

#[cfg(test)]
mod tests;

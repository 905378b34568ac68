//! What is kept at a location, for those who want to see it.
//!
//! It is read without the query: what a state's rows mean together only the query's own aggregates know.
//! Nothing is written, so it may be read while a query runs.

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

/// All that is kept at a location.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The location as it was set.
    pub location: String,
    /// The query that it is kept for.
    pub query: ListedQuery,
    /// In their order.
    pub partitions: Vec<ListedPartition>,
}

/// The query that checkpoints are kept for.
#[derive(Clone, Debug)]
pub struct ListedQuery {
    /// The fingerprint by which the location names the query.
    pub fingerprint: Fingerprint,
    /// What it stands for; `None` if its description cannot be read.
    pub described: Option<Described>,
}

/// What is kept of a query's text.
#[derive(Clone, Debug)]
pub struct Described {
    /// What it reads.
    pub topics: Vec<String>,
    /// What it keeps.
    pub aggregate: Aggregate,
}

/// What is kept of one partition.
#[derive(Clone, Debug)]
pub struct ListedPartition {
    /// The partition that is listed.
    pub partition: TopicPartition,
    /// The newest checkpoint that can be recovered, if there is one.
    pub newest: Option<ListedState>,
    /// Objects that cannot be, in words, one for each.
    pub problems: Vec<String>,
}

/// A checkpoint that can be recovered.
#[derive(Clone, Debug)]
pub struct ListedState {
    /// Where reading of the partition began.
    pub start: Offset,
    /// The offset of the first record that is not in it.
    pub next: Offset,
    /// The partition's watermark there, in microseconds since 1970 UTC.
    pub watermark: Option<i64>,
    /// How many groups it has; `None` where the rows do not tell.
    pub groups: Option<u64>,
    /// The rows that they stand in. A group has one in each layer that knows of it.
    pub rows: u64,
    /// The size of the base and all deltas.
    pub bytes: u64,
    /// How many deltas rest on the base.
    pub deltas: usize,
    /// When the newest of them was written, by the store's clock; `None` if it is gone by now.
    pub written: Option<DateTime<Utc>>,
}

/// The newest state of one partition, with its rows.
#[derive(Clone, Debug)]
pub struct ShownState {
    /// The partition whose state it is.
    pub partition: TopicPartition,
    /// Where it stands.
    pub state: ListedState,
    /// Its rows as they are stored, the base's first: the groups' keys, and what their aggregates keep.
    pub rows: Vec<RecordBatch>,
    /// Newer objects that cannot be read, in words.
    pub problems: Vec<String>,
}

/// Why nothing can be listed.
#[derive(Debug, Error)]
pub enum ListingError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing.
    #[error(
        "CHECKPOINT_LOCATION={location}: no checkpoints are kept there; name the location that a query \
         was started with"
    )]
    Nothing {
        /// The location as it was set.
        location: String,
    },
    /// `current` is damaged.
    #[error(
        "CHECKPOINT_LOCATION={location}: its file `current` names no query: {text}; --reset, with a query, \
         begins anew"
    )]
    NoQuery {
        /// The location as it was set.
        location: String,
        /// What is in the file.
        text: String,
    },
    /// There is no such partition.
    #[error(
        "CHECKPOINT_LOCATION={location}: nothing is kept of {partition}; there is {}",
        names(.there)
    )]
    NoPartition {
        /// The location as it was set.
        location: String,
        /// The partition that was asked for.
        partition: TopicPartition,
        /// What there is.
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
        /// What is wrong with those that there are.
        problems: Vec<String>,
    },
}

impl ListingError {
    /// Whether something was asked for that is not there.
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

/// Lists what is kept. Each partition's newest state is read for it, one after the other.
///
/// # Errors
/// Fails if the store does not answer, or there is nothing.
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
/// Fails if the store does not answer, or there is none.
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

/// How many groups the rows stand for, if the keys are known.
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

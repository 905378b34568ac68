//! The kept groups of one partition's aggregate, in layers.
//!
//! A batch's groups come as a layer on top. Layers are merged when the one below is not at least twice
//! as large, so that there are never more than the logarithm of the groups, and a batch costs in the
//! long run what its own groups cost, however many are kept: the way of a log-structured merge tree,
//! with the aggregate's own merge. A group may so stand in several layers; every reader of a state
//! merges anyway. A state of few groups is always one layer.
//!
//! Merging large layers takes longer than all else that a batch does, and nothing depends on it. So a batch
//! does only what is soon done ([`State::with_batch`]), and the rest comes when nobody waits
//! ([`State::compacted`]).
//!
//! A state is a value: a merge makes a new one that shares what has not changed. Where a query shows only
//! what changes, each layer has an index, so that a batch looks up its own groups and no others.

mod index;

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion_common::DataFusionError;

use super::memory::bytes_of;
use super::query::Query;

pub use self::index::{Index, hashes_of};

/// Below this many groups layers are not worth keeping apart.
const ONE_LAYER: usize = 4096;

/// So many groups are merged while a batch waits: that takes about a millisecond.
const MERGED_AT_ONCE: usize = 4 * ONE_LAYER;

/// The state of one partition. The default is that of no records.
#[derive(Clone, Debug, Default)]
pub struct State {
    layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
struct Layer {
    batches: Vec<RecordBatch>,
    groups: usize,
    bytes: usize,
    /// Of a query that looks groups up.
    index: Option<Arc<Index>>,
}

impl Layer {
    fn of(query: &Query, batches: Vec<RecordBatch>) -> Result<Self, DataFusionError> {
        let index = match query.looked_up_by() {
            Some(keys) => Some(Index::of(&batches, keys.fields().len(), query.memory())?),
            None => None,
        };
        Ok(Self {
            groups: rows_of(&batches),
            bytes: bytes_of(&batches) + index.as_ref().map_or(0, Index::bytes),
            index: index.map(Arc::new),
            batches,
        })
    }
}

/// Whether a layer should be merged with the one on top of it.
fn is_due(below: usize, top: usize) -> bool {
    below + top <= ONE_LAYER || below < 2 * top
}

fn rows_of(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

impl State {
    /// The state that these groups make; one may come several times.
    ///
    /// # Errors
    /// If merging fails.
    pub fn of(query: &Query, groups: Vec<RecordBatch>) -> Result<Self, DataFusionError> {
        if groups.is_empty() {
            return Ok(Self::default());
        }
        let layers = vec![Layer::of(query, query.reduce(groups)?)?];
        Ok(Self { layers })
    }

    /// This state and the groups of one more batch, each of them once in `groups`, merged as far as they should be.
    ///
    /// # Errors
    /// If merging fails, for instance with an overflow.
    pub fn merged(&self, query: &Query, groups: Vec<RecordBatch>) -> Result<Self, DataFusionError> {
        self.put(query, groups, usize::MAX)
    }

    /// The same, but where that would take long it is left to [`compacted`](Self::compacted), or else to the next
    /// batch. Not where memory is scarce: until then a group may be held twice.
    ///
    /// # Errors
    /// As of [`merged`](Self::merged).
    pub fn with_batch(
        &self,
        query: &Query,
        groups: Vec<RecordBatch>,
    ) -> Result<Self, DataFusionError> {
        let most = match query.has_memory_to_spare() {
            true => MERGED_AT_ONCE,
            false => usize::MAX,
        };
        self.put(query, groups, most)
    }

    fn put(
        &self,
        query: &Query,
        groups: Vec<RecordBatch>,
        most: usize,
    ) -> Result<Self, DataFusionError> {
        // What was left once is not left again: else layers would become more and more.
        match self.compacted(query)? {
            Some(compacted) => compacted.with_top(query, groups, most),
            None => self.with_top(query, groups, most),
        }
    }

    /// This state after the merges that were left; `None` if none were.
    ///
    /// # Errors
    /// As of [`merged`](Self::merged).
    pub fn compacted(&self, query: &Query) -> Result<Option<Self>, DataFusionError> {
        let Some(below) = self.due_merge() else {
            return Ok(None);
        };
        let (kept, above) = self.layers.split_at(below + 1);
        let kept = Self {
            layers: kept.to_vec(),
        };
        let batches = above.iter().flat_map(|layer| layer.batches.iter().cloned());
        let top = match above {
            [_one] => batches.collect(),
            _ => query.reduce(batches)?,
        };
        kept.with_top(query, top, usize::MAX).map(Some)
    }

    /// The lowest layer that should be merged with what is above it.
    fn due_merge(&self) -> Option<usize> {
        self.layers
            .windows(2)
            .position(|two| is_due(two[0].groups, two[1].groups))
    }

    /// With `groups` on top, merged with what is below as far as they should be, but with no more than `most`.
    fn with_top(
        &self,
        query: &Query,
        groups: Vec<RecordBatch>,
        most: usize,
    ) -> Result<Self, DataFusionError> {
        let mut layers = self.layers.clone();
        let mut rows = rows_of(&groups);
        let mut top = groups;
        while let Some(below) = layers
            .pop_if(|below| is_due(below.groups, rows) && below.groups.saturating_add(rows) <= most)
        {
            top = query.reduce(below.batches.into_iter().chain(top))?;
            rows = rows_of(&top);
        }
        layers.push(Layer::of(query, top)?);
        Ok(Self { layers })
    }

    /// All layers' groups; one may come several times.
    pub fn batches(&self) -> impl Iterator<Item = RecordBatch> + '_ {
        self.layers
            .iter()
            .flat_map(|layer| layer.batches.iter().cloned())
    }

    /// Each layer's groups and the index over them, which a query that looks groups up has made.
    pub(super) fn indexed(
        &self,
    ) -> impl Iterator<Item = (&[RecordBatch], Result<&Index, DataFusionError>)> {
        self.layers.iter().map(|layer| {
            let index = layer.index.as_deref().ok_or_else(|| {
                DataFusionError::Internal("groups are looked up without an index".to_owned())
            });
            (layer.batches.as_slice(), index)
        })
    }

    /// How many groups are kept; one may come several times.
    pub fn groups(&self) -> usize {
        self.layers.iter().map(|layer| layer.groups).sum()
    }

    /// Bytes that the groups take.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(|layer| layer.bytes).sum()
    }
}

//! The groups of one partition's aggregate, stored in layers.
//!
//! A batch's groups are added as a layer on top. Two layers are merged unless the lower one is at least twice as large.
//! So the number of layers is at most the logarithm of the number of groups, and in the long run a batch costs what its
//! own groups cost, however many groups the state has. This is a log-structured merge tree that merges by the
//! aggregate's own merge. A group may therefore stand in several layers, which does no harm: every reader of a state
//! merges anyway. A state of few groups is always one layer.
//!
//! The merge of large layers takes longer than everything else in a batch, and no result depends on it. So a batch does
//! only the short merges ([`State::with_batch`]), and the worker does the others when it is idle
//! ([`State::compacted`]).
//!
//! A state is a value: a merge makes a new state, which shares the unchanged layers with the old one. If a query shows
//! only the groups that change, each layer has an index, so that a batch looks up its own groups and no others.

mod index;

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion_common::DataFusionError;

use super::memory::bytes_of;
use super::query::Query;

pub use self::index::{Index, hashes_of};

/// Up to this number of groups, it is not worth having separate layers.
const ONE_LAYER: usize = 4096;

/// The most groups that are merged while a batch waits, which takes about a millisecond.
const MERGED_AT_ONCE: usize = 4 * ONE_LAYER;

/// The state of one partition. The default is the state of no records.
#[derive(Clone, Debug, Default)]
pub struct State {
    layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
struct Layer {
    batches: Vec<RecordBatch>,
    groups: usize,
    bytes: usize,
    /// The index over the groups, if the query looks groups up.
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

/// Returns whether a layer should be merged with the one on top of it.
fn is_due(below: usize, top: usize) -> bool {
    below + top <= ONE_LAYER || below < 2 * top
}

fn rows_of(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

impl State {
    /// Makes the state of these groups. A group may come several times.
    ///
    /// # Errors
    /// Fails if merging fails.
    pub fn of(query: &Query, groups: Vec<RecordBatch>) -> Result<Self, DataFusionError> {
        if groups.is_empty() {
            return Ok(Self::default());
        }
        let layers = vec![Layer::of(query, query.reduce(groups)?)?];
        Ok(Self { layers })
    }

    /// Returns this state with the groups of one more batch, in which each group comes once, and does all merges that
    /// are due.
    ///
    /// # Errors
    /// Fails if merging fails, for instance with an overflow.
    pub fn merged(&self, query: &Query, groups: Vec<RecordBatch>) -> Result<Self, DataFusionError> {
        self.put(query, groups, usize::MAX)
    }

    /// Does the same as [`merged`](Self::merged), but leaves long merges to [`compacted`](Self::compacted) or to the
    /// next batch. If memory is scarce it leaves none, because a group may be held twice until its layers are merged.
    ///
    /// # Errors
    /// Fails for the same reasons as [`merged`](Self::merged).
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
        // A merge that was left once is not left again. Otherwise there would be more and more layers.
        match self.compacted(query)? {
            Some(compacted) => compacted.with_top(query, groups, most),
            None => self.with_top(query, groups, most),
        }
    }

    /// Returns this state after the merges that were left, or `None` if none were.
    ///
    /// # Errors
    /// Fails for the same reasons as [`merged`](Self::merged).
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

    /// Returns the lowest layer that should be merged with the layer above it.
    fn due_merge(&self) -> Option<usize> {
        self.layers
            .windows(2)
            .position(|two| is_due(two[0].groups, two[1].groups))
    }

    /// Returns the state with `groups` on top, after the merges that are due and involve at most `most` groups each.
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

    /// Returns the groups of all layers. A group may come several times.
    pub fn batches(&self) -> impl Iterator<Item = RecordBatch> + '_ {
        self.layers
            .iter()
            .flat_map(|layer| layer.batches.iter().cloned())
    }

    /// Returns each layer's groups and the index over them. Only the states of a query that looks groups up have
    /// indices.
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

    /// Returns the number of groups in all layers. A group may count several times.
    pub fn groups(&self) -> usize {
        self.layers.iter().map(|layer| layer.groups).sum()
    }

    /// Returns the number of bytes that the groups and their indices take.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(|layer| layer.bytes).sum()
    }
}

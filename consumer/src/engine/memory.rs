//! The memory that a query holds, counted in one pool against its limit.
//!
//! DataFusion's operators reserve what their tables grow to, a chunk of records at a time. Arrow's arrays that outlive
//! an operator (states, the groups of a batch, gathered rows, results that wait to be shown) are claimed when they are
//! made. A buffer counts once, however many arrays share it, until the last of them is dropped. No counting is done for
//! single records.
//!
//! Two fifths of the counted memory are for states and for what is being built. Beyond them, partitions hand over
//! before they take more records. The rest is for merging and for computing the result, which need the groups a second
//! time beside those of the states, and for results that are being shown, which delay no partition. A query that needs
//! more ends with an error. Nothing is written to disk, since a state that has to be read back for each batch would be
//! of no use.
//!
//! A quarter of the limit is not counted at all: a table counts what it has grown to and not what it needs while it
//! doubles, and the allocator does not return all the memory that it is given back.

use std::collections::HashSet;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow::array::{Array, ArrayData, RecordBatch};
use datafusion_common::{DataFusionError, Result};
use datafusion_execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion_execution::memory_pool::arrow::ArrowMemoryPool;
use datafusion_execution::memory_pool::{
    GreedyMemoryPool, MemoryConsumer, MemoryPool, MemoryReservation, UnboundedMemoryPool,
};
use datafusion_execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

/// The memory of one query, shared by all of its workers. The default has no limit.
#[derive(Clone, Debug)]
pub struct Memory {
    pool: Arc<dyn MemoryPool>,
    arrays: Arc<ArrowMemoryPool>,
    /// Counts the results that are being shown.
    shown: Arc<dyn MemoryPool>,
    shown_arrays: Arc<ArrowMemoryPool>,
    limit: Option<usize>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Memory {
    /// Returns a memory of at most this many bytes; `None` sets no limit.
    pub fn new(limit: Option<u64>) -> Self {
        let limit = limit.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let pool: Arc<dyn MemoryPool> = match limit {
            Some(bytes) => Arc::new(GreedyMemoryPool::new(countable(bytes))),
            None => Arc::new(UnboundedMemoryPool::default()),
        };
        let arrays = ArrowMemoryPool::new(Arc::clone(&pool), MemoryConsumer::new("arrays"));
        let shown: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let results = ArrowMemoryPool::new(Arc::clone(&shown), MemoryConsumer::new("results"));
        Self {
            pool,
            arrays: Arc::new(arrays),
            shown,
            shown_arrays: Arc::new(results),
            limit,
        }
    }

    /// Returns the number of bytes held now, without results that are being shown.
    pub fn held(&self) -> usize {
        self.pool.reserved()
    }

    /// Returns the number of bytes of results that are being shown.
    pub fn shown(&self) -> usize {
        self.shown.reserved()
    }

    /// Returns the most bytes that the query may take.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Returns whether this many bytes are so large a part of the limit that waiting for them is worthwhile.
    pub fn is_much(&self, bytes: usize) -> bool {
        self.limit.is_some_and(|limit| bytes >= limit / 16)
    }

    /// Returns the part of the limit that is for states and for what is being built.
    pub fn room(&self) -> Option<usize> {
        self.limit.map(|limit| countable(limit) / 5 * 2)
    }

    /// Returns a reservation for something that is not an array. It is empty at first, and is given back when it is
    /// dropped.
    pub fn reserve(&self, what: &str) -> MemoryReservation {
        MemoryConsumer::new(what).register(&self.pool)
    }

    /// Counts `batches` from now on, until nobody holds their buffers any more.
    ///
    /// # Errors
    /// Fails if more memory than allowed is then held.
    pub fn claim(&self, batches: &[RecordBatch]) -> Result<()> {
        for batch in batches {
            batch.claim(self.arrays.as_ref());
        }
        let most = self.limit.map_or(usize::MAX, countable);
        if self.held() > most {
            let reason = format!("{} bytes are held, {most} may be", self.held());
            return Err(DataFusionError::ResourcesExhausted(reason));
        }
        Ok(())
    }

    /// Counts the results that are being shown as held, while another result is computed.
    ///
    /// # Errors
    /// Fails if more memory than allowed is then held.
    pub(super) fn reserve_shown(&self) -> Result<MemoryReservation> {
        let shown = self.reserve("results that are being shown");
        shown.try_grow(self.shown())?;
        Ok(shown)
    }

    /// Counts `result` as shown from now on, and no longer as held.
    pub(super) fn give_out(&self, result: &RecordBatch) {
        result.claim(self.shown_arrays.as_ref());
    }

    /// Makes an environment whose operators count in this memory and have no disk to spill to.
    ///
    /// # Errors
    /// Fails if DataFusion cannot make the environment.
    pub(super) fn runtime(&self) -> Result<Arc<RuntimeEnv>> {
        let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
        RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::clone(&self.pool))
            .with_disk_manager_builder(disk)
            .build_arc()
    }
}

/// Returns the part of a limit up to which memory is counted.
fn countable(limit: usize) -> usize {
    limit - limit / 4
}

/// Returns whether this is the error of a computation that the memory limit does not allow.
pub fn is_exhausted(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

/// Returns the number of bytes of the buffers of `batches`. Each buffer counts once, however many slices share it.
pub fn bytes_of(batches: &[RecordBatch]) -> usize {
    let mut seen = HashSet::new();
    let columns = batches.iter().flat_map(RecordBatch::columns);
    columns
        .map(|column| unseen(&column.to_data(), &mut seen))
        .sum()
}

fn unseen(data: &ArrayData, seen: &mut HashSet<NonNull<u8>>) -> usize {
    let nulls = data.nulls().map(|nulls| nulls.buffer());
    let buffers = data.buffers().iter().chain(nulls);
    let own: usize = buffers
        .filter(|buffer| seen.insert(buffer.data_ptr()))
        .map(|buffer| buffer.capacity())
        .sum();
    let children = data.child_data().iter();
    own + children.map(|child| unseen(child, seen)).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    fn batch(rows: i64) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        RecordBatch::try_from_iter([("n", column)]).unwrap()
    }

    #[test]
    fn a_buffer_counts_once_until_nobody_has_it() {
        let memory = Memory::new(Some(1 << 20));
        let whole = batch(1000);
        let halves = [whole.slice(0, 500), whole.slice(500, 500)];
        memory.claim(std::slice::from_ref(&whole)).unwrap();
        memory.claim(&halves).unwrap();
        assert_eq!(memory.held(), bytes_of(&halves));
        assert!((8_000..9_000).contains(&memory.held()));
        drop(whole);
        assert!(memory.held() >= 8_000);
        drop(halves);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn what_is_beyond_the_room_is_for_merging_and_results() {
        let memory = Memory::new(Some(30_000));
        let first = batch(1000);
        memory.claim(std::slice::from_ref(&first)).unwrap();
        assert!(memory.held() < memory.room().unwrap());
        let second = batch(1000);
        memory.claim(std::slice::from_ref(&second)).unwrap();
        assert!(memory.held() >= memory.room().unwrap());
        let error = memory.claim(&[batch(2000)]).unwrap_err();
        assert!(is_exhausted(&error), "{error}");
        // The batch that was refused is no longer held.
        drop(first);
        assert!(memory.held() < memory.room().unwrap());
    }

    #[test]
    fn a_result_that_is_shown_counts_where_another_is_computed() {
        let memory = Memory::new(Some(22_000));
        let result = batch(1000);
        memory.claim(std::slice::from_ref(&result)).unwrap();
        memory.give_out(&result);
        assert!(memory.held() == 0 && memory.shown() >= 8_000);
        let while_computed = memory.reserve_shown().unwrap();
        assert_eq!(memory.held(), memory.shown());
        drop(while_computed);
        let states = batch(1500);
        memory.claim(std::slice::from_ref(&states)).unwrap();
        assert!(is_exhausted(&memory.reserve_shown().unwrap_err()));
        drop(result);
        assert_eq!(memory.shown(), 0);
    }

    #[test]
    fn without_a_limit_it_counts_all_the_same() {
        let memory = Memory::default();
        let rows = batch(1_000_000);
        memory.claim(std::slice::from_ref(&rows)).unwrap();
        assert!(memory.held() >= 8_000_000 && memory.room().is_none());
    }
}

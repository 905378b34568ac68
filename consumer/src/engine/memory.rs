//! What a query holds in memory, counted in one pool against its limit.
//!
//! DataFusion's operators reserve what their tables grow to, a chunk of records at a time. Arrow's arrays
//! that outlive an operator (states, the groups of a batch, gathered rows, results that wait to be shown)
//! are claimed when they are made: a buffer counts once, whoever shares it, until the last one drops it.
//! Nothing is counted a record.
//!
//! Two fifths of it are for what is kept and being built. Beyond them partitions hand over before they take
//! more records. The rest is for merging and for computing the result, which need the groups once more
//! beside those that are kept, and for results that are being shown: they hold up no partition. What does
//! not fit is refused with an error that ends the query: nothing goes to the disk, since a state that is
//! read back for each batch would be no use.
//!
//! A quarter of the limit is left out of all this: a table counts what it has grown to, not what it needs
//! while it doubles, and the allocator keeps some of what it is given back.

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

/// The memory of one query, shared by all of its workers. The default is without limit.
#[derive(Clone, Debug)]
pub struct Memory {
    pool: Arc<dyn MemoryPool>,
    arrays: Arc<ArrowMemoryPool>,
    /// Results in the hands of whoever shows them.
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
    /// At most so many bytes; `None` is without limit.
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

    /// Bytes held now, without results that are being shown.
    pub fn held(&self) -> usize {
        self.pool.reserved()
    }

    /// Bytes of results that are being shown.
    pub fn shown(&self) -> usize {
        self.shown.reserved()
    }

    /// The most that the query may take.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Whether so many bytes are enough of the limit to wait for.
    pub fn is_much(&self, bytes: usize) -> bool {
        self.limit.is_some_and(|limit| bytes >= limit / 16)
    }

    /// What of the limit is for what is kept and being built.
    pub fn room(&self) -> Option<usize> {
        self.limit.map(|limit| countable(limit) / 5 * 2)
    }

    /// Counts something that is no array: empty at first, and given back when it is dropped.
    pub fn reserve(&self, what: &str) -> MemoryReservation {
        MemoryConsumer::new(what).register(&self.pool)
    }

    /// Counts `batches` from now on until nobody has their buffers any more.
    ///
    /// # Errors
    /// If more is held then than may be.
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

    /// Counts results that are being shown, while another one is computed.
    ///
    /// # Errors
    /// If more is held then than may be.
    pub(super) fn reserve_shown(&self) -> Result<MemoryReservation> {
        let shown = self.reserve("results that are being shown");
        shown.try_grow(self.shown())?;
        Ok(shown)
    }

    /// Gives `result` into the hands of whoever shows it.
    pub(super) fn give_out(&self, result: &RecordBatch) {
        result.claim(self.shown_arrays.as_ref());
    }

    /// An environment whose operators count here, and have no disk to spill to.
    ///
    /// # Errors
    /// If DataFusion cannot make it.
    pub(super) fn runtime(&self) -> Result<Arc<RuntimeEnv>> {
        let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
        RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::clone(&self.pool))
            .with_disk_manager_builder(disk)
            .build_arc()
    }
}

/// What of a limit is counted up to.
fn countable(limit: usize) -> usize {
    limit - limit / 4
}

/// Whether this is the error of a limit that does not hold what was to be computed.
pub fn is_exhausted(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

/// Bytes of the buffers of `batches`, each counted once, however many slices share it.
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
        // What was refused is no longer held.
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

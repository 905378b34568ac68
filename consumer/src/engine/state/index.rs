//! An index that finds groups by the hash of their keys.

use std::ops::Range;

use arrow::array::RecordBatch;
use datafusion_common::DataFusionError;
use datafusion_common::hash_utils::{RandomState, create_hashes};
use datafusion_execution::memory_pool::MemoryReservation;

use crate::engine::memory::Memory;

/// The average number of groups in a bucket.
const BUCKET: usize = 4;

/// Finds rows of some batches by their keys. The rows of one bucket of hashes stand next to each other, each with a
/// part of its own hash. The index is built in two passes and never changes after that.
#[derive(Debug)]
pub struct Index {
    /// The index in `entries` where each bucket begins, and the one where the last bucket ends.
    buckets: Vec<u32>,
    entries: Vec<Entry>,
    /// The number of bits by which a hash is shifted to give the number of its bucket.
    shift: u32,
    /// The number of the first row of each batch.
    starts: Vec<u32>,
    _memory: MemoryReservation,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    tag: u32,
    row: u32,
}

impl Index {
    /// Builds the index of batches whose first `keys` columns are their keys. There is at least one key column.
    ///
    /// # Errors
    /// Fails if keys cannot be hashed, there are 2^32 rows or more, or the index exceeds the memory limit.
    pub fn of(
        batches: &[RecordBatch],
        keys: usize,
        memory: &Memory,
    ) -> Result<Self, DataFusionError> {
        let mut rows = 0_usize;
        let mut starts = Vec::with_capacity(batches.len());
        for batch in batches {
            starts.push(number(rows)?);
            rows += batch.num_rows();
        }
        number(rows)?;
        let bits = (rows / BUCKET).checked_ilog2().map_or(1, |bits| bits + 1);
        let reservation = memory.reserve("index of groups");
        let bytes = (1_usize << bits) * size_of::<u32>() + rows * size_of::<Entry>();
        // The hashes take memory while the index is built.
        reservation.try_grow(bytes + rows * size_of::<u64>())?;
        let shift = u64::BITS - bits;

        let mut hashes = Vec::with_capacity(rows);
        for batch in batches {
            hashes.extend(hashes_of(batch, keys)?);
        }
        // The rows of each bucket are counted and summed up. Filling then moves each sum to the end of its bucket,
        // which is where the next bucket begins.
        let mut buckets = vec![0_u32; (1 << bits) + 1];
        for hash in &hashes {
            buckets[bucket(*hash, shift) + 1] += 1;
        }
        let mut begin = 0;
        for count in buckets.iter_mut().skip(1) {
            begin += std::mem::replace(count, begin);
        }
        let mut entries = vec![Entry::default(); rows];
        for (row, hash) in (0_u32..).zip(&hashes) {
            let next = &mut buckets[bucket(*hash, shift) + 1];
            entries[*next as usize] = Entry {
                tag: tag(*hash),
                row,
            };
            *next += 1;
        }
        drop(hashes);
        reservation.shrink(rows * size_of::<u64>());
        Ok(Self {
            buckets,
            entries,
            shift,
            starts,
            _memory: reservation,
        })
    }

    /// Returns the rows whose keys have this hash, each as the number of its batch and its row there. Very seldom it
    /// returns rows of another hash too.
    pub fn rows(&self, hash: u64) -> impl Iterator<Item = (usize, usize)> + '_ {
        let bucket = bucket(hash, self.shift);
        let Range { start, end } = self.buckets[bucket]..self.buckets[bucket + 1];
        self.entries[start as usize..end as usize]
            .iter()
            .filter(move |entry| entry.tag == tag(hash))
            .map(|entry| {
                let batch = self.starts.partition_point(|start| *start <= entry.row) - 1;
                (batch, (entry.row - self.starts[batch]) as usize)
            })
    }

    /// Returns the number of bytes that the index takes.
    pub fn bytes(&self) -> usize {
        self.buckets.len() * size_of::<u32>() + self.entries.len() * size_of::<Entry>()
    }
}

/// Returns the hashes of a batch's keys, which are its first `keys` columns. Keys that are equal to DataFusion's
/// grouping have equal hashes.
///
/// # Errors
/// Fails if a key cannot be hashed.
pub fn hashes_of(batch: &RecordBatch, keys: usize) -> Result<Vec<u64>, DataFusionError> {
    let mut hashes = vec![0; batch.num_rows()];
    let keys = batch.columns().iter().take(keys);
    create_hashes(keys, &RandomState::default(), &mut hashes)?;
    Ok(hashes)
}

fn number(row: usize) -> Result<u32, DataFusionError> {
    u32::try_from(row).map_err(|_| {
        DataFusionError::ResourcesExhausted("a partition has 2^32 groups or more".to_owned())
    })
}

/// Returns the number of a hash's bucket, which is in the highest bits of the hash.
fn bucket(hash: u64, shift: u32) -> usize {
    (hash >> shift) as usize
}

/// Returns the part of a hash that is stored with a row: its lowest bits.
fn tag(hash: u64) -> u32 {
    hash as u32
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    fn batch(numbers: impl IntoIterator<Item = i64>) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
        RecordBatch::try_from_iter([("n", numbers)]).unwrap()
    }

    #[test]
    fn every_row_is_found_in_its_batch_and_no_other_is_taken_for_it() {
        for rows in [0, 1, 3, 8, 1000] {
            let batches = [batch(0..rows / 3), batch([]), batch(rows / 3..rows)];
            let index = Index::of(&batches, 1, &Memory::default()).unwrap();
            for (number, batch) in batches.iter().enumerate() {
                for (row, hash) in hashes_of(batch, 1).unwrap().into_iter().enumerate() {
                    let found: Vec<_> = index.rows(hash).collect();
                    assert_eq!(found, [(number, row)]);
                }
            }
            let strange = hashes_of(&batch(rows..rows + 1000), 1).unwrap();
            let found = strange.iter().flat_map(|hash| index.rows(*hash)).count();
            assert_eq!(found, 0);
        }
    }

    #[test]
    fn it_counts_what_it_takes_and_is_refused_where_memory_does_not_hold_it() {
        let batches = [batch(0..10_000)];
        let memory = Memory::default();
        let index = Index::of(&batches, 1, &memory).unwrap();
        assert!(index.bytes().abs_diff(memory.held()) < 100);
        drop(index);
        assert_eq!(memory.held(), 0);
        assert!(Index::of(&batches, 1, &Memory::new(Some(100_000))).is_err());
    }
}

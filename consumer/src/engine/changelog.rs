//! The groups that a batch changes, and their rows in the states before: the input of update mode's result.
//!
//! Rows are looked up by the hash of their keys and then compared by DataFusion's own grouping. So two keys are one
//! group here exactly when they are one group in a state. Different keys often have the same hash, because a NULL
//! leaves the hash of the columns before it unchanged.

use std::slice;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, interleave_record_batch};
use arrow::datatypes::SchemaRef;
use datafusion_common::DataFusionError;
use datafusion_execution::memory_pool::MemoryReservation;
use datafusion_physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion_physical_plan::aggregates::order::GroupOrdering;

use super::memory::Memory;
use super::state::{Index, State, hashes_of};

/// The rows from which a batch's result is computed, if the result has only the groups that the batch changes.
pub struct ChangedGroups {
    /// The groups that the batch's records make, and the same groups of the states before the batch. A group may come
    /// several times.
    pub rows: Vec<RecordBatch>,
    /// The number of groups that were in no state.
    pub new_groups: usize,
}

impl ChangedGroups {
    /// Collects the groups that a batch's records have `made`, and the same groups of the states `before` the batch.
    /// The columns of `keys` come first in both.
    ///
    /// # Errors
    /// Fails if DataFusion cannot group the rows, or if the rows found exceed the limit of `memory`.
    pub fn of<'a>(
        keys: &SchemaRef,
        memory: &Memory,
        made: Vec<RecordBatch>,
        before: impl IntoIterator<Item = &'a State>,
    ) -> Result<Self, DataFusionError> {
        let mut groups = Groups::of(keys, memory, &made)?;
        let mut rows = made;
        for state in before {
            for (batches, index) in state.indexed() {
                rows.extend(groups.rows_in(batches, index?)?);
            }
        }
        let new_groups = groups.is_kept.iter().filter(|kept| !**kept).count();
        Ok(Self { rows, new_groups })
    }
}

/// The groups that a batch changes.
struct Groups {
    /// The number of key columns, which are a state's first columns.
    keys: usize,
    /// The numbers of the keys. The keys of the changed groups have the lowest numbers.
    numbers: Box<dyn GroupValues>,
    /// The hash of each changed group's keys.
    hashes: Vec<u64>,
    /// Whether each changed group is in a state.
    is_kept: Vec<bool>,
    memory: Memory,
    /// The memory that the fields above take.
    _reservation: MemoryReservation,
}

impl Groups {
    fn of(
        keys: &SchemaRef,
        memory: &Memory,
        made: &[RecordBatch],
    ) -> Result<Self, DataFusionError> {
        let keys_count = keys.fields().len();
        let mut numbers = new_group_values(keys.clone(), &GroupOrdering::None)?;
        let mut hashes: Vec<u64> = Vec::new();
        let reservation = memory.reserve("changed groups");
        for batch in made {
            let found = numbers_of(&mut *numbers, batch, keys_count)?;
            // Keys that have the same hash may be numbered in another order than their rows.
            hashes.resize(numbers.len(), 0);
            for (number, hash) in found.into_iter().zip(hashes_of(batch, keys_count)?) {
                hashes[number] = hash;
            }
            reservation.try_resize(numbers.size() + hashes.len() * (size_of::<u64>() + 1))?;
        }
        Ok(Self {
            keys: keys_count,
            is_kept: vec![false; hashes.len()],
            numbers,
            hashes,
            memory: memory.clone(),
            _reservation: reservation,
        })
    }

    /// Returns the rows of `batches` that belong to the changed groups.
    fn rows_in(
        &mut self,
        batches: &[RecordBatch],
        index: &Index,
    ) -> Result<Option<RecordBatch>, DataFusionError> {
        let (mut asked, mut at) = (Vec::new(), Vec::new());
        for (number, hash) in self.hashes.iter().enumerate() {
            for place in index.rows(*hash) {
                asked.push(number);
                at.push(place);
            }
        }
        if at.is_empty() {
            return Ok(None);
        }
        let places = self.memory.reserve("places of changed groups");
        places.try_grow(at.len() * size_of::<(usize, (usize, usize))>())?;
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        let found = interleave_record_batch(&batches, &at)?;
        self.memory.claim(slice::from_ref(&found))?;
        let numbers = numbers_of(&mut *self.numbers, &found, self.keys)?;
        // A row with other keys of this hash is in no changed group, or is found again under its own number.
        let is_asked: Vec<bool> = asked.iter().zip(&numbers).map(|(a, b)| a == b).collect();
        for (number, _) in asked
            .iter()
            .zip(&is_asked)
            .filter(|(_, is_asked)| **is_asked)
        {
            self.is_kept[*number] = true;
        }
        if is_asked.iter().all(|is_asked| *is_asked) {
            return Ok(Some(found));
        }
        let rows = filter_record_batch(&found, &BooleanArray::from(is_asked))?;
        self.memory.claim(slice::from_ref(&rows))?;
        Ok(Some(rows))
    }
}

fn numbers_of(
    values: &mut dyn GroupValues,
    batch: &RecordBatch,
    keys: usize,
) -> Result<Vec<usize>, DataFusionError> {
    let mut numbers = Vec::new();
    let keys = batch.columns().get(..keys).unwrap_or_default();
    values.intern(keys, &mut numbers)?;
    Ok(numbers)
}

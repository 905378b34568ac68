//! The groups that a batch changes, and what states have of them: what update mode's result is made of.
//!
//! Rows are looked up by the hash of their keys and then compared by DataFusion's own grouping, so that two
//! keys are one group here exactly where they are in a state.

use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::compute::{filter_record_batch, interleave_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use super::state::{Index, State, hashes_of};

/// The groups that a batch changes.
pub struct ChangedGroups {
    /// How many of a state's columns, the first ones, are keys.
    keys: usize,
    /// Numbers keys; those that are changed come first.
    numbers: Box<dyn GroupValues>,
    /// The hash of each.
    hashes: Vec<u64>,
    /// Whether a state has it.
    is_kept: Vec<bool>,
}

impl ChangedGroups {
    /// Those that the batch's records make; one may come several times. `keys` are the first columns.
    ///
    /// # Errors
    /// If DataFusion cannot group them.
    pub fn of(keys: &SchemaRef, made: &[RecordBatch]) -> Result<Self, DataFusionError> {
        let mut changed = Self {
            keys: keys.fields().len(),
            numbers: new_group_values(keys.clone(), &GroupOrdering::None)?,
            hashes: Vec::new(),
            is_kept: Vec::new(),
        };
        for batch in made {
            let hashes = hashes_of(batch, changed.keys)?;
            for (number, hash) in changed.numbers(batch)?.into_iter().zip(hashes) {
                if number == changed.hashes.len() {
                    changed.hashes.push(hash);
                }
            }
        }
        changed.is_kept = vec![false; changed.hashes.len()];
        Ok(changed)
    }

    /// What `state` has of them; a group may come several times.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn rows_in(&mut self, state: &State) -> Result<Vec<RecordBatch>, DataFusionError> {
        let mut rows = Vec::new();
        for (batches, index) in state.indexed() {
            rows.extend(self.rows_of(batches, index)?);
        }
        Ok(rows)
    }

    fn rows_of(
        &mut self,
        batches: &[RecordBatch],
        index: &Index,
    ) -> Result<Option<RecordBatch>, DataFusionError> {
        let at: Vec<_> = self
            .hashes
            .iter()
            .flat_map(|hash| index.rows(*hash))
            .collect();
        if at.is_empty() {
            return Ok(None);
        }
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        let found = interleave_record_batch(&batches, &at)?;
        let mut is_changed = Vec::with_capacity(at.len());
        for number in self.numbers(&found)? {
            let kept = self.is_kept.get_mut(number);
            is_changed.push(kept.is_some());
            if let Some(kept) = kept {
                *kept = true;
            }
        }
        // Another key may have the same hash.
        Ok(Some(filter_record_batch(
            &found,
            &BooleanArray::from(is_changed),
        )?))
    }

    /// How many of them no state has, of those that were asked.
    pub fn new_ones(&self) -> usize {
        self.is_kept.iter().filter(|kept| !**kept).count()
    }

    fn numbers(&mut self, batch: &RecordBatch) -> Result<Vec<usize>, DataFusionError> {
        let mut numbers = Vec::new();
        let keys = batch.columns().get(..self.keys).unwrap_or_default();
        self.numbers.intern(keys, &mut numbers)?;
        Ok(numbers)
    }
}

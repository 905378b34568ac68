//! The result as of the last batch: its first rows, or its newest, and what the batch changed in them.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;

use super::changes::ResultChanges;
use crate::checkpoint::format::compact::compact;
use crate::event::Batch;
use crate::output_mode::OutputMode;

/// Rows that a snapshot has at most; what is beyond is counted.
pub const ROWS: usize = 5_000;

/// The rows of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryResult {
    /// The rows, at most [`ROWS`], in the query's order: its first ones; of rows that only ever add up the newest, the
    /// last one first. Values are as the query made them.
    pub rows: RecordBatch,
    /// What the last batch changed in these rows.
    pub changes: ResultChanges,
    /// How many rows there are, more than are here if the result is large.
    pub total_rows: u64,
    /// Which rows each batch has: those of a query that appends come on top of the ones before, others replace them.
    pub mode: OutputMode,
    /// The column that the query sorts by, in the first place.
    pub sorted_by: Option<usize>,
}

impl Default for QueryResult {
    fn default() -> Self {
        Self {
            rows: RecordBatch::new_empty(Arc::new(Schema::empty())),
            changes: ResultChanges::default(),
            total_rows: 0,
            mode: OutputMode::default(),
            sorted_by: None,
        }
    }
}

impl QueryResult {
    /// The result after `batch`, where it was `self` before. Nothing of the batch's memory is held.
    ///
    /// # Errors
    /// If Arrow cannot copy or compare the rows.
    pub fn after(&self, batch: &Batch) -> Result<Self, ArrowError> {
        let all = batch.rows.num_rows();
        let count = all.min(ROWS);
        let is_known = self.has_columns_of(&batch.rows);
        let mut total_rows = all as u64;
        let (rows, changes) = match batch.mode {
            OutputMode::Append => {
                let mut rows = picked(&batch.rows, (all - count..all).rev())?;
                if is_known {
                    total_rows += self.total_rows;
                    let older = self.rows.slice(0, self.rows.num_rows().min(ROWS - count));
                    rows = concat_batches(&batch.rows.schema(), [&rows, &older])?;
                }
                let changes = ResultChanges::first_are_new(count, rows.num_rows());
                (rows, changes)
            }
            OutputMode::Complete | OutputMode::Update => {
                let rows = picked(&batch.rows, 0..count)?;
                // All rows of an update have changed, and those before are of other groups.
                let is_compared =
                    batch.mode == OutputMode::Complete && is_known && self.rows.num_rows() > 0;
                let changes = match is_compared {
                    true => ResultChanges::between(&self.rows, &rows)?,
                    false => ResultChanges::default(),
                };
                (rows, changes)
            }
        };
        Ok(Self {
            rows: compact(&rows, &batch.rows.schema())?,
            changes,
            total_rows,
            mode: batch.mode,
            sorted_by: batch.sorted_by,
        })
    }

    fn has_columns_of(&self, rows: &RecordBatch) -> bool {
        let (before, now) = (self.rows.schema_ref(), rows.schema_ref());
        before.fields().len() == now.fields().len()
            && before
                .fields()
                .iter()
                .zip(now.fields())
                .all(|(then, now)| then.name() == now.name() && then.data_type() == now.data_type())
    }
}

/// A copy of these rows.
fn picked(
    rows: &RecordBatch,
    places: impl Iterator<Item = usize>,
) -> Result<RecordBatch, ArrowError> {
    let places: Vec<u32> = places
        .map(u32::try_from)
        .collect::<Result<_, _>>()
        .map_err(|error| ArrowError::ComputeError(error.to_string()))?;
    take_record_batch(rows, &UInt32Array::from(places))
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;

    use super::*;
    use crate::event::samples::brands;

    /// The result after all of these.
    fn after(batches: &[Arc<Batch>]) -> QueryResult {
        let batches = batches.iter();
        batches.fold(QueryResult::default(), |before, batch| {
            before.after(batch).unwrap()
        })
    }

    fn texts(result: &QueryResult) -> Vec<&str> {
        let texts = result.rows.column(0).as_string::<i32>();
        texts.iter().flatten().collect()
    }

    #[test]
    fn change_is_since_the_last_batch_wherever_a_row_has_moved() {
        let first = brands(0, &[("Visa", 5, 1000), ("Amex", 2, 500)]);
        let second = brands(1, &[("Amex", 9, 1525), ("Visa", 5, 1000), ("JCB", 1, 1)]);
        let QueryResult { rows, changes, .. } = after(&[first, second]);
        assert_eq!(rows.column(1).as_primitive::<Int64Type>().value(0), 9);
        assert_eq!(changes.before(1, 0), Some(2.0));
        assert_eq!(changes.before(2, 0), Some(5.0));
        assert_eq!(changes.before(1, 1), None);
        assert_eq!(
            [0, 1, 2].map(|row| changes.is_new(row)),
            [false, false, true]
        );
    }

    #[test]
    fn rows_that_add_up_stand_with_the_newest_first() {
        let append = |id, rows: &[(&str, i64, i128)]| {
            Arc::new(Batch {
                mode: OutputMode::Append,
                ..(*brands(id, rows)).clone()
            })
        };
        let result = after(&[
            append(0, &[("a", 1, 1), ("b", 1, 1)]),
            append(1, &[("c", 1, 1)]),
        ]);
        assert_eq!(texts(&result), ["c", "b", "a"]);
        let is_new = [0, 1, 2].map(|row| result.changes.is_new(row));
        assert_eq!(is_new, [true, false, false]);
        assert_eq!(result.total_rows, 3);
    }

    #[test]
    fn a_large_result_is_cut_and_counted() {
        let names: Vec<String> = (0..ROWS + 7).map(|i| format!("b{i}")).collect();
        let rows: Vec<_> = names.iter().map(|name| (name.as_str(), 1, 1)).collect();
        let complete = brands(0, &rows);
        let append = Arc::new(Batch {
            mode: OutputMode::Append,
            ..(*complete).clone()
        });
        for (batch, first) in [(complete, "b0"), (append, "b5006")] {
            let result = after(&[batch]);
            assert_eq!(result.rows.num_rows(), ROWS);
            assert_eq!(texts(&result)[0], first);
            assert_eq!(result.total_rows, ROWS as u64 + 7);
        }
    }
}

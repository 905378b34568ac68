//! One query on one partition: decoded records go in chunk by chunk, and the query's output comes out at each trigger.
//!
//! A task holds the query's state of the partition and what the query has made of the batch's records so far. A task
//! knows only columns and rows. The reader that decodes the records and feeds the tasks of a partition knows at which
//! offset a row stood, and decides what happens to a record on which the query fails.

use std::mem;

use arrow::array::RecordBatch;
use datafusion_common::DataFusionError;

use super::memory::is_exhausted;
use super::query::{FailedRecord, OnRecordError, Partial, Query};
use super::state::State;

/// The most bytes of rows that a query without an aggregate may gather from one partition in a batch.
const MOST_ROW_BYTES: usize = 16 << 20;

/// Returns the columns of the table that at least one of `queries` reads. A record is decoded once for all queries.
pub fn columns_read_by<'a>(queries: impl IntoIterator<Item = &'a Query>) -> Vec<usize> {
    let mut read = Vec::new();
    for query in queries {
        for column in query.columns() {
            if !read.contains(column) {
                read.push(*column);
            }
        }
    }
    read
}

/// One query on one partition.
pub struct Task {
    query: Query,
    /// The places in a chunk of the columns that the query reads; `None` if the chunk has exactly these columns, in
    /// their order.
    columns: Option<Vec<usize>>,
    partial: Option<Partial>,
    state: State,
    /// The number of records of this batch on which the query fails.
    failed: u64,
}

/// The outcome of a batch's records of one partition.
#[derive(Debug)]
pub struct TaskBatch {
    /// The number of records on which the query fails. They have no effect on the output.
    pub failed: u64,
    /// The query's output for the other records.
    pub output: Output,
}

/// The query's output for a batch's records of one partition.
#[derive(Debug)]
pub enum Output {
    /// The partition's new state, and the groups that the batch's records alone make.
    State(State, Vec<RecordBatch>),
    /// The rows of a query without an aggregate, in offset order.
    Rows(Vec<RecordBatch>),
}

impl Task {
    /// Makes a task for `query` that continues from `state`. Its chunks have the columns `decoded` of the query's
    /// table.
    ///
    /// # Errors
    /// Fails if the query reads a column that is not among `decoded`.
    pub fn new(query: Query, state: State, decoded: &[usize]) -> Result<Self, DataFusionError> {
        let columns = match query.columns() == decoded {
            true => None,
            false => Some(places(query.columns(), decoded)?),
        };
        Ok(Self {
            query,
            columns,
            partial: None,
            state,
            failed: 0,
        })
    }

    /// Adds a chunk of records to the batch, except those on which the query fails below its aggregate. Returns these
    /// in their order; with [`OnRecordError::Fail`] it returns only the first.
    ///
    /// # Errors
    /// Fails if the aggregate itself fails or exceeds the memory limit. The task cannot be used after that.
    pub fn push(
        &mut self,
        chunk: RecordBatch,
        on_error: OnRecordError,
    ) -> Result<Vec<FailedRecord>, DataFusionError> {
        let records = match &self.columns {
            Some(columns) => chunk.project(columns)?,
            None => chunk,
        };
        let partial = match &mut self.partial {
            Some(partial) => partial,
            None => self.partial.insert(self.query.partial()?),
        };
        let failed = partial.push_each(records, on_error)?;
        self.failed += failed.len() as u64;
        Ok(failed)
    }

    /// Returns whether the batch's rows take as many bytes as a batch may have.
    pub fn is_full(&self) -> bool {
        let rows = self.partial.as_ref().map_or(0, Partial::row_bytes);
        rows >= MOST_ROW_BYTES
    }

    /// Returns whether memory is short. The batch should then be handed over before the task takes more records.
    pub fn is_short_of_memory(&self) -> bool {
        self.query.is_short_of_memory()
    }

    /// Ends the batch and returns what its records have made.
    ///
    /// # Errors
    /// Fails, for instance, if a sum overflows or the memory limit does not allow the merge.
    pub fn hand_over(&mut self) -> Result<TaskBatch, DataFusionError> {
        let made = match self.partial.take() {
            Some(partial) => partial.finish()?,
            None => Vec::new(),
        };
        let output = if self.query.appends() {
            Output::Rows(made)
        } else {
            if !made.is_empty() {
                self.state = self.state.with_batch(&self.query, made.clone())?;
            }
            Output::State(self.state.clone(), made)
        };
        Ok(TaskBatch {
            failed: mem::take(&mut self.failed),
            output,
        })
    }

    /// Merges the layers of the state that a batch has left unmerged. Returns the new state, or `None` if there was
    /// nothing to merge. If memory is scarce at the moment, the merge is left to the next batch.
    ///
    /// # Errors
    /// Fails, for instance, if a sum overflows.
    pub fn compact(&mut self) -> Result<Option<State>, DataFusionError> {
        if !self.query.has_memory_to_spare() {
            return Ok(None);
        }
        match self.state.compacted(&self.query) {
            Ok(Some(state)) => {
                self.state = state.clone();
                Ok(Some(state))
            }
            Ok(None) => Ok(None),
            Err(error) if is_exhausted(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Returns the place of each of `columns` in `decoded`.
fn places(columns: &[usize], decoded: &[usize]) -> Result<Vec<usize>, DataFusionError> {
    let place = |column: &usize| {
        let place = decoded.iter().position(|decoded| decoded == column);
        place.ok_or_else(|| DataFusionError::Internal(format!("column {column} is not decoded")))
    };
    columns.iter().map(place).collect()
}

#[cfg(test)]
mod tests;

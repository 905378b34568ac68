//! One query on one partition: decoded records go in, chunk after chunk, and what they make comes out at each trigger.
//!
//! A task holds the query's state of the partition, and what the records of the batch have made so far. It knows columns
//! and rows alone: where a row stood in its partition, and what becomes of a record that the query fails on, is the
//! matter of whoever decodes the records and feeds the tasks of a partition with them.

use std::mem;

use arrow::array::RecordBatch;
use datafusion_common::DataFusionError;

use super::memory::is_exhausted;
use super::query::{FailedRecord, OnRecordError, Partial, Query};
use super::state::State;

/// Bytes of rows that a query without an aggregate may gather in a batch, a partition.
const MOST_ROW_BYTES: usize = 16 << 20;

/// The columns of the table that any of `queries` reads: a record is decoded once for all of them.
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
    /// Where a chunk has the columns that the query reads; `None` if it has these alone, in their order.
    columns: Option<Vec<usize>>,
    partial: Option<Partial>,
    state: State,
    /// Records of this batch that the query fails on.
    failed: u64,
}

/// What the records of a batch have come to.
#[derive(Debug)]
pub struct TaskBatch {
    /// How many of them the query fails on. What the others make does not depend on these.
    pub failed: u64,
    /// What the others make.
    pub output: Output,
}

/// What a batch's records of one partition make.
#[derive(Debug)]
pub enum Output {
    /// The partition's new state, and the groups that the batch's records make by themselves.
    State(State, Vec<RecordBatch>),
    /// Rows, in offset order.
    Rows(Vec<RecordBatch>),
}

impl Task {
    /// `query`, with what it has made of the partition so far, over chunks that have the columns `decoded` of its table.
    ///
    /// # Errors
    /// If the query reads a column that is not among `decoded`.
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

    /// Takes a chunk of records into the batch, but for those that the query fails on below its aggregate: these are
    /// returned, in their order. With [`OnRecordError::Fail`] only the first of them is.
    ///
    /// # Errors
    /// If the aggregate itself fails, or memory does not hold what it has. The task is of no use after that.
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

    /// Whether its rows are as many as a batch may have.
    pub fn is_full(&self) -> bool {
        let rows = self.partial.as_ref().map_or(0, Partial::row_bytes);
        rows >= MOST_ROW_BYTES
    }

    /// Whether memory is short: what it has taken should be handed over before it takes more.
    pub fn is_short_of_memory(&self) -> bool {
        self.query.is_short_of_memory()
    }

    /// Ends the batch, and hands over what its records have come to.
    ///
    /// # Errors
    /// If a sum overflows, for instance, or memory does not hold what has been made.
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

    /// Merges what a batch has left to be merged in the state. The new state is returned, if there was something to
    /// merge. Where memory is scarce by now, it is left to the next batch.
    ///
    /// # Errors
    /// If a sum overflows, for instance.
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

/// Where each of `columns` stands in `decoded`.
fn places(columns: &[usize], decoded: &[usize]) -> Result<Vec<usize>, DataFusionError> {
    let place = |column: &usize| {
        let place = decoded.iter().position(|decoded| decoded == column);
        place.ok_or_else(|| DataFusionError::Internal(format!("column {column} is not decoded")))
    };
    columns.iter().map(place).collect()
}

#[cfg(test)]
mod tests;

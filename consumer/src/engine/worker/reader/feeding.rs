//! Hands each chunk of decoded records to the partition's tasks. Records on which a query fails are bad records.

use std::iter;

use super::reason::reason;
use super::{Action, PartitionReader, WorkerError};
use crate::engine::query::{FailedRecord, OnRecordError};
use crate::engine::task::Task;

impl PartitionReader {
    /// Hands the decoded records to the tasks. Records on which a query fails are bad records.
    pub(in crate::engine::worker) fn feed(
        &mut self,
        actions: &mut Vec<Action>,
    ) -> Result<(), WorkerError> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let query_error = |error| WorkerError::query(&self.partition, self.next, &error);
        let chunk = self
            .chunk
            .decoded()
            .map_err(|error| query_error(error.into()))?;
        let on_error = self.chunk.on_error();
        let mut failed = Vec::new();
        // The clones of a chunk share its columns, and the last task takes the chunk itself.
        let chunks = iter::repeat_n(chunk, self.tasks.len());
        for (task, chunk) in self.tasks.iter_mut().zip(chunks) {
            failed.extend(task.push(chunk, on_error).map_err(query_error)?);
        }
        for record in failed {
            self.reject(&record, on_error, actions)?;
        }
        self.chunk.clear();
        self.full |= self.tasks.iter().any(Task::is_full);
        self.crowded |= self.tasks.iter().any(Task::is_short_of_memory);
        Ok(())
    }

    /// Asks for a dead letter for a record of the chunk on which a query fails, or returns the error that ends the
    /// query.
    #[cold]
    fn reject(
        &mut self,
        failed: &FailedRecord,
        on_error: OnRecordError,
        actions: &mut Vec<Action>,
    ) -> Result<(), WorkerError> {
        let records = self.chunk.records();
        let record = match on_error {
            OnRecordError::Fail => None,
            OnRecordError::DeadLetter => {
                records.and_then(|records| records.record(failed.row, &self.partition))
            }
        };
        let Some(record) = record else {
            let offset = records.and_then(|records| records.offset(failed.row));
            return Err(WorkerError::Record {
                partition: self.partition.clone(),
                offset: offset.unwrap_or(self.next),
                reason: reason(&failed.error),
            });
        };
        self.letters.add(record.value.len());
        actions.push(Action::RejectedLetter {
            record,
            reason: format!("the query fails: {}", reason(&failed.error)),
            epoch: self.epoch,
        });
        Ok(())
    }
}

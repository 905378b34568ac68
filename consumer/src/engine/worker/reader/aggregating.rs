//! A chunk of decoded records goes into the batch; those on which the query fails are bad ones.

use super::chunk_records::ChunkRecords;
use super::reason::reason;
use super::{Action, MOST_ROW_BYTES, Reader, WorkerError};
use crate::engine::query::{FailedRecord, OnRecordError};

impl Reader {
    /// Aggregates what has been decoded. Records on which the query fails are bad ones.
    pub(in crate::engine::worker) fn aggregate(
        &mut self,
        actions: &mut Vec<Action>,
    ) -> Result<(), WorkerError> {
        if self.decoder.is_empty() {
            return Ok(());
        }
        let batch = self
            .decoder
            .flush()
            .map_err(|error| WorkerError::arrow(self, error))?;
        let mut partial = match self.partial.take() {
            Some(partial) => partial,
            None => self
                .query
                .partial()
                .map_err(|error| WorkerError::query(self, &error))?,
        };
        let records = self.chunk_records.as_ref();
        let held = records.map_or(0, ChunkRecords::held);
        self.chunk.resize(batch.get_array_memory_size() + held);
        let on_error = records.map_or(OnRecordError::Fail, ChunkRecords::on_error);
        let failed = partial
            .push_each(batch, on_error)
            .map_err(|error| WorkerError::query(self, &error))?;
        for record in failed {
            self.reject(&record, on_error, actions)?;
        }
        if let Some(records) = &mut self.chunk_records {
            records.clear();
        }
        self.full |= partial.row_bytes() >= MOST_ROW_BYTES;
        self.crowded |= self.query.is_short_of_memory();
        self.partial = Some(partial);
        Ok(())
    }

    /// A record of the chunk on which the query fails.
    #[cold]
    fn reject(
        &mut self,
        failed: &FailedRecord,
        on_error: OnRecordError,
        actions: &mut Vec<Action>,
    ) -> Result<(), WorkerError> {
        let records = self.chunk_records.as_ref();
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
        self.bad += 1;
        self.letters.add(record.value.len());
        actions.push(Action::RejectedLetter {
            record,
            reason: format!("the query fails: {}", reason(&failed.error)),
            epoch: self.epoch,
        });
        Ok(())
    }
}

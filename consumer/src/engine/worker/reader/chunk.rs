//! The chunk of records that is being decoded: its rows, and what else is needed of its records.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use datafusion_execution::memory_pool::MemoryReservation;

use super::chunk_records::ChunkRecords;
use super::chunk_size::ChunkSize;
use crate::engine::memory::Memory;
use crate::engine::query::OnRecordError;
use crate::format::json::{Decoder, Defect};
use crate::format::metadata::RecordMeta;
use crate::schema::TableSchema;

/// Records of a partition that are decoded, and then go to its tasks together. This is the only place where a worker
/// knows the records' format.
pub(super) struct ChunkDecoder {
    decoder: Decoder,
    size: ChunkSize,
    /// The records as they came, if a query can fail on one of them.
    records: Option<ChunkRecords>,
    /// What the last chunk took while it was decoded: the next one will take as much.
    held: MemoryReservation,
}

impl ChunkDecoder {
    /// A decoder of the columns `columns` of `schema`. The records of a chunk stay there until its end if `records` is
    /// there to hold them.
    ///
    /// # Errors
    /// If the schema has no such columns.
    pub(super) fn new(
        schema: &TableSchema,
        columns: &[usize],
        records: Option<ChunkRecords>,
        memory: &Memory,
    ) -> Result<Self, ArrowError> {
        Ok(Self {
            decoder: Decoder::new(schema, columns)?,
            size: ChunkSize::within(memory.room()),
            records,
            held: memory.reserve("decoded records"),
        })
    }

    /// Adds a record to the chunk.
    ///
    /// # Errors
    /// Why the record is bad. The chunk is as before then.
    #[inline]
    pub(super) fn push(&mut self, payload: &[u8], meta: &RecordMeta<'_>) -> Result<(), Defect> {
        self.decoder.push(payload, meta)?;
        if let Some(records) = &mut self.records {
            records.push(meta, payload);
        }
        Ok(())
    }

    /// Whether it should have no more records.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        let copied = self.records.as_ref().map_or(0, ChunkRecords::bytes);
        let bytes = self.decoder.bytes().max(copied);
        self.decoder.len() >= self.size.records || bytes >= self.size.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.decoder.is_empty()
    }

    /// The rows of the chunk. Its records are there until [`Self::clear`].
    ///
    /// # Errors
    /// None that a record could cause.
    pub(super) fn decoded(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = self.decoder.flush()?;
        let copied = self.records.as_ref().map_or(0, ChunkRecords::held);
        self.held.resize(rows.get_array_memory_size() + copied);
        Ok(rows)
    }

    /// The records of the chunk, if a query can fail on one of them.
    pub(super) fn records(&self) -> Option<&ChunkRecords> {
        self.records.as_ref()
    }

    /// What happens if a query fails on one of them.
    pub(super) fn on_error(&self) -> OnRecordError {
        self.records()
            .map_or(OnRecordError::Fail, ChunkRecords::on_error)
    }

    /// Begins the next chunk.
    pub(super) fn clear(&mut self) {
        if let Some(records) = &mut self.records {
            records.clear();
        }
    }
}

//! The chunk of records that is being decoded: its rows, and copies of its records where they are needed later.

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

/// Decodes the records of a partition into chunks, which then go to the partition's tasks. No other part of a worker
/// knows the format of the records.
pub(super) struct ChunkDecoder {
    decoder: Decoder,
    size: ChunkSize,
    /// Copies of the chunk's records, if a query can fail on one of them.
    records: Option<ChunkRecords>,
    /// The memory that the last chunk took while it was decoded. The next chunk will take as much.
    held: MemoryReservation,
}

impl ChunkDecoder {
    /// Makes a decoder of the columns `columns` of `schema`. If `records` is given, it holds copies of a chunk's
    /// records until the chunk is cleared.
    ///
    /// # Errors
    /// Fails if the schema does not have these columns.
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
    /// Returns why the record is bad. The chunk is then unchanged.
    #[inline]
    pub(super) fn push(&mut self, payload: &[u8], meta: &RecordMeta<'_>) -> Result<(), Defect> {
        self.decoder.push(payload, meta)?;
        if let Some(records) = &mut self.records {
            records.push(meta, payload);
        }
        Ok(())
    }

    /// Returns whether the chunk should take no more records.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        let copied = self.records.as_ref().map_or(0, ChunkRecords::bytes);
        let bytes = self.decoder.bytes().max(copied);
        self.decoder.len() >= self.size.records || bytes >= self.size.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.decoder.is_empty()
    }

    /// Returns the rows of the chunk. The copies of its records stay until [`Self::clear`].
    ///
    /// # Errors
    /// Fails only for reasons that no record can cause.
    pub(super) fn decoded(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = self.decoder.flush()?;
        let copied = self.records.as_ref().map_or(0, ChunkRecords::held);
        self.held.resize(rows.get_array_memory_size() + copied);
        Ok(rows)
    }

    /// Returns the copies of the chunk's records, if a query can fail on one of them.
    pub(super) fn records(&self) -> Option<&ChunkRecords> {
        self.records.as_ref()
    }

    /// Returns what happens if a query fails on a record of the chunk.
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

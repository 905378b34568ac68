//! The number of records and bytes that are decoded before they are aggregated.

use std::ops::RangeInclusive;

/// The number of records that are decoded before they are aggregated together. It is smaller where memory is small,
/// since every partition may hold a chunk when memory turns out to be short.
const CHUNK_RECORDS: RangeInclusive<usize> = 1024..=8192;
/// The number of bytes that are decoded before they are aggregated together; it applies to large records.
const CHUNK_BYTES: RangeInclusive<usize> = 64 << 10..=4 << 20;
/// The number of chunks that should fit into the memory at the same time.
const CHUNKS: usize = 64;
/// The number of bytes that a record is estimated to take.
const RECORD_BYTES: usize = 256;

/// The size at which a chunk of decoded records is aggregated.
pub(super) struct ChunkSize {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

impl ChunkSize {
    pub(super) fn within(room: Option<usize>) -> Self {
        let of_each = room.map_or(usize::MAX, |room| room / CHUNKS);
        let fit =
            |size: usize, range: RangeInclusive<usize>| size.clamp(*range.start(), *range.end());
        Self {
            records: fit(of_each / RECORD_BYTES, CHUNK_RECORDS),
            bytes: fit(of_each, CHUNK_BYTES),
        }
    }
}

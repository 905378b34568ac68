//! How much is decoded before it is aggregated.

use std::ops::RangeInclusive;

/// Records that are decoded before they are aggregated together; fewer where memory is small, since each
/// partition has a chunk on its way when it turns out to be short.
const CHUNK_RECORDS: RangeInclusive<usize> = 1024..=8192;
/// The same in bytes, for large records.
const CHUNK_BYTES: RangeInclusive<usize> = 64 << 10..=4 << 20;
/// So many chunks at a time should fit into the room there is.
const CHUNKS: usize = 64;
/// What a record takes, for that.
const RECORD_BYTES: usize = 256;

/// When what has been decoded is aggregated.
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

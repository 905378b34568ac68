//! Copies of a chunk's records. They are needed because librdkafka frees a record once it is decoded.

use crate::engine::query::OnRecordError;
use crate::engine::worker::RawRecord;
use crate::format::metadata::RecordMeta;
use crate::position::{Offset, TopicPartition};

/// The most bytes of room that one chunk leaves to the next. A chunk needs more only if its records are large.
const MOST_HELD: usize = 8 << 20;

/// Copies of a chunk's records. If a failing record ends the query, only the offsets of the records are stored. The
/// memory is used again for the next chunk.
pub(super) struct ChunkRecords {
    on_error: OnRecordError,
    places: Vec<Place>,
    /// The bytes of all records: each record's key and value, and the names and values of its headers.
    bytes: Vec<u8>,
    /// The lengths of each header's name and value.
    headers: Vec<(usize, Option<usize>)>,
}

struct Place {
    offset: i64,
    timestamp_ms: Option<i64>,
    /// The index in `bytes` where the record begins.
    start: usize,
    key: Option<usize>,
    value: usize,
    /// The index of the record's first header in `headers`, and the number of its headers.
    headers: (usize, usize),
}

impl ChunkRecords {
    pub(super) fn new(on_error: OnRecordError) -> Self {
        Self {
            on_error,
            places: Vec::new(),
            bytes: Vec::new(),
            headers: Vec::new(),
        }
    }

    pub(super) fn on_error(&self) -> OnRecordError {
        self.on_error
    }

    /// Adds a record that has been decoded.
    #[inline]
    pub(super) fn push(&mut self, meta: &RecordMeta<'_>, value: &[u8]) {
        let copies = self.on_error == OnRecordError::DeadLetter;
        self.places.push(Place {
            offset: meta.offset,
            timestamp_ms: meta.timestamp_ms,
            start: self.bytes.len(),
            key: meta.key.map(<[u8]>::len),
            value: value.len(),
            headers: (self.headers.len(), meta.headers.len()),
        });
        if !copies {
            return;
        }
        self.bytes.extend_from_slice(meta.key.unwrap_or_default());
        self.bytes.extend_from_slice(value);
        for header in meta.headers {
            self.bytes.extend_from_slice(header.key.as_bytes());
            self.bytes
                .extend_from_slice(header.value.unwrap_or_default());
            self.headers
                .push((header.key.len(), header.value.map(<[u8]>::len)));
        }
    }

    /// Returns the number of bytes of the records that have been copied.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the number of bytes of memory that this takes.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
            + self.places.capacity() * size_of::<Place>()
            + self.headers.capacity() * size_of::<(usize, Option<usize>)>()
    }

    /// Returns the offset of the record that became the chunk's row `row`.
    pub(super) fn offset(&self, row: usize) -> Option<Offset> {
        self.places.get(row).map(|place| Offset(place.offset))
    }

    /// Returns the record of `partition` that became the chunk's row `row`.
    pub(super) fn record(&self, row: usize, partition: &TopicPartition) -> Option<RawRecord> {
        let place = self.places.get(row)?;
        let mut bytes = self.bytes.get(place.start..)?;
        let mut take = |length: usize| -> Option<&[u8]> {
            let (taken, rest) = bytes.split_at_checked(length)?;
            bytes = rest;
            Some(taken)
        };
        let key = match place.key {
            Some(length) => Some(take(length)?.to_vec()),
            None => None,
        };
        let value = take(place.value)?.to_vec();
        let (first, count) = place.headers;
        let mut headers = Vec::with_capacity(count);
        for (name, value) in self.headers.get(first..first + count)? {
            let name = String::from_utf8_lossy(take(*name)?).into_owned();
            let value = match value {
                Some(length) => Some(take(*length)?.to_vec()),
                None => None,
            };
            headers.push((name, value));
        }
        Some(RawRecord {
            partition: partition.clone(),
            offset: place.offset,
            timestamp_ms: place.timestamp_ms,
            key,
            value,
            headers,
        })
    }

    /// Begins the next chunk.
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.headers.clear();
        self.bytes.clear();
        self.bytes.shrink_to(MOST_HELD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::metadata::Header;

    #[test]
    fn records_are_as_they_came_with_keys_and_headers_that_are_empty_or_missing() {
        let headers = [
            [
                Header {
                    key: "trace",
                    value: Some(b"\0\xff".as_slice()),
                },
                Header {
                    key: "",
                    value: None,
                },
            ],
            [
                Header {
                    key: "",
                    value: Some(b"".as_slice()),
                },
                Header {
                    key: "trace",
                    value: None,
                },
            ],
        ];
        let meta = |offset, key, headers| RecordMeta {
            topic: "t",
            partition: 3,
            offset,
            timestamp_ms: (offset % 2 == 0).then_some(offset * 1000),
            key,
            headers,
        };
        let metas = [
            meta(7, None, &headers[0]),
            meta(8, Some(b"".as_slice()), &[]),
            meta(12, Some(b"\xfe".as_slice()), &headers[1]),
        ];
        let values: [&[u8]; 3] = [b"{}", b"", b"{\"a\":1}"];
        let mut chunk = ChunkRecords::new(OnRecordError::DeadLetter);
        // The second chunk uses the memory of the first.
        for _chunk in 0..2 {
            chunk.clear();
            for (meta, value) in metas.iter().zip(values) {
                chunk.push(meta, value);
            }
            for (row, (meta, value)) in metas.iter().zip(values).enumerate() {
                let partition = TopicPartition::new("t", 3);
                let record = chunk.record(row, &partition).unwrap();
                let headers = meta.headers.iter();
                let headers =
                    headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)));
                let expected = RawRecord {
                    partition,
                    offset: meta.offset,
                    timestamp_ms: meta.timestamp_ms,
                    key: meta.key.map(<[u8]>::to_vec),
                    value: value.to_vec(),
                    headers: headers.collect(),
                };
                assert_eq!(record, expected);
                assert_eq!(chunk.offset(row), Some(Offset(meta.offset)));
            }
            assert_eq!(chunk.record(3, &TopicPartition::new("t", 3)), None);
        }
    }

    #[test]
    fn where_a_failing_record_ends_the_query_no_record_is_copied() {
        let mut chunk = ChunkRecords::new(OnRecordError::Fail);
        let meta = RecordMeta {
            topic: "t",
            partition: 0,
            offset: 5,
            timestamp_ms: None,
            key: Some(b"key"),
            headers: &[],
        };
        chunk.push(&meta, b"{}");
        assert_eq!((chunk.bytes(), chunk.offset(0)), (0, Some(Offset(5))));
    }
}

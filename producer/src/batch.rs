//! Collects records in one buffer whose memory is reused from batch to batch.

/// Keys and payloads of records, in the order in which they were pushed.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Each record's key, directly followed by its payload.
    bytes: Vec<u8>,
    /// For each record, the lengths of its key and of its payload in bytes.
    lengths: Vec<(usize, usize)>,
}

impl Batch {
    /// Appends a copy of one record.
    pub(crate) fn push(&mut self, key: &[u8], payload: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(payload);
        self.lengths.push((key.len(), payload.len()));
    }

    /// Removes all records but keeps the allocated memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.lengths.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Returns each record's key and payload, in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.lengths.iter().map(move |&(key, payload)| {
            let (record, behind) = rest.split_at(key + payload);
            rest = behind;
            record.split_at(key)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_put() {
        let records: [(&[u8], &[u8]); 4] =
            [(b"a", b"first"), (b"", b""), (b"bc", b""), (b"", b"last")];
        let mut batch = Batch::default();
        for _ in 0..2 {
            batch.clear();
            for (key, payload) in records {
                batch.push(key, payload);
            }
            assert_eq!(batch.len(), 4);
            assert_eq!(batch.records().collect::<Vec<_>>(), records);
        }
    }
}

//! Records in a row, in one buffer that is kept.

/// Keys and payloads of records, in their order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Each record's key and then its payload, without anything between.
    bytes: Vec<u8>,
    /// Lengths of each record's key and payload.
    lengths: Vec<(usize, usize)>,
}

impl Batch {
    pub(crate) fn push(&mut self, key: &[u8], payload: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(payload);
        self.lengths.push((key.len(), payload.len()));
    }

    /// Empties it and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.lengths.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Keys and payloads.
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

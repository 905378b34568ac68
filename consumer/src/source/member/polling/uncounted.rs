//! What a member has read and not added to the shared counters yet. It does not add each record by itself, because all
//! members share these counters.

use std::mem;
use std::sync::atomic::Ordering;

use crate::source::member::Counters;

#[derive(Default)]
pub(super) struct Uncounted {
    records: u64,
    /// Bytes of the values of those records.
    bytes: u64,
    /// The number of partitions that were paused when they were last counted.
    paused: u64,
}

impl Uncounted {
    #[inline]
    pub(super) fn read(&mut self, payload: Option<&[u8]>) {
        self.records += 1;
        self.bytes += size(payload);
    }

    /// Takes the last record that was read out of the count again: it will come a second time.
    pub(super) fn put_back(&mut self, payload: Option<&[u8]>) {
        self.records -= 1;
        self.bytes -= size(payload);
    }

    pub(super) fn has_read(&self) -> bool {
        self.records > 0
    }

    pub(super) fn count(&mut self, counters: &Counters) {
        let (records, bytes) = (mem::take(&mut self.records), mem::take(&mut self.bytes));
        counters.records.fetch_add(records, Ordering::Relaxed);
        counters.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn count_paused(&mut self, paused: usize, counters: &Counters) {
        let before = mem::replace(&mut self.paused, paused as u64);
        let counter = &counters.paused;
        if self.paused > before {
            counter.fetch_add(self.paused - before, Ordering::Relaxed);
        } else {
            counter.fetch_sub(before - self.paused, Ordering::Relaxed);
        }
    }
}

fn size(payload: Option<&[u8]>) -> u64 {
    payload.map_or(0, <[u8]>::len) as u64
}

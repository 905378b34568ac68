//! A partition's dead letters that are on their way.

use datafusion_execution::memory_pool::MemoryReservation;

/// Dead letters of a partition that may be on their way at a time.
const MOST_LETTERS: u64 = 10_000;
/// The same in bytes of their values.
const MOST_LETTER_BYTES: usize = 16 << 20;

/// Dead letters that are on their way.
pub(super) struct Letters {
    pub(super) count: u64,
    /// Of all since there were none.
    bytes: MemoryReservation,
    /// They cannot be written for now.
    pub(super) stuck: bool,
}

impl Letters {
    pub(super) fn none(bytes: MemoryReservation) -> Self {
        Self {
            count: 0,
            bytes,
            stuck: false,
        }
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes.grow(bytes);
    }

    pub(super) fn settle(&mut self, count: u64) {
        self.count = self.count.saturating_sub(count);
        if self.count == 0 {
            self.bytes.free();
            self.stuck = false;
        }
    }

    #[inline]
    pub(super) fn are_too_many(&self) -> bool {
        self.count >= MOST_LETTERS || self.bytes.size() >= MOST_LETTER_BYTES
    }
}

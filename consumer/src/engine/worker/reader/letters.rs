//! The dead letters of a partition that are on their way.

use datafusion_execution::memory_pool::MemoryReservation;

/// The most dead letters of a partition that may be on their way at the same time.
const MOST_LETTERS: u64 = 10_000;
/// The most bytes that the values of these dead letters may have.
const MOST_LETTER_BYTES: usize = 16 << 20;

/// The dead letters of a partition that have been sent and are not settled yet.
pub(super) struct Letters {
    pub(super) count: u64,
    /// The bytes of all letters since the last time that none was on its way.
    bytes: MemoryReservation,
    /// Whether the letters cannot be written at the moment.
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

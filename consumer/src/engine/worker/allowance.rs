//! The number of records that a batch may still take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of records that all workers of a process may still take before these records are in a batch.
///
/// A worker takes one from the allowance for each record, and gives it back when the record has been handed over or
/// dropped, not when a batch begins: workers read on while others still hand over, and no batch may exceed its limit.
/// There is one exception. Records that wait for dead letters which cannot be written are given back earlier. Otherwise
/// the waiting partitions would use up the allowance of all others and nothing would go on. These records later come on
/// top of a batch's limit.
#[derive(Clone, Debug)]
pub struct Allowance(Option<Arc<AtomicU64>>);

impl Allowance {
    /// Returns an allowance of this many records for each batch; `None` sets no limit.
    pub fn new(per_batch: Option<u64>) -> Self {
        Self(per_batch.map(|records| Arc::new(AtomicU64::new(records))))
    }

    /// Gives back this many records, which are no longer on their way to a batch.
    pub fn give_back(&self, records: u64) {
        if let Some(left) = &self.0 {
            left.fetch_add(records, Ordering::AcqRel);
        }
    }

    pub(super) fn take(&self) -> bool {
        self.0.as_ref().is_none_or(|left| {
            let one_less = |left: u64| left.checked_sub(1);
            left.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less)
                .is_ok()
        })
    }
}

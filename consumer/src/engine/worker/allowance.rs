//! How many records a batch may still have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many records all workers of a process may still take before they are in a batch.
///
/// Whoever takes a record gives it back when it has been handed over or dropped, and not when a batch
/// begins: workers read on while others still hand over, and no batch may have more than its share.
/// Only what waits for dead letters that cannot be written is given back before: else partitions that
/// wait would take the share of all others, and nothing would go on. It comes on top of a batch later.
#[derive(Clone, Debug)]
pub struct Allowance(Option<Arc<AtomicU64>>);

impl Allowance {
    /// So many records a batch; `None` is without limit.
    pub fn new(per_batch: Option<u64>) -> Self {
        Self(per_batch.map(|records| Arc::new(AtomicU64::new(records))))
    }

    /// These are no longer on their way to a batch.
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

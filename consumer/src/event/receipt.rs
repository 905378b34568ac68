//! The receipt of a batch: with it whoever takes the batch says that its rows are written.
//!
//! A receipt that is dropped, with all of its copies, before it was acknowledged says that the rows are lost.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Sender;

/// What became of the rows of the batch with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The rows are written.
    Written(u64),
    /// Nobody has the rows any more, and nobody has said that they are written.
    Dropped(u64),
}

/// Acknowledges one batch. The default belongs to a batch that nobody waits for.
#[derive(Clone, Debug, Default)]
pub struct Receipt(Option<Arc<OpenReceipt>>);

struct OpenReceipt {
    number: u64,
    tell: Sender<Delivery>,
    is_told: AtomicBool,
}

impl Receipt {
    /// The receipt of the batch with this `number`; what becomes of the batch goes to `tell`.
    pub fn new(number: u64, tell: Sender<Delivery>) -> Self {
        Self(Some(Arc::new(OpenReceipt {
            number,
            tell,
            is_told: AtomicBool::new(false),
        })))
    }

    /// Says that the rows are written, so that they will not be made again. To say so twice does no harm.
    pub fn acknowledge(&self) {
        if let Some(open) = &self.0
            && !open.is_told.swap(true, Ordering::Relaxed)
        {
            open.tell(Delivery::Written(open.number));
        }
    }

    /// Whether a checkpoint waits for the batch.
    pub fn is_awaited(&self) -> bool {
        self.0.is_some()
    }
}

impl OpenReceipt {
    fn tell(&self, delivery: Delivery) {
        // The query may have ended.
        let _ = self.tell.send(delivery);
    }
}

impl Drop for OpenReceipt {
    fn drop(&mut self) {
        if !*self.is_told.get_mut() {
            self.tell(Delivery::Dropped(self.number));
        }
    }
}

impl Debug for OpenReceipt {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_told = self.is_told.load(Ordering::Relaxed);
        write!(f, "OpenReceipt({}, {is_told})", self.number)
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;

    #[test]
    fn a_receipt_is_acknowledged_once_and_lost_only_with_its_last_copy() {
        let (tell, told) = unbounded();
        let (first, second) = (Receipt::new(1, tell.clone()), Receipt::new(2, tell));
        drop(first.clone());
        first.acknowledge();
        first.acknowledge();
        drop(first);
        drop(second);
        let told: Vec<_> = told.iter().collect();
        assert_eq!(told, [Delivery::Written(1), Delivery::Dropped(2)]);
    }
}

//! Checkpoints of a query without an aggregate, which wait until the rows before them are written.
//!
//! Such rows are in no state: a process that goes on behind them never makes them again. So a checkpoint is held until
//! every batch up to its own has been acknowledged. Each row is then written at least once. Rows that were written and
//! not acknowledged come again after a restart, and so do the rows of partitions that another process takes over
//! meanwhile.

use std::collections::VecDeque;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::checkpoint::writer::NewState;
use crate::event::{Delivery, Receipt};

/// The most batches that may wait to be acknowledged; while as many do, no batch is made.
const MOST: usize = 1_000;

/// The batches that have been given out and are not known to be written.
pub struct Deliveries {
    /// The batches in the order in which they were given out.
    waiting: VecDeque<UnwrittenBatch>,
    /// The number of the first of these batches.
    first: u64,
    tell: Sender<Delivery>,
    told: Receiver<Delivery>,
    is_lost: bool,
}

struct UnwrittenBatch {
    /// The checkpoints that may become durable once all rows up to this batch's are written.
    states: Vec<NewState>,
    is_written: bool,
}

impl Default for Deliveries {
    fn default() -> Self {
        let (tell, told) = unbounded();
        Self {
            waiting: VecDeque::new(),
            first: 0,
            tell,
            told,
            is_lost: false,
        }
    }
}

impl Deliveries {
    /// Holds the checkpoints behind a batch's rows until the receipt, which goes with the batch, is acknowledged.
    #[must_use]
    pub fn hold(&mut self, states: Vec<NewState>) -> Receipt {
        if self.is_lost {
            return Receipt::default();
        }
        let number = self.first + self.waiting.len() as u64;
        self.push(states, false);
        Receipt::new(number, self.tell.clone())
    }

    /// Holds checkpoints that pass over no rows, for which only the batches before are waited for.
    pub fn pass(&mut self, states: Vec<NewState>) {
        // The last batch that waits is older than the batches that were dropped, and these states pass over them.
        if self.is_lost {
            return;
        }
        match self.waiting.back_mut() {
            Some(last) => last.states.extend(states),
            None => self.push(states, true),
        }
    }

    fn push(&mut self, states: Vec<NewState>, is_written: bool) {
        self.waiting
            .push_back(UnwrittenBatch { states, is_written });
    }

    /// Reports what becomes of batches. Every report that is taken from here must be given to `settle`.
    pub fn told(&self) -> &Receiver<Delivery> {
        &self.told
    }

    /// Takes the report of what became of a batch.
    pub fn settle(&mut self, delivery: Delivery) {
        let place = |number: u64| usize::try_from(number - self.first).unwrap_or(usize::MAX);
        match delivery {
            Delivery::Written(number) => {
                if let Some(waiting) = self.waiting.get_mut(place(number)) {
                    waiting.is_written = true;
                }
            }
            // No checkpoint can pass it any more. Those before it may still be written.
            Delivery::Dropped(number) => {
                self.waiting.truncate(place(number));
                self.is_lost = true;
            }
        }
    }

    /// The checkpoints that may become durable by now, in the order of their partitions.
    #[must_use]
    pub fn take_written(&mut self) -> Vec<NewState> {
        while let Ok(delivery) = self.told.try_recv() {
            self.settle(delivery);
        }
        let mut written = Vec::new();
        while let Some(waiting) = self.waiting.pop_front_if(|first| first.is_written) {
            self.first += 1;
            written.extend(waiting.states);
        }
        written
    }

    /// Whether any batch is not known to be written, and still may be.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether as many batches wait as may.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= MOST
    }

    /// Whether rows have been dropped, so that no checkpoint moves on any more.
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Checkpoint;
    use crate::position::{Offset, TopicPartition};

    fn state(previous: i64, next: i64) -> NewState {
        NewState {
            partition: TopicPartition::new("t", 0),
            previous: Offset(previous),
            checkpoint: Checkpoint::at(Offset(next)),
            groups: Vec::new(),
        }
    }

    /// The offsets of the checkpoints that may become durable.
    fn written(deliveries: &mut Deliveries) -> Vec<i64> {
        let states = deliveries.take_written().into_iter();
        states.map(|state| state.checkpoint.next.0).collect()
    }

    #[test]
    fn a_checkpoint_waits_for_all_rows_before_it() {
        let mut deliveries = Deliveries::default();
        let first = deliveries.hold(vec![state(0, 5)]);
        let second = deliveries.hold(vec![state(5, 9)]);
        assert!(written(&mut deliveries).is_empty());
        second.acknowledge();
        assert!(written(&mut deliveries).is_empty(), "the first waits");
        first.acknowledge();
        assert_eq!(written(&mut deliveries), [5, 9]);
        assert!(!deliveries.is_waiting());
        let third = deliveries.hold(vec![state(9, 12)]);
        assert!(written(&mut deliveries).is_empty());
        third.acknowledge();
        assert_eq!(written(&mut deliveries), [12]);
    }

    #[test]
    fn what_passes_over_no_rows_waits_only_for_those_before() {
        let mut deliveries = Deliveries::default();
        deliveries.pass(vec![state(0, 2)]);
        assert_eq!(written(&mut deliveries), [2]);
        let receipt = deliveries.hold(vec![state(2, 7)]);
        deliveries.pass(vec![state(7, 8)]);
        assert!(written(&mut deliveries).is_empty());
        receipt.acknowledge();
        assert_eq!(written(&mut deliveries), [7, 8]);
        assert!(!deliveries.is_waiting());
    }

    #[test]
    fn behind_rows_that_were_dropped_nothing_is_kept() {
        let mut deliveries = Deliveries::default();
        let first = deliveries.hold(vec![state(0, 5)]);
        let second = deliveries.hold(vec![state(5, 9)]);
        let third = deliveries.hold(vec![state(9, 12)]);
        third.acknowledge();
        drop(second);
        assert!(written(&mut deliveries).is_empty());
        assert!(deliveries.is_lost() && deliveries.is_waiting());
        deliveries.pass(vec![state(12, 13)]);
        first.acknowledge();
        assert_eq!(written(&mut deliveries), [5]);
        deliveries.hold(vec![state(12, 20)]).acknowledge();
        deliveries.pass(vec![state(20, 21)]);
        assert!(written(&mut deliveries).is_empty());
        assert!(!deliveries.is_waiting(), "nothing is waited for any more");
    }

    #[test]
    fn no_more_batches_are_made_than_may_wait() {
        let mut deliveries = Deliveries::default();
        let receipts: Vec<_> = (0..MOST).map(|_| deliveries.hold(Vec::new())).collect();
        assert!(deliveries.is_full());
        receipts[0].acknowledge();
        assert!(deliveries.take_written().is_empty());
        assert!(!deliveries.is_full());
    }
}

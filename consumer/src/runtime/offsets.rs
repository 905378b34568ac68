//! How far each partition has been read, and how far its log goes.
//!
//! The members report what this process reads; looks tell what others read, where there are looks. Nothing is known of
//! other partitions any more: they stand still here, and are in no lag.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::assignment::Assignment;
use super::peers::Reach;
use crate::position::{Offset, TopicPartition};
use crate::source::topics::Extent;

/// The offsets of all partitions.
pub(super) struct Offsets {
    /// The logs as they were when the query was started.
    extents: Arc<BTreeMap<TopicPartition, Extent>>,
    /// The next offset of each partition after the last batch.
    next: BTreeMap<TopicPartition, Offset>,
    /// The ends of the logs.
    latest: BTreeMap<TopicPartition, Offset>,
    /// Whether looks tell of what others read.
    looks: bool,
    /// The number of records that this process had read when the last batch began.
    records_at_batch: u64,
}

impl Offsets {
    /// The offsets at the start; `looks` says whether looks are going to tell what others read.
    pub(super) fn new(extents: Arc<BTreeMap<TopicPartition, Extent>>, looks: bool) -> Self {
        let of_each = |at: fn(&Extent) -> Offset| {
            let each = extents.iter();
            each.map(|(of, extent)| (of.clone(), at(extent))).collect()
        };
        Self {
            next: of_each(|extent| extent.start),
            latest: of_each(|extent| extent.end),
            extents,
            looks,
            records_at_batch: 0,
        }
    }

    /// The next offset of each partition after the last batch.
    pub(super) fn next(&self) -> &BTreeMap<TopicPartition, Offset> {
        &self.next
    }

    /// Where the log of `partition` ends, as far as anyone has told.
    pub(super) fn latest(&self, partition: &TopicPartition) -> Offset {
        let known = |of: &BTreeMap<_, Offset>| of.get(partition).copied().unwrap_or_default();
        known(&self.latest).max(known(&self.next))
    }

    /// How many partitions are known.
    pub(super) fn partitions(&self) -> usize {
        self.latest.len()
    }

    /// Whether this process, which has `read` this many records, has read any since the last batch began.
    pub(super) fn has_records(&self, read: u64) -> bool {
        read > self.records_at_batch
    }

    /// A batch begins when this process has `read` this many records.
    pub(super) fn begin_batch(&mut self, read: u64) {
        self.records_at_batch = read;
    }

    /// A batch has come to these offsets.
    pub(super) fn read_to(&mut self, next: BTreeMap<TopicPartition, Offset>) {
        self.next.extend(next);
    }

    /// A log ends at `end`. A log never becomes shorter, so an end before a known one is passed over.
    pub(super) fn saw_end(&mut self, partition: TopicPartition, end: Offset) {
        let latest = self.latest.entry(partition).or_default();
        *latest = end.max(*latest);
    }

    /// Another process has come as far as `reach` in `partition`. Tells whether it has moved on.
    pub(super) fn saw_next(&mut self, partition: &TopicPartition, reach: Reach) -> bool {
        let next = self.next.entry(partition.clone()).or_default();
        let has_moved = *next < reach.next;
        *next = reach.next.max(*next);
        has_moved
    }

    /// Whether what is read up to `next` is all that was there at the start.
    pub(super) fn is_caught_up(&self, partition: &TopicPartition, next: Offset) -> bool {
        let at_start = self.extents.get(partition);
        at_start.is_none_or(|extent| next >= extent.end)
    }

    /// No look comes any more.
    pub(super) fn end_looks(&mut self) {
        self.looks = false;
    }

    /// The number of records that are not read, when this process has `read` this many: in its own partitions, and in
    /// others' where looks tell of them.
    pub(super) fn lag(&self, read: u64, assignment: &Assignment) -> u64 {
        let after_batch: u64 = self
            .latest
            .keys()
            .map(|partition| self.lag_after_batch(partition, assignment))
            .sum();
        after_batch.saturating_sub(read.saturating_sub(self.records_at_batch))
    }

    /// Whether somebody tells how far `partition` has come. A partition that has been given up stands still here,
    /// though somebody else reads on.
    pub(super) fn counts(&self, partition: &TopicPartition, assignment: &Assignment) -> bool {
        self.looks || assignment.reads(partition)
    }

    /// The partitions of which somebody tells how far they have come.
    pub(super) fn counted(&self, assignment: &Assignment) -> Vec<TopicPartition> {
        let all = self.latest.keys();
        all.filter(|partition| self.counts(partition, assignment))
            .cloned()
            .collect()
    }

    /// The number of records of `partition` that were not read with the last batch; 0 if nobody tells of them.
    pub(super) fn lag_after_batch(
        &self,
        partition: &TopicPartition,
        assignment: &Assignment,
    ) -> u64 {
        if !self.counts(partition, assignment) {
            return 0;
        }
        let next = self.next.get(partition).copied().unwrap_or_default();
        self.latest(partition).since(next)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Instant;

    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    /// Two partitions of 1,000 records, both of which this process reads.
    fn two(looks: bool) -> (Offsets, Assignment) {
        let extent = Extent {
            start: Offset(0),
            end: Offset(1_000),
        };
        let extents = BTreeMap::from([(partition(0), extent), (partition(1), extent)]);
        let mut assignment = Assignment::new(2, BTreeSet::new());
        assignment.assigned(0, vec![partition(0), partition(1)], Instant::now());
        (Offsets::new(Arc::new(extents), looks), assignment)
    }

    #[test]
    fn what_is_read_is_lag_no_longer() {
        let (mut offsets, assignment) = two(false);
        assert_eq!(offsets.lag(0, &assignment), 2_000);
        assert_eq!(offsets.lag(300, &assignment), 1_700);
        offsets.begin_batch(300);
        offsets.read_to(BTreeMap::from([(partition(0), Offset(300))]));
        assert_eq!(offsets.lag(300, &assignment), 1_700);
        assert_eq!(offsets.lag(350, &assignment), 1_650);
        offsets.saw_end(partition(1), Offset(1_100));
        // A log seems to be shorter for a while after its leader was lost.
        offsets.saw_end(partition(0), Offset(900));
        assert_eq!(offsets.lag(350, &assignment), 1_750);
    }

    #[test]
    fn what_was_given_up_and_nobody_tells_of_is_no_lag() {
        let (offsets, mut assignment) = two(false);
        assignment.revoked(0, &[partition(1)], Instant::now());
        assert_eq!(offsets.lag(0, &assignment), 1_000);
        assert_eq!(offsets.lag_after_batch(&partition(1), &assignment), 0);
    }

    #[test]
    fn what_others_read_is_lag_as_far_as_a_look_tells() {
        let (mut offsets, mut assignment) = two(true);
        assignment.revoked(0, &[partition(1)], Instant::now());
        // Until the first look the partition is as far as it was.
        assert_eq!(offsets.lag(0, &assignment), 2_000);
        let reach = Reach {
            next: Offset(600),
            end: Offset(1_200),
        };
        offsets.saw_end(partition(1), reach.end);
        assert!(offsets.saw_next(&partition(1), reach));
        assert!(!offsets.saw_next(&partition(1), reach));
        assert_eq!(offsets.lag(0, &assignment), 1_600);
        offsets.end_looks();
        assert_eq!(offsets.lag(0, &assignment), 1_000);
    }
}

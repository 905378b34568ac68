//! Which partitions this process reads, and whether it has read what was there at the start.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::position::TopicPartition;
use crate::source::topics::Extent;

/// A group that moves partitions about has settled when none has moved for this long.
const SETTLING: Duration = Duration::from_secs(5);

/// The partitions of one process.
pub(super) struct Assignment {
    /// The number of the topics' partitions, as far as it is known.
    partitions: usize,
    /// The member that reads each.
    readers: BTreeMap<TopicPartition, usize>,
    /// The partitions whose records from before the start have not been read, or were read and may not be handed over.
    unread: BTreeSet<TopicPartition>,
    /// When partitions moved last, or brokers came back; `None` before that.
    changed_at: Option<Instant>,
    /// Whether any broker answers.
    brokers_up: bool,
}

impl Assignment {
    /// None of the topics' `partitions` is read yet; those that are `unread` have records.
    pub(super) fn new(partitions: usize, unread: BTreeSet<TopicPartition>) -> Self {
        Self {
            partitions,
            readers: BTreeMap::new(),
            unread,
            changed_at: None,
            brokers_up: false,
        }
    }

    /// At the start none of the partitions with these `extents` is read.
    pub(super) fn at_start(extents: &BTreeMap<TopicPartition, Extent>) -> Self {
        let unread = extents
            .iter()
            .filter(|(_, extent)| extent.start < extent.end)
            .map(|(partition, _)| partition.clone())
            .collect();
        Self::new(extents.len(), unread)
    }

    /// The topics have at least this many partitions.
    pub(super) fn grow(&mut self, partitions: usize) {
        self.partitions = self.partitions.max(partitions);
    }

    /// `member` reads these partitions from their checkpoints on, and reports when it has caught up.
    pub(super) fn assigned(
        &mut self,
        member: usize,
        partitions: Vec<TopicPartition>,
        now: Instant,
    ) {
        for partition in partitions {
            // What its reader before had read and not handed over is read again.
            self.unread.insert(partition.clone());
            self.readers.insert(partition, member);
        }
        self.changed_at = Some(now);
    }

    /// `member` reads these partitions no longer. A partition that another member has been assigned meanwhile stays
    /// with that one. What `member` has read and not handed over is lost, so its partitions are unread until another
    /// has read them, here or in a process that stores its checkpoints where they are looked up.
    pub(super) fn revoked(&mut self, member: usize, partitions: &[TopicPartition], now: Instant) {
        for partition in partitions {
            if self.readers.get(partition) == Some(&member) {
                self.readers.remove(partition);
                self.unread.insert(partition.clone());
            }
        }
        self.changed_at = Some(now);
    }

    /// What was there at the start has been read from `partition`.
    pub(super) fn caught_up(&mut self, partition: &TopicPartition) {
        self.unread.remove(partition);
    }

    /// Whether any broker answers. When one does again, nothing is settled: the group was away with them.
    pub(super) fn saw_brokers(&mut self, up: bool, now: Instant) {
        if up && !self.brokers_up {
            self.changed_at = Some(now);
        }
        self.brokers_up = up;
    }

    /// Whether `member` reads any.
    pub(super) fn has_any(&self, member: usize) -> bool {
        self.readers.values().any(|reader| *reader == member)
    }

    /// Whether all that was there at the start has been read, here or by others.
    pub(super) fn has_read_all(&self) -> bool {
        self.unread.is_empty()
    }

    /// Whether all that was there at the start has been read from this process's own partitions. What other members of
    /// the group read is not waited for, but this process's members have time to join.
    pub(super) fn has_read_own(&self, now: Instant) -> bool {
        !self.readers.is_empty()
            && (self.missing() == 0 || self.is_settled(now))
            && !self.unread.iter().any(|unread| self.reads(unread))
    }

    /// How many partitions this process does not read, and is not going to read, as far as can be told; `None` if it
    /// reads all, the group has not settled, or no broker answers.
    pub(super) fn lacking(&self, now: Instant) -> Option<usize> {
        let missing = self.missing();
        (self.brokers_up && missing > 0 && self.is_settled(now)).then_some(missing)
    }

    /// Whether partitions have stayed where they are for a while.
    fn is_settled(&self, now: Instant) -> bool {
        self.changed_at
            .is_some_and(|at| now.saturating_duration_since(at) >= SETTLING)
    }

    /// Whether this process reads `partition`.
    pub(super) fn reads(&self, partition: &TopicPartition) -> bool {
        self.readers.contains_key(partition)
    }

    /// How many partitions this process reads.
    pub(super) fn len(&self) -> usize {
        self.readers.len()
    }

    /// How many partitions this process does not read.
    fn missing(&self) -> usize {
        self.partitions.saturating_sub(self.readers.len())
    }

    /// How many partitions the topics have.
    pub(super) fn partitions(&self) -> usize {
        self.partitions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Offset;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    #[test]
    fn a_partition_that_has_moved_on_is_not_lost_with_its_old_reader() {
        let now = Instant::now();
        let mut assignment = Assignment::new(1, BTreeSet::new());
        assignment.assigned(0, vec![partition(0)], now);
        assignment.assigned(1, vec![partition(0)], now);
        assignment.revoked(0, &[partition(0)], now);
        assert!(assignment.reads(&partition(0)));
        assignment.revoked(1, &[partition(0)], now);
        assert!(!assignment.reads(&partition(0)));
    }

    #[test]
    fn what_a_reader_takes_with_it_has_not_been_read() {
        let now = Instant::now();
        let mut assignment = Assignment::new(2, BTreeSet::from([partition(0), partition(1)]));
        assignment.assigned(0, vec![partition(0)], now);
        assignment.assigned(1, vec![partition(1)], now);
        assignment.caught_up(&partition(0));
        assignment.caught_up(&partition(1));
        assert!(assignment.has_read_all() && assignment.has_read_own(now));

        // The member has reported that it has caught up, and leaves before it has handed over.
        assignment.revoked(0, &[partition(0)], now);
        assert!(!assignment.has_read_all());
        // Another process may have the partition now: what is left here does not wait for it.
        assert!(!assignment.has_read_own(now));
        assert!(assignment.has_read_own(now + SETTLING));

        // Nothing is known here of that process's reading until a look shows what it has stored.
        assignment.caught_up(&partition(0));
        assert!(assignment.has_read_all());

        // The member that had the partition before gives up nothing.
        assignment.assigned(1, vec![partition(0)], now);
        assignment.caught_up(&partition(0));
        assignment.revoked(0, &[partition(0)], now);
        assert!(assignment.has_read_all());
    }

    #[test]
    fn own_members_are_waited_for_and_others_are_not() {
        let now = Instant::now();
        let mut assignment = Assignment::new(2, BTreeSet::from([partition(0), partition(1)]));
        assert!(!assignment.has_read_own(now));
        assignment.assigned(0, vec![partition(0)], now);
        assignment.caught_up(&partition(0));
        assert!(!assignment.has_read_own(now));
        assert!(assignment.has_read_own(now + SETTLING));
        assert!(!assignment.has_read_all());

        assignment.assigned(1, vec![partition(1)], now + SETTLING);
        assert!(!assignment.has_read_own(now + 3 * SETTLING));
        assignment.caught_up(&partition(1));
        assert!(assignment.has_read_own(now + SETTLING));
        assert!(assignment.has_read_all());

        // The partition moves before any result has its records: they are read again.
        assignment.revoked(0, &[partition(0)], now);
        assignment.assigned(1, vec![partition(0)], now);
        assert!(!assignment.has_read_own(now));
        assignment.caught_up(&partition(0));
        assert!(assignment.has_read_own(now + SETTLING));
        assert!(assignment.has_read_all());
    }

    #[test]
    fn at_the_start_partitions_with_records_are_unread() {
        let extent = |start, end| Extent {
            start: Offset(start),
            end: Offset(end),
        };
        let extents = [(partition(0), extent(3, 3)), (partition(1), extent(3, 4))];
        let mut assignment = Assignment::at_start(&BTreeMap::from(extents));
        assert_eq!(assignment.partitions(), 2);
        assert!(!assignment.has_read_all());
        assignment.caught_up(&partition(1));
        assert!(assignment.has_read_all());
    }

    #[test]
    fn what_is_not_read_is_told_of_once_brokers_have_answered_for_a_while() {
        let now = Instant::now();
        let mut assignment = Assignment::new(3, BTreeSet::new());
        assignment.assigned(0, vec![partition(0)], now);
        assert_eq!(
            assignment.lacking(now + SETTLING),
            None,
            "none has answered"
        );
        assignment.saw_brokers(true, now + SETTLING);
        assert_eq!(assignment.lacking(now + SETTLING), None);
        assert_eq!(assignment.lacking(now + 2 * SETTLING), Some(2));
        // Another broker answers, too.
        assignment.saw_brokers(true, now + 2 * SETTLING);
        assert_eq!(assignment.lacking(now + 2 * SETTLING), Some(2));
        assignment.saw_brokers(false, now + 3 * SETTLING);
        assert_eq!(assignment.lacking(now + 3 * SETTLING), None);
        assignment.saw_brokers(true, now + 4 * SETTLING);
        assert_eq!(assignment.lacking(now + 4 * SETTLING), None);
        assignment.assigned(0, vec![partition(1), partition(2)], now);
        assert_eq!(assignment.lacking(now + 9 * SETTLING), None, "it reads all");
    }
}

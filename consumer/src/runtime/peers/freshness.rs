//! The freshness of that part of the result that other processes compute.

use std::collections::BTreeMap;
use std::time::Instant;

use super::lookup::{PeerLook, Reach};
use crate::event::PeersPart;
use crate::position::TopicPartition;

/// What is known of the partitions that others read.
pub(super) struct Freshness {
    /// When this process began to look: before that nothing was known.
    since: Instant,
    partitions: BTreeMap<TopicPartition, KnownReach>,
}

#[derive(Clone)]
struct KnownReach {
    reach: Reach,
    /// The last look at which the checkpoint had all records of the log, or had moved on since the look before.
    fresh_at: Instant,
}

impl Freshness {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            partitions: BTreeMap::new(),
        }
    }

    /// Takes what a look has found.
    pub(super) fn saw(&mut self, look: &PeerLook) {
        // A look that did not come to its end has not seen all partitions.
        let before = match look.problem {
            None => std::mem::take(&mut self.partitions),
            Some(_) => self.partitions.clone(),
        };
        for (partition, &reach) in &look.partitions {
            let known = before.get(partition);
            let has_moved = known.is_some_and(|known| reach.next > known.reach.next);
            let fresh_at = match known {
                _ if has_moved || reach.next >= reach.end => look.at,
                Some(known) => known.fresh_at,
                None => self.since,
            };
            let known = KnownReach { reach, fresh_at };
            self.partitions.insert(partition.clone(), known);
        }
    }

    /// The freshness of those partitions that this process does not read itself; `None` without any.
    pub(super) fn at(
        &self,
        now: Instant,
        reads: impl Fn(&TopicPartition) -> bool,
    ) -> Option<PeersPart> {
        let others = || self.partitions.iter().filter(|(of, _known)| !reads(of));
        let known = || others().map(|(_of, known)| known);
        let oldest = known().map(|known| known.fresh_at).min()?;
        Some(PeersPart {
            partitions: known().count(),
            behind: known()
                .map(|known| known.reach.end.since(known.reach.next))
                .sum(),
            age: now.saturating_duration_since(oldest),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::position::Offset;

    fn look(at: Instant, reaches: &[(i64, i64)]) -> PeerLook {
        let partitions = reaches.iter().enumerate().map(|(number, &(next, end))| {
            let reach = Reach {
                next: Offset(next),
                end: Offset(end),
            };
            (TopicPartition::new("t", number as i32), reach)
        });
        PeerLook {
            at,
            partitions: partitions.collect(),
            problem: None,
            foreign_member: None,
        }
    }

    #[test]
    fn the_others_part_is_as_fresh_as_its_stalest_partition() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let no = |_: &TopicPartition| false;
        let mut freshness = Freshness::new(start);
        assert_eq!(freshness.at(at(1), no), None);

        // The first is complete; it is not known how long the second has stood still.
        freshness.saw(&look(at(2), &[(7, 7), (5, 9)]));
        let part = freshness.at(at(3), no).unwrap();
        assert_eq!((part.partitions, part.behind), (2, 4));
        assert_eq!(part.age, Duration::from_secs(3));

        freshness.saw(&look(at(4), &[(7, 8), (6, 9)]));
        // The first has a new record, which its checkpoint does not have yet.
        assert_eq!(freshness.at(at(5), no).unwrap().age, Duration::from_secs(3));
        freshness.saw(&look(at(6), &[(7, 8), (6, 9)]));
        assert_eq!(freshness.at(at(9), no).unwrap().age, Duration::from_secs(7));
        freshness.saw(&look(at(10), &[(8, 8), (9, 9)]));
        let part = freshness.at(at(10), no).unwrap();
        assert_eq!((part.behind, part.age), (0, Duration::ZERO));

        // Both partitions have come to this process, or one of them has.
        assert_eq!(freshness.at(at(11), |_| true), None);
        let first = |of: &TopicPartition| of.partition == 0;
        assert_eq!(
            freshness.at(at(11), first).map(|part| part.partitions),
            Some(1)
        );
    }
}

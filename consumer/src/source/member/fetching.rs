//! What of a member's partitions is fetched: pauses, records held back while pausing, ends reached.

use std::collections::BTreeSet;
use std::mem;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedMessage};

use super::MemberError;
use super::held::Held;
use crate::position::{Offset, TopicPartition};
use crate::source::group_context::{GroupContext, Statistics};

/// So many statistics are not believed after the first moment at which all of the queue had been seen:
/// by the last of them librdkafka has had a second to do what it was told before.
const DOUBTFUL: u32 = 3;

/// The state of one client's fetching.
#[derive(Default)]
pub(super) struct Fetching {
    held: Held,
    /// What the client has paused. It forgets neither when a partition is revoked nor when it comes
    /// back.
    paused: BTreeSet<TopicPartition>,
    /// Partitions whose end the client has come to, though perhaps not the polling thread, and the ends.
    reached: Vec<(TopicPartition, Offset)>,
    trust: Trust,
}

/// Whether statistics are of what is fetched now. What was queued is fetched anew after a pause, and
/// after a rebalance, for which librdkafka pauses all partitions; statistics from before tell of ends
/// that are then to be reached once more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Some of those in the queue may be of before.
    NotUntilDrained,
    /// After so many more.
    After(u32),
}

impl Default for Trust {
    fn default() -> Self {
        Self::After(0)
    }
}

impl Fetching {
    /// Fetches no more of the record's partition, and keeps the record until it is fetched again.
    pub(super) fn hold<M: Message>(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        message: &M,
    ) -> Result<(), MemberError> {
        let partition = TopicPartition::new(message.topic(), message.partition());
        self.pause(consumer, partition)?;
        self.held.push(message);
        Ok(())
    }

    /// Fetches no more of `partition`.
    pub(super) fn pause(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        partition: TopicPartition,
    ) -> Result<(), MemberError> {
        self.reached.retain(|(reached, _)| *reached != partition);
        if !self.paused.contains(&partition) {
            consumer
                .pause(&one(&partition))
                .map_err(MemberError::client("pausing a partition"))?;
            self.paused.insert(partition);
        }
        Ok(())
    }

    /// What was kept of `partition`, which comes before anything that is fetched.
    pub(super) fn take_held(&mut self, partition: &TopicPartition) -> Vec<OwnedMessage> {
        self.held.take(partition)
    }

    /// Fetches `partition` again, unless some of it has been kept back once more.
    pub(super) fn resume(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        partition: &TopicPartition,
    ) -> Result<(), MemberError> {
        if !self.held.has(partition) && self.paused.remove(partition) {
            self.trust = Trust::NotUntilDrained;
            consumer
                .resume(&one(partition))
                .map_err(MemberError::client("resuming a partition"))?;
        }
        Ok(())
    }

    /// Partitions have come or gone, and all others are fetched anew.
    pub(super) fn rebalanced(&mut self) {
        self.reached.clear();
        self.trust = Trust::NotUntilDrained;
    }

    /// All that was in the queue has been seen.
    pub(super) fn drained(&mut self) {
        if self.trust == Trust::NotUntilDrained {
            self.trust = Trust::After(DOUBTFUL);
        }
    }

    /// Remembers which partitions the client has fetched to where they ended at the query's start, or
    /// beyond.
    pub(super) fn note_ends(&mut self, statistics: &Statistics, context: &GroupContext) {
        match &mut self.trust {
            Trust::NotUntilDrained => return,
            Trust::After(0) => {}
            Trust::After(more) => {
                *more -= 1;
                return;
            }
        }
        let reached = statistics
            .reached_ends()
            .filter(|(partition, end)| *end >= context.end(partition))
            .filter(|(partition, _)| !self.paused.contains(partition));
        self.reached.extend(reached);
    }

    /// The partitions whose end is reached once all that was fetched has been polled.
    pub(super) fn take_reached(&mut self) -> Vec<(TopicPartition, Offset)> {
        mem::take(&mut self.reached)
    }
}

fn one(partition: &TopicPartition) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition(&partition.topic, partition.partition);
    list
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::checkpoint::Checkpoints;
    use crate::source::topics::Extent;

    fn context() -> GroupContext {
        let extent = Extent {
            start: Offset(0),
            end: Offset(10),
        };
        let extents = BTreeMap::from([(TopicPartition::new("t", 0), extent)]);
        GroupContext::new(Checkpoints::default(), Arc::new(extents))
    }

    fn statistics(next: i64, end: i64) -> Statistics {
        let partition = format!(
            r#"{{"partition":0,"next_offset":{next},"eof_offset":{end},"ls_offset":{end}}}"#
        );
        let text = format!(r#"{{"topics":{{"t":{{"partitions":{{"0":{partition}}}}}}}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn ends(fetching: &mut Fetching) -> Vec<i64> {
        let reached = fetching.take_reached().into_iter();
        reached.map(|(_, end)| end.0).collect()
    }

    #[test]
    fn an_end_is_one_that_lies_where_the_log_ended_or_beyond() {
        let mut fetching = Fetching::default();
        fetching.note_ends(&statistics(9, 9), &context());
        assert!(ends(&mut fetching).is_empty());
        fetching.note_ends(&statistics(9, 10), &context());
        assert!(ends(&mut fetching).is_empty());
        fetching.note_ends(&statistics(10, 10), &context());
        assert_eq!(ends(&mut fetching), [10]);
        fetching.note_ends(&statistics(12, 12), &context());
        assert_eq!(ends(&mut fetching), [12]);
    }

    #[test]
    fn ends_from_before_a_rebalance_are_to_be_reached_again() {
        let mut fetching = Fetching::default();
        fetching.note_ends(&statistics(10, 10), &context());
        fetching.rebalanced();
        assert!(ends(&mut fetching).is_empty());
        // However many were queued, and however long that took.
        for _ in 0..100 {
            fetching.note_ends(&statistics(10, 10), &context());
        }
        assert!(ends(&mut fetching).is_empty());
        fetching.drained();
        for _ in 0..DOUBTFUL {
            fetching.drained();
            fetching.note_ends(&statistics(10, 10), &context());
        }
        assert!(ends(&mut fetching).is_empty());
        fetching.note_ends(&statistics(10, 10), &context());
        assert_eq!(ends(&mut fetching), [10]);
    }
}

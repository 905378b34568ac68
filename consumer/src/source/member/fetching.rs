//! What of a member's partitions is fetched: pauses, records held back while pausing, ends reached.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedMessage};

use super::MemberError;
use super::held::Held;
use crate::position::{Offset, TopicPartition};
use crate::source::group_context::{GroupContext, Statistics};

/// How many statistics are passed over after an end has been polled: one may have been made before.
const OLD: i32 = 1;
/// The same where two topics have a partition of that number, since librdkafka does not say whose end it
/// was: half a minute, in which a broker has answered, or is lost for longer than is planned for.
const OLD_OF_SEVERAL: i32 = 60;

/// The state of one client's fetching.
#[derive(Default)]
pub(super) struct Fetching {
    held: Held,
    /// What the client has paused. It forgets neither when a partition is revoked nor when it comes
    /// back.
    paused: BTreeSet<TopicPartition>,
    /// Partitions of which an end has been polled since they are fetched, and how many statistics must
    /// come before one is of now.
    ///
    /// What was queued is fetched anew after a pause, and after a rebalance, for which librdkafka pauses
    /// all partitions. Its statistics tell of the fetch before until the partition's broker answers,
    /// however long that takes; but an end that was polled is one of now, and comes behind all records
    /// before it.
    ended: BTreeMap<TopicPartition, i32>,
    /// Partitions whose end the client has come to, though perhaps not the polling thread, and the ends.
    reached: Vec<(TopicPartition, Offset)>,
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
        self.ended.remove(&partition);
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
            self.ended.remove(partition);
            consumer
                .resume(&one(partition))
                .map_err(MemberError::client("resuming a partition"))?;
        }
        Ok(())
    }

    /// Partitions have come or gone, and all others are fetched anew.
    pub(super) fn rebalanced(&mut self) {
        self.reached.clear();
        self.ended.clear();
    }

    /// An end of a log has been polled: that of one of these, the client's partitions of its number.
    pub(super) fn ended(&mut self, candidates: Vec<TopicPartition>) {
        let old = match candidates.len() {
            1 => OLD,
            _ => OLD_OF_SEVERAL,
        };
        for partition in candidates {
            self.ended.entry(partition).or_insert(old);
        }
    }

    /// Remembers which partitions the client has fetched to where they ended at the query's start, or
    /// beyond.
    pub(super) fn note_ends(&mut self, statistics: &Statistics, context: &GroupContext) {
        let reached = statistics
            .reached_ends()
            .filter(|(partition, end)| *end >= context.end(partition))
            .filter(|(partition, _)| self.ended.get(partition).is_some_and(|old| *old <= 0));
        self.reached.extend(reached);
        for old in self.ended.values_mut() {
            *old -= 1;
        }
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

    fn zero() -> Vec<TopicPartition> {
        vec![TopicPartition::new("t", 0)]
    }

    #[test]
    fn an_end_is_one_that_lies_where_the_log_ended_or_beyond() {
        let mut fetching = Fetching::default();
        fetching.ended(zero());
        fetching.note_ends(&statistics(12, 12), &context());
        assert!(ends(&mut fetching).is_empty());
        for (next, end, expected) in [
            (9, 9, None),
            (9, 10, None),
            (10, 10, Some(10)),
            (12, 12, Some(12)),
        ] {
            fetching.note_ends(&statistics(next, end), &context());
            assert_eq!(ends(&mut fetching), Vec::from_iter(expected));
        }
    }

    #[test]
    fn ends_from_before_a_rebalance_are_to_be_reached_again() {
        let mut fetching = Fetching::default();
        fetching.ended(zero());
        for _ in 0..=OLD {
            fetching.note_ends(&statistics(10, 10), &context());
        }
        fetching.rebalanced();
        assert!(ends(&mut fetching).is_empty());
        // However long its broker does not answer.
        for _ in 0..1_000 {
            fetching.note_ends(&statistics(10, 10), &context());
        }
        assert!(ends(&mut fetching).is_empty());
        fetching.ended(zero());
        for _ in 0..OLD {
            fetching.note_ends(&statistics(10, 10), &context());
        }
        assert!(ends(&mut fetching).is_empty());
        fetching.note_ends(&statistics(10, 10), &context());
        assert_eq!(ends(&mut fetching), [10]);
    }

    #[test]
    fn an_end_of_one_of_two_topics_is_long_doubted() {
        let mut fetching = Fetching::default();
        let other = TopicPartition::new("u", 0);
        fetching.ended(vec![TopicPartition::new("t", 0), other]);
        for _ in 0..OLD_OF_SEVERAL {
            fetching.note_ends(&statistics(10, 10), &context());
        }
        assert!(ends(&mut fetching).is_empty());
        fetching.note_ends(&statistics(10, 10), &context());
        assert_eq!(ends(&mut fetching), [10]);
    }
}

//! What of a member's partitions is fetched: pauses, records held back while pausing, ends reached.

use std::collections::BTreeSet;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedMessage};

use super::MemberError;
use super::held::Held;
use crate::position::{Offset, TopicPartition};
use crate::source::group_context::{GroupContext, Statistics};

/// For so many statistics it is remembered that one of several partitions has ended.
const REMEMBERED: u32 = 4;

/// The state of one client's fetching.
#[derive(Default)]
pub(super) struct Fetching {
    held: Held,
    /// What the client has paused. It forgets neither when a partition is revoked nor when it comes
    /// back.
    paused: BTreeSet<TopicPartition>,
    /// Ends that have been polled, of one of several partitions of their number.
    ends: Vec<End>,
}

/// An end of a partition of that number.
struct End {
    number: i32,
    offset: Offset,
    /// In statistics.
    age: u32,
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
            consumer
                .resume(&one(partition))
                .map_err(MemberError::client("resuming a partition"))?;
        }
        Ok(())
    }

    /// Partitions have come or gone, and all others are fetched anew.
    pub(super) fn rebalanced(&mut self) {
        self.ends.clear();
    }

    /// An end has been polled, of one of several topics' partitions of that number.
    pub(super) fn note_end(&mut self, number: i32, offset: Offset) {
        self.ends.push(End {
            number,
            offset,
            age: 0,
        });
    }

    /// The partitions whose end has been polled, told by the ends in the statistics. Where more have the same
    /// end than were polled, none.
    pub(super) fn ended(&mut self, statistics: &Statistics) -> Vec<(TopicPartition, Offset)> {
        let mut ended = Vec::new();
        if self.ends.is_empty() {
            return ended;
        }
        let reached: Vec<_> = statistics.reached_ends().collect();
        for polled in &self.ends {
            let is_same = |number, offset| (number, offset) == (polled.number, polled.offset);
            let candidates = reached
                .iter()
                .filter(|(of, offset)| is_same(of.partition, *offset));
            let times = self
                .ends
                .iter()
                .filter(|end| is_same(end.number, end.offset));
            if candidates.clone().count() <= times.count() {
                ended.extend(candidates.cloned());
            }
        }
        self.ends.retain_mut(|end| {
            end.age += 1;
            end.age < REMEMBERED
        });
        ended
    }
}

fn one(partition: &TopicPartition) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition(&partition.topic, partition.partition);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of partition 0 of both topics.
    fn statistics(end_of_t: i64, end_of_u: i64) -> Statistics {
        let topic = |end: i64| {
            format!(
                r#"{{"partitions":{{"0":{{"partition":0,"next_offset":{end},"eof_offset":{end}}}}}}}"#
            )
        };
        let (t, u) = (topic(end_of_t), topic(end_of_u));
        serde_json::from_str(&format!(r#"{{"topics":{{"t":{t},"u":{u}}}}}"#)).unwrap()
    }

    fn ended(fetching: &mut Fetching, statistics: &Statistics) -> Vec<String> {
        let mut ended = fetching.ended(statistics);
        ended.sort();
        ended.dedup();
        ended
            .iter()
            .map(|(of, end)| format!("{of} {end}"))
            .collect()
    }

    #[test]
    fn an_end_is_that_of_the_topic_whose_it_can_be() {
        let mut fetching = Fetching::default();
        assert!(ended(&mut fetching, &statistics(10, 12)).is_empty());
        fetching.note_end(0, Offset(12));
        assert_eq!(ended(&mut fetching, &statistics(10, 12)), ["u-0 12"]);
        fetching.note_end(1, Offset(10));
        assert_eq!(ended(&mut fetching, &statistics(10, 12)), ["u-0 12"]);
        fetching.rebalanced();
        assert!(ended(&mut fetching, &statistics(10, 12)).is_empty());
    }

    #[test]
    fn one_end_is_not_that_of_two() {
        let mut fetching = Fetching::default();
        fetching.note_end(0, Offset(10));
        assert!(ended(&mut fetching, &statistics(10, 10)).is_empty());
        fetching.note_end(0, Offset(10));
        assert_eq!(
            ended(&mut fetching, &statistics(10, 10)),
            ["t-0 10", "u-0 10"]
        );
    }

    #[test]
    fn ends_are_forgotten() {
        let mut fetching = Fetching::default();
        fetching.note_end(0, Offset(10));
        for _ in 0..REMEMBERED {
            assert!(ended(&mut fetching, &statistics(9, 9)).is_empty());
        }
        assert!(ended(&mut fetching, &statistics(10, 9)).is_empty());
    }
}

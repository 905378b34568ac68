//! What of a member's partitions is fetched: pauses, and records held back while pausing.

use std::collections::{BTreeSet, VecDeque};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedMessage};

use super::MemberError;
use super::held::Held;
use crate::position::TopicPartition;
use crate::source::group_context::GroupContext;

/// The state of one client's fetching.
#[derive(Default)]
pub(super) struct Fetching {
    held: Held,
    /// What the client has paused. It forgets neither when a partition is revoked nor when it comes
    /// back.
    paused: BTreeSet<TopicPartition>,
}

impl Fetching {
    /// Fetches no more of the record's partition, and keeps the record until it is fetched again.
    pub(super) fn hold<M: Message>(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        message: &M,
    ) -> Result<(), MemberError> {
        let partition = TopicPartition::new(message.topic(), message.partition());
        self.pause(consumer, partition.clone())?;
        self.held.push(partition, message);
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
    pub(super) fn take_held(&mut self, partition: &TopicPartition) -> VecDeque<OwnedMessage> {
        self.held.take(partition)
    }

    /// Whether something of `partition` is kept.
    pub(super) fn holds(&self, partition: &TopicPartition) -> bool {
        self.held.has(partition)
    }

    /// Keeps what has been taken, behind what has been kept since.
    pub(super) fn keep(&mut self, partition: &TopicPartition, messages: VecDeque<OwnedMessage>) {
        self.held.extend(partition, messages);
    }

    /// Fetches `partition` again, unless some of it has been kept back once more.
    pub(super) fn resume(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        partition: &TopicPartition,
    ) -> Result<(), MemberError> {
        if !self.holds(partition) && self.paused.remove(partition) {
            consumer
                .resume(&one(partition))
                .map_err(MemberError::client("resuming a partition"))?;
        }
        Ok(())
    }
}

fn one(partition: &TopicPartition) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition(&partition.topic, partition.partition);
    list
}

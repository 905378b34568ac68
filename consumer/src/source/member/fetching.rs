//! What of a member's partitions is fetched: pauses, records held back while pausing, ends reached.

use std::collections::BTreeSet;
use std::mem;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedMessage};

use super::MemberError;
use super::held::Held;
use crate::position::TopicPartition;
use crate::source::group_context::{GroupContext, Statistics};

/// What statistics say of a partition's end is so long doubtful after the partition has been fetched
/// anew: they may be of before.
const DOUBTFUL: Duration = Duration::from_secs(1);

/// The state of one client's fetching.
#[derive(Default)]
pub(super) struct Fetching {
    held: Held,
    /// What the client has paused. It forgets neither when a partition is revoked nor when it comes
    /// back.
    paused: BTreeSet<TopicPartition>,
    /// Partitions whose end the client has come to, though perhaps not the polling thread.
    reached: Vec<TopicPartition>,
    /// When a partition was last fetched anew, after a pause or from another member.
    refetched_at: Option<Instant>,
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
        self.reached.retain(|reached| *reached != partition);
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
            self.refetched_at = Some(Instant::now());
            consumer
                .resume(&one(partition))
                .map_err(MemberError::client("resuming a partition"))?;
        }
        Ok(())
    }

    /// Forgets what was read of `partition`.
    pub(super) fn revoked(&mut self, partition: &TopicPartition) {
        self.held.take(partition);
        self.reached.retain(|reached| reached != partition);
        self.refetched_at = Some(Instant::now());
    }

    /// Remembers which partitions the client has fetched to where they ended at the query's start.
    pub(super) fn note_ends(&mut self, statistics: &Statistics, context: &GroupContext) {
        if self.refetched_at.is_some_and(|at| at.elapsed() < DOUBTFUL) {
            return;
        }
        let reached = statistics
            .reached_ends()
            .filter(|(partition, end)| *end >= context.end(partition))
            .map(|(partition, _)| partition)
            .filter(|partition| !self.paused.contains(partition));
        self.reached.extend(reached);
    }

    /// The partitions whose end is reached once all that was fetched has been polled.
    pub(super) fn take_reached(&mut self) -> Vec<TopicPartition> {
        mem::take(&mut self.reached)
    }
}

fn one(partition: &TopicPartition) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition(&partition.topic, partition.partition);
    list
}

//! Which partitions a member's client fetches, and the records that are held while a partition is paused.

use std::collections::BTreeSet;

use rdkafka::message::{Message, OwnedMessage};

use super::MemberError;
use super::held::Held;
use crate::position::{Offset, TopicPartition};
use crate::source::client::MemberClient;

/// The state of one client's fetching.
#[derive(Default)]
pub(super) struct Fetching {
    held: Held,
    /// The partitions that the client has paused. The client keeps a pause when a partition is revoked and when it is
    /// assigned again.
    paused: BTreeSet<TopicPartition>,
    /// The partitions that the client has stopped by itself, because the next offset is not in the log. It fetches
    /// nothing more from them, wherever it is told to go on, until they are assigned anew.
    stopped: BTreeSet<TopicPartition>,
}

impl Fetching {
    /// Pauses the record's partition, and holds the record until the partition is fetched again.
    pub(super) fn hold<M: Message>(
        &mut self,
        client: &impl MemberClient,
        message: &M,
    ) -> Result<(), MemberError> {
        let partition = TopicPartition::new(message.topic(), message.partition());
        self.pause(client, partition.clone())?;
        self.held.push(partition, message);
        Ok(())
    }

    /// Pauses `partition`.
    pub(super) fn pause(
        &mut self,
        client: &impl MemberClient,
        partition: TopicPartition,
    ) -> Result<(), MemberError> {
        if !self.paused.contains(&partition) {
            client
                .pause(&partition)
                .map_err(MemberError::client("pausing a partition"))?;
            self.paused.insert(partition);
        }
        Ok(())
    }

    /// Notes that the client has stopped at `partition`. Returns whether the partition is paused as well, so that it
    /// goes on only when it is resumed.
    pub(super) fn stopped(&mut self, partition: &TopicPartition) -> bool {
        self.stopped.insert(partition.clone());
        self.paused.contains(partition)
    }

    /// Fetches `partition`, which the client has stopped by itself, from `next` on.
    pub(super) fn restart(
        &mut self,
        client: &impl MemberClient,
        partition: &TopicPartition,
        next: Offset,
    ) -> Result<(), MemberError> {
        self.stopped.remove(partition);
        client
            .restart(partition, next)
            .map_err(MemberError::client("going on in a partition"))
    }

    /// Removes the first held record of `partition` and returns it. All held records come before any that are fetched.
    pub(super) fn pop_held(&mut self, partition: &TopicPartition) -> Option<OwnedMessage> {
        self.held.pop(partition)
    }

    /// Holds that record again, because the worker did not take it.
    pub(super) fn put_back(&mut self, partition: &TopicPartition, first: OwnedMessage) {
        self.held.put_back(partition, first);
    }

    /// Drops all held records of `partition`.
    pub(super) fn drop_held(&mut self, partition: &TopicPartition) {
        self.held.drop_all(partition);
    }

    /// Fetches `partition` again from `next` on, unless some of its records are held once more.
    pub(super) fn resume(
        &mut self,
        client: &impl MemberClient,
        partition: &TopicPartition,
        next: Offset,
    ) -> Result<(), MemberError> {
        if !self.held.has(partition) && self.paused.remove(partition) {
            client
                .resume(partition)
                .map_err(MemberError::client("resuming a partition"))?;
            if self.stopped.contains(partition) {
                return self.restart(client, partition, next);
            }
            seek(client, [(partition, next)])?;
        }
        Ok(())
    }

    /// Lets the client go on at these positions, in all partitions that are not paused.
    pub(super) fn go_on<'p>(
        &self,
        client: &impl MemberClient,
        positions: impl Iterator<Item = (&'p TopicPartition, Offset)>,
    ) -> Result<(), MemberError> {
        seek(
            client,
            positions.filter(|(partition, _)| !self.paused.contains(partition)),
        )
    }
}

/// Lets the client go on at these positions. Without this the client would go on behind the last thing that it has
/// taken out of its queue, both after a pause of ours and after the pause that librdkafka makes whenever the group
/// moves partitions. That thing may be a marker of a transaction behind records that the pause has dropped. To seek
/// also wakes the thread that fetches, except at offset 0; after a pause that thread would sleep on for up to a second.
fn seek<'p>(
    client: &impl MemberClient,
    positions: impl IntoIterator<Item = (&'p TopicPartition, Offset)>,
) -> Result<(), MemberError> {
    client
        .seek(positions)
        .map_err(MemberError::client("going on in a partition"))
}

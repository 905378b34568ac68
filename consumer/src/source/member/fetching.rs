//! What of a member's partitions is fetched: pauses, and records held back while pausing.

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
    /// What the client has paused. It forgets neither when a partition is revoked nor when it comes
    /// back.
    paused: BTreeSet<TopicPartition>,
    /// What the client has stopped by itself, since the next offset is not there. It fetches no more of them, wherever it
    /// is told to go on, until they are assigned anew.
    stopped: BTreeSet<TopicPartition>,
}

impl Fetching {
    /// Fetches no more of the record's partition, and keeps the record until it is fetched again.
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

    /// Fetches no more of `partition`.
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

    /// The client fetches no more of `partition`; whether it is paused beside that, so that it has to go on only when it
    /// is resumed.
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

    /// The first that was kept of `partition`, all of which comes before anything that is fetched.
    pub(super) fn pop_held(&mut self, partition: &TopicPartition) -> Option<OwnedMessage> {
        self.held.pop(partition)
    }

    /// Keeps that one again, since it was not taken.
    pub(super) fn put_back(&mut self, partition: &TopicPartition, first: OwnedMessage) {
        self.held.put_back(partition, first);
    }

    /// Keeps nothing of `partition` any more.
    pub(super) fn drop_held(&mut self, partition: &TopicPartition) {
        self.held.drop_all(partition);
    }

    /// Fetches `partition` again, from `next` on, unless some of it has been kept back once more.
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

    /// Fetches those of these partitions that are not paused from there on.
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

/// Has the client go on there, and not where it would after a pause, which librdkafka makes by itself whenever the group
/// moves partitions: behind the last thing that it has taken out of its queue. That may be a marker of a transaction behind
/// records that the pause has dropped. To seek also wakes the thread that fetches (but at offset 0); after a pause it
/// sleeps on for up to a second.
fn seek<'p>(
    client: &impl MemberClient,
    positions: impl IntoIterator<Item = (&'p TopicPartition, Offset)>,
) -> Result<(), MemberError> {
    client
        .seek(positions)
        .map_err(MemberError::client("going on in a partition"))
}

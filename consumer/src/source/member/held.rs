//! Records that a worker did not take: kept until their partition is fetched again.

use std::collections::{BTreeMap, VecDeque};

use rdkafka::message::{Headers, Message, OwnedHeaders, OwnedMessage};

use crate::position::TopicPartition;

/// Each partition's records, in the order in which they came. Partitions without any have no entry.
#[derive(Default)]
pub(super) struct Held(BTreeMap<TopicPartition, VecDeque<OwnedMessage>>);

impl Held {
    /// Keeps a copy, behind all others of its partition.
    pub(super) fn push<M: Message>(&mut self, partition: TopicPartition, message: &M) {
        self.0
            .entry(partition)
            .or_default()
            .push_back(owned(message));
    }

    /// Whether there is one of `partition`.
    pub(super) fn has(&self, partition: &TopicPartition) -> bool {
        self.0.contains_key(partition)
    }

    /// Those of `partition`; they are no longer held.
    pub(super) fn take(&mut self, partition: &TopicPartition) -> VecDeque<OwnedMessage> {
        self.0.remove(partition).unwrap_or_default()
    }

    /// Keeps more of `partition`, behind all others of it.
    pub(super) fn extend(&mut self, partition: &TopicPartition, messages: VecDeque<OwnedMessage>) {
        if !messages.is_empty() {
            let own = self.0.entry(partition.clone()).or_default();
            own.extend(messages);
        }
    }
}

/// A copy that is librdkafka's no longer.
pub(super) fn owned<M: Message>(message: &M) -> OwnedMessage {
    OwnedMessage::new(
        message.payload().map(<[u8]>::to_vec),
        message.key().map(<[u8]>::to_vec),
        message.topic().to_owned(),
        message.timestamp(),
        message.partition(),
        message.offset(),
        message.headers().map(|headers| {
            let mut copy = OwnedHeaders::new();
            for header in headers.iter() {
                copy = copy.insert(header);
            }
            copy
        }),
    )
}

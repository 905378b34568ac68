//! Records that a worker did not take: kept until their partition is fetched again.

use rdkafka::message::{Headers, Message, OwnedHeaders, OwnedMessage};

use crate::position::TopicPartition;

/// Records in the order in which they came.
#[derive(Default)]
pub(super) struct Held(Vec<OwnedMessage>);

impl Held {
    /// Keeps a copy.
    pub(super) fn push<M: Message>(&mut self, message: &M) {
        self.0.push(owned(message));
    }

    /// Whether there is one of `partition`.
    pub(super) fn has(&self, partition: &TopicPartition) -> bool {
        self.0.iter().any(|message| is_of(message, partition))
    }

    /// Those of `partition`; they are no longer held.
    pub(super) fn take(&mut self, partition: &TopicPartition) -> Vec<OwnedMessage> {
        self.0
            .extract_if(.., |message| is_of(message, partition))
            .collect()
    }
}

fn is_of(message: &OwnedMessage, partition: &TopicPartition) -> bool {
    message.partition() == partition.partition && message.topic() == &*partition.topic
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

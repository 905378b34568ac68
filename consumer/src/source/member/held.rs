//! Records that a worker did not take. They are stored here until their partition is fetched again.

use std::collections::{BTreeMap, VecDeque};

use rdkafka::message::{Headers, Message, OwnedHeaders, OwnedMessage};

use crate::position::TopicPartition;

/// The held records of each partition, in the order in which they came. Partitions without any have no entry.
#[derive(Default)]
pub(super) struct Held(BTreeMap<TopicPartition, VecDeque<OwnedMessage>>);

impl Held {
    /// Stores a copy of the record behind all others of its partition.
    pub(super) fn push<M: Message>(&mut self, partition: TopicPartition, message: &M) {
        self.0
            .entry(partition)
            .or_default()
            .push_back(owned(message));
    }

    /// Returns whether records of `partition` are held.
    pub(super) fn has(&self, partition: &TopicPartition) -> bool {
        self.0.contains_key(partition)
    }

    /// Removes the first held record of `partition` and returns it.
    pub(super) fn pop(&mut self, partition: &TopicPartition) -> Option<OwnedMessage> {
        let own = self.0.get_mut(partition)?;
        let first = own.pop_front();
        if own.is_empty() {
            self.0.remove(partition);
        }
        first
    }

    /// Stores `first` again, before all other records of `partition`.
    pub(super) fn put_back(&mut self, partition: &TopicPartition, first: OwnedMessage) {
        match self.0.get_mut(partition) {
            Some(own) => own.push_front(first),
            None => {
                self.0.insert(partition.clone(), VecDeque::from([first]));
            }
        }
    }

    /// Drops all held records of `partition`.
    pub(super) fn drop_all(&mut self, partition: &TopicPartition) {
        self.0.remove(partition);
    }
}

/// Copies a record into memory that librdkafka does not own.
fn owned<M: Message>(message: &M) -> OwnedMessage {
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

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp;

    use super::*;

    fn message(offset: i64) -> OwnedMessage {
        let at = Timestamp::NotAvailable;
        OwnedMessage::new(Some(vec![7]), None, "t".to_owned(), at, 0, offset, None)
    }

    #[test]
    fn what_is_put_back_comes_first_and_is_no_copy() {
        let partition = TopicPartition::new("t", 0);
        let mut held = Held::default();
        for offset in 0..3 {
            held.push(partition.clone(), &message(offset));
        }
        let first = held.pop(&partition).unwrap();
        let payload = first.payload().map(<[u8]>::as_ptr);
        held.put_back(&partition, first);
        let mut offsets = Vec::new();
        while held.has(&partition) {
            let first = held.pop(&partition).unwrap();
            if offsets.is_empty() {
                assert_eq!(first.payload().map(<[u8]>::as_ptr), payload);
            }
            offsets.push(first.offset());
        }
        assert_eq!(offsets, [0, 1, 2]);
        assert!(held.pop(&partition).is_none());

        held.put_back(&partition, message(9));
        assert!(held.has(&partition));
        held.drop_all(&partition);
        assert!(!held.has(&partition));
    }
}

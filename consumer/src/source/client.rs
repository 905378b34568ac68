//! What a member's loop needs of Kafka, and nothing else of it. There are two clients: librdkafka's, and the one of
//! `tests/simulation`, so that what is simulated is the loop that runs in production.
//!
//! A client has no say in what is done with records: it fetches, and tells what it sees. It is used by one thread, which
//! it may wake, by means of its own, when there is something to serve or to poll.

pub(super) mod librdkafka;

use std::ops::ControlFlow;
use std::sync::Arc;

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;

use super::statistics::Statistics;
use super::topic_ids::Told;
use crate::checkpoint::TakenOver;
use crate::position::{Offset, TopicPartition};

/// A member of a consumer group, as far as the group and the brokers know it. It leaves the group when it is dropped.
pub trait MemberClient {
    /// A record, as the client has it.
    type Record: Message;

    /// Joins the group as a reader of `topics`; which partitions it gets is told by [`ClientEvent::Assigned`].
    ///
    /// # Errors
    /// If the client refuses.
    fn join(&self, topics: &[&str]) -> KafkaResult<()>;

    /// Takes these partitions over at their checkpoints, without a group, and fetches them from there.
    ///
    /// # Errors
    /// If the client refuses.
    fn take(&self, partitions: &[TopicPartition]) -> KafkaResult<Vec<TakenOver>>;

    /// Gives `each` all that has been fetched, in the order of each partition, unless it breaks off. Returns how many it
    /// was given, and what it broke off with. `each` may call the client, but not this.
    fn serve<B>(
        &self,
        each: impl FnMut(Fetched<'_, Self::Record>) -> ControlFlow<B>,
    ) -> (usize, Option<B>);

    /// Has the client call back what it has to tell, without waiting. What comes of it is in [`MemberClient::events`].
    fn poll(&self) -> Polled;

    /// What has been seen since the last time, in order.
    fn events(&self) -> Vec<ClientEvent>;

    /// Fetches no more of `partition`. What has been fetched of it and not served may be dropped: after
    /// [`MemberClient::resume`] only [`MemberClient::seek`] tells the client where to go on. The pause outlasts that the
    /// partition is revoked and assigned again.
    ///
    /// # Errors
    /// If the client refuses.
    fn pause(&self, partition: &TopicPartition) -> KafkaResult<()>;

    /// Fetches `partition` again, from an offset that is not known.
    ///
    /// # Errors
    /// If the client refuses.
    fn resume(&self, partition: &TopicPartition) -> KafkaResult<()>;

    /// Goes on in these partitions at these offsets, without waiting for it. What has been fetched of them is dropped.
    ///
    /// # Errors
    /// If the client refuses.
    fn seek<'p>(
        &self,
        positions: impl IntoIterator<Item = (&'p TopicPartition, Offset)>,
    ) -> KafkaResult<()>;

    /// Fetches `partition`, at which the client has stopped by itself, from `next` on. That the group is about to take it
    /// away is no error.
    ///
    /// # Errors
    /// If the client refuses.
    fn restart(&self, partition: &TopicPartition, next: Offset) -> KafkaResult<()>;

    /// Tells the group how far `partition` is durable, without waiting for it.
    ///
    /// # Errors
    /// If the client refuses.
    fn commit(&self, partition: &TopicPartition, next: Offset) -> KafkaResult<()>;

    /// Asks brokers for the first offset of a partition and the one past its last. This waits for their answer.
    ///
    /// # Errors
    /// If they do not tell.
    fn bounds(&self, partition: &TopicPartition) -> KafkaResult<(Offset, Offset)>;

    /// Asks brokers for the ids of `topics`. This waits for their answer.
    fn topic_ids(&self, topics: &[Arc<str>]) -> Told;
}

/// One of the things that a client has fetched.
pub enum Fetched<'r, R> {
    /// A record.
    Record(&'r R),
    /// The end of a partition; all records before this offset have come.
    End(TopicPartition, Offset),
    /// An error of fetching.
    Error(Box<FetchError>),
}

/// What is wrong with fetching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// librdkafka's or the broker's word for it.
    pub code: RDKafkaErrorCode,
    /// The partition that cannot be fetched, if it is one.
    pub partition: Option<TopicPartition>,
    /// The offset of the record that cannot be had; of no meaning where the error is about no record.
    pub offset: Offset,
    /// In librdkafka's words.
    pub reason: String,
}

/// What came of polling a client, beside events.
#[derive(Debug)]
pub enum Polled {
    /// Nothing was there.
    Nothing,
    /// Something was served that leaves no event. More may be there.
    Served,
    /// A record of this topic and partition, which should have come by [`MemberClient::serve`]. It may have come before
    /// others that are still to be served.
    Record(String, i32),
    /// An error.
    Failed(KafkaError),
}

/// What a client saw while it was polled.
#[derive(Debug)]
pub enum ClientEvent {
    /// These partitions are read from now on.
    Assigned(Vec<TakenOver>),
    /// These are not.
    Revoked(Vec<TopicPartition>),
    /// librdkafka's numbers, a few times a second.
    Statistics(Statistics),
    /// Something is wrong with the connection.
    Error(KafkaError, String),
}

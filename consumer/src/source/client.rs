//! What a member's loop needs of Kafka, and nothing more. There are two clients: librdkafka's, and the one of
//! `tests/simulation`, so that the simulation runs the loop that runs in production.
//!
//! A client does not decide what is done with records: it fetches them, and tells what it sees. One thread uses it. The
//! client may wake that thread, in its own way, when there is something to serve or to poll.

pub(super) mod librdkafka;

use std::ops::ControlFlow;
use std::sync::Arc;

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;

use super::statistics::Statistics;
use super::topic_ids::Told;
use crate::checkpoint::TakenOver;
use crate::position::{Offset, TopicPartition};

/// A member of a consumer group, as the group and the brokers see it. It leaves the group when it is dropped.
pub trait MemberClient {
    /// The type of the client's records.
    type Record: Message;

    /// Joins the group as a reader of `topics`. [`ClientEvent::Assigned`] tells which partitions it gets.
    ///
    /// # Errors
    /// Fails if the client refuses.
    fn join(&self, topics: &[&str]) -> KafkaResult<()>;

    /// Takes these partitions over at their checkpoints, without a group, and fetches them from there on.
    ///
    /// # Errors
    /// Fails if the client refuses.
    fn take(&self, partitions: &[TopicPartition]) -> KafkaResult<Vec<TakenOver>>;

    /// Gives `each` everything that has been fetched, each partition in its order, until `each` breaks off. Returns how
    /// many things `each` was given, and the value with which it broke off. `each` may call the client, except for this
    /// function.
    fn serve<B>(
        &self,
        each: impl FnMut(Fetched<'_, Self::Record>) -> ControlFlow<B>,
    ) -> (usize, Option<B>);

    /// Lets the client call back with what it has to tell, without waiting. [`MemberClient::events`] has what comes of
    /// it.
    fn poll(&self) -> Polled;

    /// Returns what has been seen since the last call, in order.
    fn events(&self) -> Vec<ClientEvent>;

    /// Fetches no more of `partition`. The client may drop what it has fetched of it and not served: after
    /// [`MemberClient::resume`] only [`MemberClient::seek`] tells the client where to go on. The partition stays paused
    /// even if it is revoked and assigned again.
    ///
    /// # Errors
    /// Fails if the client refuses.
    fn pause(&self, partition: &TopicPartition) -> KafkaResult<()>;

    /// Fetches `partition` again, from an offset that is not known.
    ///
    /// # Errors
    /// Fails if the client refuses.
    fn resume(&self, partition: &TopicPartition) -> KafkaResult<()>;

    /// Goes on in these partitions at these offsets, without waiting for it. The client drops what it has fetched of
    /// them.
    ///
    /// # Errors
    /// Fails if the client refuses.
    fn seek<'p>(
        &self,
        positions: impl IntoIterator<Item = (&'p TopicPartition, Offset)>,
    ) -> KafkaResult<()>;

    /// Fetches `partition`, at which the client has stopped by itself, from `next` on. It is no error if the group is
    /// about to revoke the partition.
    ///
    /// # Errors
    /// Fails if the client refuses.
    fn restart(&self, partition: &TopicPartition, next: Offset) -> KafkaResult<()>;

    /// Tells the group how far `partition` is durable, without waiting for it.
    ///
    /// # Errors
    /// Fails if the client refuses.
    fn commit(&self, partition: &TopicPartition, next: Offset) -> KafkaResult<()>;

    /// Asks brokers for the first offset of a partition and the offset behind its last record, and waits for their
    /// answer.
    ///
    /// # Errors
    /// Fails if the brokers do not answer.
    fn bounds(&self, partition: &TopicPartition) -> KafkaResult<(Offset, Offset)>;

    /// Asks brokers for the ids of `topics`, and waits for their answer.
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
    /// The error's code, from librdkafka or a broker.
    pub code: RDKafkaErrorCode,
    /// The partition that cannot be fetched, if the error is about one.
    pub partition: Option<TopicPartition>,
    /// The offset of the record that cannot be fetched. It has no meaning if the error is not about a record.
    pub offset: Offset,
    /// The reason in librdkafka's words.
    pub reason: String,
}

/// What a poll of a client returns, beside its events.
#[derive(Debug)]
pub enum Polled {
    /// Nothing was there.
    Nothing,
    /// The client served something that leaves no event. There may be more.
    Served,
    /// A record of this topic and partition, which should have come by [`MemberClient::serve`]. It may have come before
    /// other records that are still to be served.
    Record(String, i32),
    /// An error.
    Failed(KafkaError),
}

/// What a client saw while it was polled.
#[derive(Debug)]
pub enum ClientEvent {
    /// The group has assigned these partitions.
    Assigned(Vec<TakenOver>),
    /// The group has revoked these partitions.
    Revoked(Vec<TopicPartition>),
    /// librdkafka's statistics, a few times a second.
    Statistics(Statistics),
    /// Something is wrong with the connection.
    Error(KafkaError, String),
}

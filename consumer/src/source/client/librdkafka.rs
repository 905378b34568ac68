//! A member's client that uses librdkafka.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::Message;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use super::{ClientEvent, Fetched, MemberClient, Polled};
use crate::checkpoint::TakenOver;
use crate::position::{Offset, TopicPartition};
use crate::source::group_context::GroupContext;
use crate::source::records::{Record, Records};
use crate::source::topic_ids::{self, Told};

/// How long a broker may take to answer about a partition's offsets.
const ANSWER: Duration = Duration::from_secs(2);

/// A consumer and the queue of its records.
pub struct LibrdkafkaClient<'c> {
    consumer: &'c BaseConsumer<GroupContext>,
    records: Records<'c>,
}

impl<'c> LibrdkafkaClient<'c> {
    /// Opens the queue of `consumer`'s records. Another thread calls `wake` when records are there.
    pub fn open(
        consumer: &'c BaseConsumer<GroupContext>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            consumer,
            records: Records::open(consumer, wake),
        }
    }
}

impl MemberClient for LibrdkafkaClient<'_> {
    type Record = Record;

    fn join(&self, topics: &[&str]) -> KafkaResult<()> {
        self.consumer.subscribe(topics)
    }

    fn take(&self, partitions: &[TopicPartition]) -> KafkaResult<Vec<TakenOver>> {
        let context = self.consumer.context();
        let (taken, list) = context.take_over(self.consumer, partitions)?;
        self.consumer.assign(&list)?;
        Ok(taken)
    }

    #[inline]
    fn serve<B>(
        &self,
        each: impl FnMut(Fetched<'_, Record>) -> ControlFlow<B>,
    ) -> (usize, Option<B>) {
        self.records.serve(each)
    }

    fn poll(&self) -> Polled {
        let polled = self.consumer.poll(Duration::ZERO);
        // A poll that served an event returns `None`, as if the queue were empty.
        let has_served = self.consumer.context().take_served();
        match polled {
            None if has_served => Polled::Served,
            None => Polled::Nothing,
            Some(Ok(record)) => Polled::Record(record.topic().to_owned(), record.partition()),
            Some(Err(error)) => Polled::Failed(error),
        }
    }

    fn events(&self) -> Vec<ClientEvent> {
        self.consumer.context().take_events()
    }

    fn pause(&self, partition: &TopicPartition) -> KafkaResult<()> {
        self.consumer.pause(&one(partition))
    }

    fn resume(&self, partition: &TopicPartition) -> KafkaResult<()> {
        self.consumer.resume(&one(partition))
    }

    /// Goes on at these offsets. A partition that is not fetched yet begins where it was assigned; a partition without
    /// a leader begins there once it has one.
    fn seek<'p>(
        &self,
        positions: impl IntoIterator<Item = (&'p TopicPartition, Offset)>,
    ) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for (partition, next) in positions {
            add(&mut list, partition, next)?;
        }
        if list.count() > 0 {
            self.consumer.seek_partitions(list, Duration::ZERO)?;
        }
        Ok(())
    }

    fn restart(&self, partition: &TopicPartition, next: Offset) -> KafkaResult<()> {
        let mut from = TopicPartitionList::with_capacity(1);
        add(&mut from, partition, next)?;
        if let Err(error) = self.consumer.incremental_unassign(&one(partition)) {
            // The group is about to revoke the partition.
            tracing::debug!(%error, %partition, "not assigned");
            return Ok(());
        }
        // The unassignment stops the fetching and takes the partition's queue away. librdkafka does so before it
        // answers this request.
        self.consumer.assignment()?;
        let inlet = self.consumer.context().inlet();
        inlet.lead(self.consumer, partition);
        self.consumer.incremental_assign(&from)
    }

    fn commit(&self, partition: &TopicPartition, next: Offset) -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(1);
        add(&mut list, partition, next)?;
        self.consumer.commit(&list, CommitMode::Async)
    }

    fn bounds(&self, partition: &TopicPartition) -> KafkaResult<(Offset, Offset)> {
        let (topic, number) = (&partition.topic, partition.partition);
        let (first, end) = self.consumer.fetch_watermarks(topic, number, ANSWER)?;
        Ok((Offset(first), Offset(end)))
    }

    fn topic_ids(&self, topics: &[Arc<str>]) -> Told {
        topic_ids::ask(self.consumer, topics)
    }
}

fn add(list: &mut TopicPartitionList, partition: &TopicPartition, next: Offset) -> KafkaResult<()> {
    let offset = KafkaOffset::Offset(next.0);
    list.add_partition_offset(&partition.topic, partition.partition, offset)
}

fn one(partition: &TopicPartition) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition(&partition.topic, partition.partition);
    list
}

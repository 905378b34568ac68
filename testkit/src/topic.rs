//! Makes, changes and empties topics on real brokers, and finds the ends of their logs.

use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigSource, NewPartitions, NewTopic,
    ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::DEADLINE;
use crate::brokers::Brokers;

pub(crate) const REPLICATION: i32 = 3;

/// How long brokers may take to say where a log ends, before they are asked again.
const ANSWER: Duration = Duration::from_secs(5);

/// Creates a topic with settings of its own.
pub fn create_topic(brokers: &Brokers, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(REPLICATION));
    for (key, value) in settings {
        new = new.set(key, value);
    }
    let options = AdminOptions::new().operation_timeout(Some(DEADLINE));
    let created = futures::executor::block_on(admin(brokers).create_topics([&new], &options));
    created.unwrap().pop().unwrap().unwrap();
}

/// Deletes a topic and creates another one of its name, which brokers refuse until the old one is gone.
pub fn recreate_topic(brokers: &Brokers, topic: &str, partitions: i32) {
    let admin = admin(brokers);
    let options = AdminOptions::new().operation_timeout(Some(DEADLINE));
    let deleted = futures::executor::block_on(admin.delete_topics(&[topic], &options));
    deleted.unwrap().pop().unwrap().unwrap();
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(REPLICATION));
    let deadline = Instant::now() + DEADLINE;
    loop {
        let created = futures::executor::block_on(admin.create_topics([&new], &options));
        match created.unwrap().pop().unwrap() {
            Ok(_) => return,
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {
                assert!(Instant::now() < deadline, "{topic} is not gone");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Adds partitions to a topic until it has `partitions` in all.
pub fn add_partitions(brokers: &Brokers, topic: &str, partitions: usize) {
    let more = NewPartitions::new(topic, partitions);
    let options = AdminOptions::new().operation_timeout(Some(DEADLINE));
    let added = futures::executor::block_on(admin(brokers).create_partitions([&more], &options));
    added.unwrap().pop().unwrap().unwrap();
}

/// Changes a topic's settings.
pub fn alter_topic(brokers: &Brokers, topic: &str, settings: &[(&str, &str)]) {
    let mut change = AlterConfig::new(ResourceSpecifier::Topic(topic));
    for (key, value) in settings {
        change = change.set(key, value);
    }
    let options = AdminOptions::new();
    let altered = futures::executor::block_on(admin(brokers).alter_configs([&change], &options));
    altered.unwrap().pop().unwrap().unwrap();
}

/// Returns the value of a setting that the topic itself has, or `None` where the brokers' default applies.
pub fn topic_setting(brokers: &Brokers, topic: &str, name: &str) -> Option<String> {
    let topic = ResourceSpecifier::Topic(topic);
    let admin = admin(brokers);
    let described = admin.describe_configs([&topic], &AdminOptions::new());
    let described = futures::executor::block_on(described).unwrap();
    let described = described.into_iter().next().unwrap().unwrap();
    let entry = described.get(name)?;
    let is_own = entry.source == ConfigSource::DynamicTopic;
    entry.value.clone().filter(|_| is_own)
}

/// Deletes a partition's records before `offset`.
pub fn delete_records(brokers: &Brokers, topic: &str, partition: i32, offset: i64) {
    let mut before = TopicPartitionList::new();
    before
        .add_partition_offset(topic, partition, Offset::Offset(offset))
        .unwrap();
    let admin = admin(brokers);
    let deleted = admin.delete_records(&before, &AdminOptions::new());
    futures::executor::block_on(deleted).unwrap();
}

fn admin(brokers: &Brokers) -> AdminClient<DefaultClientContext> {
    client(brokers).create().unwrap()
}

pub(crate) fn client(brokers: &Brokers) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers.servers());
    config
}

/// Returns where the log of each partition of the topic ends, in the order of the partitions: the offset after the last
/// record or transaction marker.
pub fn ends(brokers: &Brokers, topic: &str) -> Vec<i64> {
    let consumer = reader(brokers);
    ends_of(&consumer, topic)
}

/// Waits until the offsets at which the logs of the topic's partitions end add up to `places`.
pub fn await_ends(brokers: &Brokers, topic: &str, places: i64) {
    let deadline = Instant::now() + DEADLINE;
    let consumer = reader(brokers);
    loop {
        let there: i64 = ends_of(&consumer, topic).iter().sum();
        if there == places {
            return;
        }
        assert!(Instant::now() < deadline, "{there} places, not {places}");
    }
}

pub(crate) fn reader(brokers: &Brokers) -> BaseConsumer {
    client(brokers)
        .set("group.id", "a test that reads")
        .create()
        .unwrap()
}

pub(crate) fn ends_of(consumer: &BaseConsumer, topic: &str) -> Vec<i64> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match asked_ends(consumer, topic) {
            Ok(ends) if !ends.is_empty() => return ends,
            // The topic is new, or a partition has just lost its leader, so it is asked for again.
            other => assert!(Instant::now() < deadline, "{topic}: {other:?}"),
        }
    }
}

/// Asks for the ends once. Metadata is fetched each time, because a client keeps what it was told first.
fn asked_ends(consumer: &BaseConsumer, topic: &str) -> KafkaResult<Vec<i64>> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let partitions = metadata.topics()[0].partitions().len() as i32;
    (0..partitions)
        .map(|partition| Ok(consumer.fetch_watermarks(topic, partition, ANSWER)?.1))
        .collect()
}

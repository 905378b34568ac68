//! Topics, and what stands in them.

use std::time::{Duration, Instant};

use kafka_access::{Stop, TopicSettings};
use producer::{GeneratorSettings, Pace, Report, Settings};
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigSource, NewPartitions, NewTopic,
    ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::brokers::Brokers;

/// Longer than anything here takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(120);
const REPLICATION: i32 = 3;

/// How long brokers may take to say where a log ends, before they are asked again.
const ANSWER: Duration = Duration::from_secs(5);

/// What the seed 42 stands for.
pub fn generator() -> GeneratorSettings {
    GeneratorSettings {
        seed: Some(42),
        ..GeneratorSettings::default()
    }
}

/// Publishes the first `count` records of `generator` by the producer, which creates the topic.
pub fn publish(
    brokers: &Brokers,
    topic: &str,
    partitions: i32,
    generator: GeneratorSettings,
    count: u64,
    pace: Pace,
) -> Report {
    run(
        &Settings {
            count: Some(count),
            ..settings(brokers, topic, partitions, generator, pace)
        },
        &Stop::new(),
    )
}

/// Publishes records of `generator` by the producer until a request to stop.
pub fn publish_until(
    stop: &Stop,
    brokers: &Brokers,
    topic: &str,
    partitions: i32,
    generator: GeneratorSettings,
    pace: Pace,
) -> Report {
    run(&settings(brokers, topic, partitions, generator, pace), stop)
}

fn settings(
    brokers: &Brokers,
    topic: &str,
    partitions: i32,
    generator: GeneratorSettings,
    pace: Pace,
) -> Settings {
    Settings {
        kafka: brokers.settings(),
        topic: TopicSettings::new(topic, partitions, REPLICATION).unwrap(),
        generator,
        pace,
        count: None,
    }
}

fn run(settings: &Settings, stop: &Stop) -> Report {
    let report = producer::run(settings, stop, |_| {}).unwrap();
    assert!(report.is_complete(), "{}", report.counts());
    report
}

/// Asks the producer to stop, however a test ends.
pub struct StopAtEnd<'a>(pub &'a Stop);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.request();
    }
}

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

/// Adds partitions to a topic until there are so many.
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

/// What a topic has set for itself.
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

fn client(brokers: &Brokers) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers.servers());
    config
}

/// A record by hand, or one that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub partition: i32,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub timestamp: Option<i64>,
    /// Of one that was read.
    pub offset: i64,
}

impl Record {
    /// A record of `value` alone.
    pub fn of(partition: i32, value: impl Into<Vec<u8>>) -> Self {
        Self {
            partition,
            value: Some(value.into()),
            ..Self::default()
        }
    }

    /// A transaction of `cents`.
    pub fn good(partition: i32, brand: &str, cents: i128) -> Self {
        let (whole, rest) = (cents / 100, cents % 100);
        let value = format!(r#"{{"card_brand":"{brand}","amount":{whole}.{rest:02}}}"#);
        Self::of(partition, value)
    }
}

/// Writes records, in their order, one after another within a partition.
pub fn write(brokers: &Brokers, topic: &str, records: &[Record]) {
    let producer = producer(brokers, &[]);
    send(&producer, topic, records);
    producer.flush(DEADLINE).unwrap();
    assert_eq!(producer.in_flight_count(), 0);
}

/// A producer that keeps the order, with settings of its own.
pub fn producer(brokers: &Brokers, settings: &[(&str, &str)]) -> BaseProducer {
    let mut config = client(brokers);
    config.set("enable.idempotence", "true");
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config.create().unwrap()
}

/// A producer of transactions.
pub fn transactional(brokers: &Brokers, id: &str) -> BaseProducer {
    let producer: BaseProducer = client(brokers)
        .set("transactional.id", id)
        .create()
        .unwrap();
    producer.init_transactions(DEADLINE).unwrap();
    producer
}

/// Hands records to `producer`.
pub fn send(producer: &BaseProducer, topic: &str, records: &[Record]) {
    for record in records {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: value.as_deref(),
            });
        }
        let mut entry = BaseRecord::<[u8], [u8]>::to(topic)
            .partition(record.partition)
            .headers(headers);
        if let Some(key) = &record.key {
            entry = entry.key(key);
        }
        if let Some(value) = &record.value {
            entry = entry.payload(value);
        }
        if let Some(timestamp) = record.timestamp {
            entry = entry.timestamp(timestamp);
        }
        producer.send(entry).map_err(|(error, _)| error).unwrap();
        producer.poll(Duration::ZERO);
    }
}

/// Where the logs of the topic's partitions end, markers of transactions included.
pub fn ends(brokers: &Brokers, topic: &str) -> Vec<i64> {
    let consumer = reader(brokers);
    ends_of(&consumer, topic)
}

/// Waits until the logs of the topic's partitions have so many places in all.
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

fn reader(brokers: &Brokers) -> BaseConsumer {
    client(brokers)
        .set("group.id", "a test that reads")
        .create()
        .unwrap()
}

fn ends_of(consumer: &BaseConsumer, topic: &str) -> Vec<i64> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match asked_ends(consumer, topic) {
            Ok(ends) if !ends.is_empty() => return ends,
            // The topic is new, or a partition has just lost its leader.
            other => assert!(Instant::now() < deadline, "{topic}: {other:?}"),
        }
    }
}

/// Metadata is fetched each time: a client goes on believing what it was told first.
fn asked_ends(consumer: &BaseConsumer, topic: &str) -> KafkaResult<Vec<i64>> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let partitions = metadata.topics()[0].partitions().len() as i32;
    (0..partitions)
        .map(|partition| Ok(consumer.fetch_watermarks(topic, partition, ANSWER)?.1))
        .collect()
}

/// All that stands in a topic without transactions, in the order of each partition.
pub fn read(brokers: &Brokers, topic: &str) -> Vec<Record> {
    let consumer = reader(brokers);
    let ends = ends_of(&consumer, topic);
    let mut assignment = TopicPartitionList::new();
    for partition in 0..ends.len() as i32 {
        let start = Offset::Beginning;
        assignment
            .add_partition_offset(topic, partition, start)
            .unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let awaited = ends.iter().sum::<i64>() as usize;
    let mut records = Vec::new();
    let until = Instant::now() + DEADLINE;
    while records.len() < awaited {
        assert!(Instant::now() < until, "{topic} cannot be read");
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.unwrap();
            let headers = message.headers().map_or_else(Vec::new, |headers| {
                let headers = headers.iter();
                headers
                    .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
                    .collect()
            });
            records.push(Record {
                partition: message.partition(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers,
                timestamp: message.timestamp().to_millis(),
                offset: message.offset(),
            });
        }
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

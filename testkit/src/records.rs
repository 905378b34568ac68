//! Writes records that a test makes by hand into topics, and reads records back.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::consumer::Consumer;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::DEADLINE;
use crate::brokers::Brokers;
use crate::topic::{client, ends_of, reader};

/// A record that a test writes or has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The partition's number.
    pub partition: i32,
    /// The key's bytes.
    pub key: Option<Vec<u8>>,
    /// The value's bytes; a record without a value is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The headers' names and values, in their order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The timestamp in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The offset of a record that was read; ignored for a record that is written.
    pub offset: i64,
}

impl Record {
    /// Makes a record with a value and nothing else.
    pub fn of(partition: i32, value: impl Into<Vec<u8>>) -> Self {
        Self {
            partition,
            value: Some(value.into()),
            ..Self::default()
        }
    }

    /// Makes a transaction of `cents` cents, with the two fields that the default query reads.
    pub fn good(partition: i32, brand: &str, cents: i128) -> Self {
        let (whole, rest) = (cents / 100, cents % 100);
        let value = format!(r#"{{"card_brand":"{brand}","amount":{whole}.{rest:02}}}"#);
        Self::of(partition, value)
    }
}

/// Returns the time one hour ago, in milliseconds since 1970.
pub fn hour_ago() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since_1970.as_millis() as i64 - 3_600_000
}

/// Writes records in their order and waits until all are acknowledged.
pub fn write(brokers: &Brokers, topic: &str, records: &[Record]) {
    let producer = producer(brokers, &[]);
    send(&producer, topic, records);
    producer.flush(DEADLINE).unwrap();
    assert_eq!(producer.in_flight_count(), 0);
}

/// Makes a producer that keeps the order, with `settings` in addition.
pub fn producer(brokers: &Brokers, settings: &[(&str, &str)]) -> BaseProducer {
    let mut config = client(brokers);
    config.set("enable.idempotence", "true");
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config.create().unwrap()
}

/// Makes a producer that writes in transactions under the transactional id `id`.
pub fn transactional(brokers: &Brokers, id: &str) -> BaseProducer {
    let producer: BaseProducer = client(brokers)
        .set("transactional.id", id)
        .create()
        .unwrap();
    producer.init_transactions(DEADLINE).unwrap();
    producer
}

/// Hands records to `producer` without waiting for acknowledgements.
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

/// Reads all records of a topic that has no transactions, and returns them sorted by partition and offset.
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

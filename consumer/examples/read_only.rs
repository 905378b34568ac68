//! The limit of a consumer: takes all records of a topic from librdkafka, and does nothing with them.
//!
//! ```text
//! KAFKA_BOOTSTRAP_SERVERS=host:9092 cargo run --release -p consumer --example read_only -- TOPIC [-X key=value]…
//! ```
//!
//! Prints `{"records":…,"bytes":…}` when it has come to where the topic ended at the start.
//!
//! Records are taken by the call of librdkafka that takes least of each: a batch at a time.

#![expect(
    unsafe_code,
    reason = "batches are in librdkafka's C interface, not in rdkafka's"
)]

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Write};
use std::ptr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kafka_access::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use rdkafka_sys as sys;

const ANSWER: Duration = Duration::from_secs(10);
const BATCH: usize = 1024;
/// For so long it is waited until a batch is full.
const BATCH_MILLIS: i32 = 1;

fn main() -> anyhow::Result<()> {
    let mut flags = env::args().skip(1);
    let topic = flags.next().context("name a topic")?;
    let properties: Vec<String> = flags.filter(|flag| flag != "-X").collect();
    let servers = env::var("KAFKA_BOOTSTRAP_SERVERS").context("KAFKA_BOOTSTRAP_SERVERS")?;
    let mut client = KafkaSettings::parse(&servers, "", &properties)?.client_config();
    client.set("group.id", "read-only");
    client.set("enable.auto.commit", "false");
    let consumer: BaseConsumer = client.create()?;

    // The end of each partition that has records, until it is reached.
    let mut ends = partitions(&consumer, &topic)?;
    ends.retain(|_, (start, end)| start < end);
    let mut assignment = TopicPartitionList::new();
    for (partition, (start, _)) in &ends {
        assignment.add_partition_offset(&topic, *partition, Offset::Offset(*start))?;
    }
    consumer.assign(&assignment)?;

    let (mut records, mut bytes) = (0_u64, 0_u64);
    let mut batch = [ptr::null_mut(); BATCH];
    // SAFETY: the client is alive to the end, and so is its queue.
    let queue = unsafe { sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
    let mut last = Instant::now();
    while !ends.is_empty() {
        // SAFETY: `batch` is as long as is said.
        let taken = unsafe {
            sys::rd_kafka_consume_batch_queue(queue, BATCH_MILLIS, batch.as_mut_ptr(), BATCH)
        };
        let taken = batch.get(..usize::try_from(taken)?).unwrap_or_default();
        if !taken.is_empty() {
            last = Instant::now();
        } else if last.elapsed() > ANSWER {
            bail!("no record for {} s", ANSWER.as_secs());
        }
        for message in taken {
            // SAFETY: what has been taken is ours, until it is destroyed.
            let (error, length, partition, offset) = unsafe {
                let of = &**message;
                let fields = (of.err, of.len as u64, of.partition, of.offset);
                sys::rd_kafka_message_destroy(*message);
                fields
            };
            match RDKafkaErrorCode::from(error) {
                RDKafkaErrorCode::NoError => {}
                code => bail!("{code}"),
            }
            records += 1;
            bytes += length;
            let reached = |end: &(i64, i64)| offset + 1 >= end.1;
            if ends.get(&partition).is_some_and(reached) {
                ends.remove(&partition);
            }
        }
    }
    // SAFETY: it is ours.
    unsafe { sys::rd_kafka_queue_destroy(queue) };
    writeln!(io::stdout(), r#"{{"records":{records},"bytes":{bytes}}}"#)?;
    Ok(())
}

/// The first offset of each partition, and the one behind its last record.
fn partitions(consumer: &BaseConsumer, topic: &str) -> anyhow::Result<BTreeMap<i32, (i64, i64)>> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let found = metadata
        .topics()
        .iter()
        .flat_map(|topic| topic.partitions());
    let numbers = found.map(|partition| partition.id());
    numbers
        .map(|number| Ok((number, consumer.fetch_watermarks(topic, number, ANSWER)?)))
        .collect()
}

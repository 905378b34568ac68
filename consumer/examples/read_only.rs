//! Measures the limit of any consumer: reads all records of a topic from librdkafka and does nothing with them.
//!
//! ```text
//! KAFKA_BOOTSTRAP_SERVERS=host:9092 cargo run --release -p consumer --example read_only -- TOPIC [-X key=value]…
//! ```
//!
//! Prints `{"records":…,"bytes":…}` when it has reached the offsets at which the topic ended at the start.
//!
//! It takes records by the call of librdkafka that costs least per record: a batch at a time.

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
/// The time in milliseconds that a call waits for a full batch.
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

    // The start and the end of each partition that has records; a partition is removed when its end is reached.
    let mut ends = partitions(&consumer, &topic)?;
    ends.retain(|_, (start, end)| start < end);
    let mut assignment = TopicPartitionList::new();
    for (partition, (start, _)) in &ends {
        assignment.add_partition_offset(&topic, *partition, Offset::Offset(*start))?;
    }
    consumer.assign(&assignment)?;

    let (mut records, mut bytes) = (0_u64, 0_u64);
    let mut batch = [ptr::null_mut(); BATCH];
    // SAFETY: the client lives to the end of this function, and its queue does, too.
    let queue = unsafe { sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
    let mut last = Instant::now();
    while !ends.is_empty() {
        // SAFETY: `batch` has room for BATCH messages.
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
            // SAFETY: a message that was taken belongs to this program until it is destroyed.
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
    // SAFETY: the queue's handle belongs to this program and is not used again.
    unsafe { sys::rd_kafka_queue_destroy(queue) };
    writeln!(io::stdout(), r#"{{"records":{records},"bytes":{bytes}}}"#)?;
    Ok(())
}

/// Returns, for each partition, the offset of its first record and the offset behind its last record.
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

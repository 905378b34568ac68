//! The limit of a consumer: takes all records of a topic from librdkafka, and does nothing with them.
//!
//! ```text
//! KAFKA_BOOTSTRAP_SERVERS=host:9092 cargo run --release -p consumer --example read_only -- TOPIC [-X key=value]…
//! ```
//!
//! Prints `{"records":…,"bytes":…}` when it has come to where the topic ended at the start.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use producer::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message, Offset, TopicPartitionList};

const ANSWER: Duration = Duration::from_secs(10);

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
    while !ends.is_empty() {
        let Some(message) = consumer.poll(ANSWER) else {
            bail!("no record for {} s", ANSWER.as_secs());
        };
        let message = message?;
        records += 1;
        bytes += message.payload_len() as u64;
        let partition = message.partition();
        if ends
            .get(&partition)
            .is_some_and(|(_, end)| message.offset() + 1 >= *end)
        {
            ends.remove(&partition);
        }
    }
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

//! A topic's first records, to infer a schema from.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use super::topics::Extent;
use crate::position::TopicPartition;

/// As many records say what their columns are.
const MOST: usize = 1000;
const LOOK: Duration = Duration::from_millis(100);

/// Up to 1000 of the records at the partitions' starts. Waits for the first one as long as `wait` says
/// so; empty if it does not.
///
/// # Errors
/// If the client cannot be made.
pub fn first_records(
    config: &ClientConfig,
    extents: &BTreeMap<TopicPartition, Extent>,
    mut wait: impl FnMut() -> bool,
) -> Result<Vec<Vec<u8>>, KafkaError> {
    let mut config = config.clone();
    // Assigning needs a group's name, but no group.
    config
        .set("group.id", "cardstream-sample")
        .set("enable.partition.eof", "true");
    let consumer: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::with_capacity(extents.len());
    for (partition, extent) in extents {
        list.add_partition_offset(
            &partition.topic,
            partition.partition,
            KafkaOffset::Offset(extent.start.0),
        )?;
    }
    consumer.assign(&list)?;
    let mut records = Vec::new();
    let mut unread: BTreeSet<i32> = extents.keys().map(|partition| partition.partition).collect();
    while records.len() < MOST && !(unread.is_empty() && !records.is_empty()) {
        match consumer.poll(LOOK) {
            Some(Ok(message)) => records.extend(message.payload().map(<[u8]>::to_vec)),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unread.remove(&partition);
            }
            Some(Err(error)) => tracing::debug!(%error, "while reading first records"),
            None => {}
        }
        if unread.is_empty() && records.is_empty() && !wait() {
            break;
        }
    }
    Ok(records)
}

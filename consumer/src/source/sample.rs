//! A topic's first records, to infer a schema from.

use std::collections::BTreeMap;
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

/// Up to 1000 of the records at the partitions' starts. While nothing comes, `go_on` is asked whether to
/// wait for more; it is told whether all has been read that is there, and that was nothing.
///
/// # Errors
/// If the client cannot be made.
pub fn first_records(
    config: &ClientConfig,
    extents: &BTreeMap<TopicPartition, Extent>,
    mut go_on: impl FnMut(bool) -> bool,
) -> Result<Vec<Vec<u8>>, KafkaError> {
    let consumer: BaseConsumer = config
        .clone()
        .set("enable.partition.eof", "true")
        .create()?;
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
    // An end names no topic, but there is one for each partition before it moves on.
    let mut ends = 0;
    while records.len() < MOST {
        match consumer.poll(LOOK) {
            Some(Ok(message)) => records.extend(message.payload().map(<[u8]>::to_vec)),
            Some(Err(KafkaError::PartitionEOF(_))) => ends += 1,
            Some(Err(error)) => tracing::debug!(%error, "while reading first records"),
            None => {
                let all_read = ends >= extents.len();
                if all_read && !records.is_empty() || !go_on(all_read) {
                    break;
                }
            }
        }
    }
    Ok(records)
}

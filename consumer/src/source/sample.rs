//! A topic's first records, to infer a schema from.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use super::closing::Closing;
use super::member::MemberError;
use super::topics::Extent;
use crate::position::TopicPartition;

const LOOK: Duration = Duration::from_millis(100);

/// Up to `most` of the records at the partitions' starts. `go_on` is asked again and again whether to
/// wait for more; it is told whether all has been read that is there, and that was nothing.
///
/// # Errors
/// If the client cannot be made, or the brokers refuse the records or no longer have them.
pub fn first_records(
    config: &ClientConfig,
    extents: &BTreeMap<TopicPartition, Extent>,
    most: usize,
    mut go_on: impl FnMut(bool) -> bool,
) -> Result<Vec<Vec<u8>>, MemberError> {
    let failed = || MemberError::client("reading the first records");
    let consumer: BaseConsumer = config
        .clone()
        .set("enable.partition.eof", "true")
        .create()
        .map_err(failed())?;
    let consumer = Closing::from(consumer);
    let mut list = TopicPartitionList::with_capacity(extents.len());
    // An end tells its partition's number and not its topic.
    let mut ends_to_come: BTreeMap<i32, usize> = BTreeMap::new();
    for (partition, extent) in extents {
        *ends_to_come.entry(partition.partition).or_default() += 1;
        list.add_partition_offset(
            &partition.topic,
            partition.partition,
            KafkaOffset::Offset(extent.start.0),
        )
        .map_err(failed())?;
    }
    consumer.assign(&list).map_err(failed())?;
    let mut records = Vec::new();
    while records.len() < most {
        let mut is_idle = false;
        match consumer.poll(LOOK) {
            Some(Ok(message)) => records.extend(message.payload().map(<[u8]>::to_vec)),
            Some(Err(KafkaError::PartitionEOF(number))) => {
                if let Some(more) = ends_to_come.get_mut(&number) {
                    *more = more.saturating_sub(1);
                }
            }
            Some(Err(KafkaError::MessageConsumption(code))) => {
                if MemberError::is_loss(code) {
                    let lost = "the first of them".to_owned();
                    return Err(MemberError::RecordsLost(lost));
                }
                if let Some(refused) = MemberError::refused(code) {
                    return Err(refused);
                }
                tracing::debug!(%code, "while reading first records");
            }
            Some(Err(error)) => tracing::debug!(%error, "while reading first records"),
            None => is_idle = true,
        }
        let all_read = is_idle && ends_to_come.values().all(|more| *more == 0);
        if all_read && !records.is_empty() || !go_on(all_read) {
            break;
        }
    }
    Ok(records)
}

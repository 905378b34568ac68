//! A topic's first records, to infer a schema from.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use super::closing::Closing;
use super::member::MemberError;
use super::topics::Extent;
use crate::position::{Offset, TopicPartition};

const LOOK: Duration = Duration::from_millis(100);

/// Where there were no records, for so long more are waited for when the first has come.
const MORE: Duration = Duration::from_secs(1);

/// Up to `most` of the records at the partitions' starts: those within `extents`, or if there were none, those that come
/// first. `go_on` is asked again and again whether to wait for more; it is told whether all has been read that is
/// there, and that was nothing.
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
    let mut unread = extents.clone();
    unread.retain(|_, extent| extent.start < extent.end);
    let none_yet = unread.is_empty();
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
    let mut first = None;
    while records.len() < most {
        let mut is_idle = false;
        match consumer.poll(LOOK) {
            Some(Ok(message)) => {
                records.extend(message.payload().map(<[u8]>::to_vec));
                first.get_or_insert_with(Instant::now);
                let partition = TopicPartition::new(message.topic(), message.partition());
                let last = |extent: &Extent| extent.end <= Offset(message.offset()).next();
                if unread.get(&partition).is_some_and(last) {
                    unread.remove(&partition);
                }
            }
            Some(Err(KafkaError::PartitionEOF(number))) => {
                if let Some(more) = ends_to_come.get_mut(&number) {
                    *more = more.saturating_sub(1);
                    if *more == 0 {
                        unread.retain(|partition, _| partition.partition != number);
                    }
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
        let is_quiet = is_idle && ends_to_come.values().all(|more| *more == 0);
        // Where records keep coming, it is never quiet.
        let all_read = unread.is_empty()
            && (!none_yet || first.is_some_and(|first: Instant| first.elapsed() > MORE));
        if (is_quiet || all_read) && !records.is_empty() || !go_on(is_quiet) {
            break;
        }
    }
    Ok(records)
}

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

/// Where there were no records, for so long at most more are waited for when the first has come.
const MORE: Duration = Duration::from_secs(1);

/// Up to `most` of the records at the partitions' starts: those within `extents`, or if there were none, those
/// that come first. `go_on` is asked again and again whether to wait for more; it is told whether all has been read
/// that was there, and that was nothing.
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
    for (partition, extent) in extents {
        list.add_partition_offset(
            &partition.topic,
            partition.partition,
            KafkaOffset::Offset(extent.start.0),
        )
        .map_err(failed())?;
    }
    consumer.assign(&list).map_err(failed())?;
    let mut unread = Unread::of(extents);
    let mut records = Vec::new();
    let mut was_nothing = false;
    // When the first record came where there was nothing.
    let mut first: Option<Instant> = None;
    while records.len() < most {
        let mut is_idle = false;
        match consumer.poll(LOOK) {
            Some(Ok(message)) => {
                records.extend(message.payload().map(<[u8]>::to_vec));
                unread.read(&message);
            }
            Some(Err(KafkaError::PartitionEOF(number))) => unread.ended(number),
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
        let is_quiet = is_idle && unread.all_ended();
        let goes_on = if records.is_empty() {
            was_nothing |= is_quiet || unread.is_empty();
            go_on(was_nothing)
        } else {
            // Where records keep coming, it is never quiet.
            let is_enough = match was_nothing {
                false => unread.is_empty(),
                true => first.get_or_insert_with(Instant::now).elapsed() > MORE,
            };
            !is_quiet && !is_enough && go_on(false)
        };
        if !goes_on {
            break;
        }
    }
    Ok(records)
}

/// What has not been read of what was there.
struct Unread {
    until: BTreeMap<TopicPartition, Offset>,
    /// By number, since an end does not tell its topic.
    ends: BTreeMap<i32, Ends>,
}

/// The ends of all partitions of one number, each of another topic.
#[derive(Default)]
struct Ends {
    partitions: usize,
    told: usize,
}

impl Unread {
    fn of(extents: &BTreeMap<TopicPartition, Extent>) -> Self {
        let with_records = extents
            .iter()
            .filter(|(_, extent)| extent.start < extent.end);
        let mut ends: BTreeMap<i32, Ends> = BTreeMap::new();
        for partition in extents.keys() {
            ends.entry(partition.partition).or_default().partitions += 1;
        }
        Self {
            until: with_records
                .map(|(partition, extent)| (partition.clone(), extent.end))
                .collect(),
            ends,
        }
    }

    fn read(&mut self, message: &impl Message) {
        let partition = TopicPartition::new(message.topic(), message.partition());
        let next = Offset(message.offset()).next();
        if self.until.get(&partition).is_some_and(|end| *end <= next) {
            self.until.remove(&partition);
        }
    }

    fn ended(&mut self, number: i32) {
        let Some(ends) = self.ends.get_mut(&number) else {
            return;
        };
        ends.told += 1;
        // The last offsets may hold no records. Of several topics it may be the end of another, told again behind
        // what has come since.
        if ends.partitions == 1 {
            self.until
                .retain(|partition, _| partition.partition != number);
        }
    }

    /// Whether all that was there has been read.
    fn is_empty(&self) -> bool {
        self.until.is_empty()
    }

    /// Whether as many ends were told as there are partitions.
    fn all_ended(&self) -> bool {
        self.ends.values().all(|ends| ends.told >= ends.partitions)
    }
}

//! The first records of the topics, from which a schema is inferred.

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

/// How long more records are waited for after the first one, if the topics were empty.
const MORE: Duration = Duration::from_secs(1);

/// The most bytes of all values together. A partition gives at least one record.
const MOST_BYTES: usize = 16 << 20;
/// What an error says was being done.
const READING: &str = "reading the first records";

/// What [`first_records`] has found.
pub struct FirstRecords {
    /// The records' values; tombstones have none.
    pub values: Vec<Vec<u8>>,
    /// Whether each partition has given its share, so that later records would not be read either.
    pub is_full: bool,
}

/// Reads about `most` of the records at the partitions' starts, in the order of partitions. Each partition gives the
/// same share, so that the result does not depend on which broker answers first. The records are those within
/// `extents`; if there were none, they are those that come first. `go_on` is asked again and again whether to wait for
/// more. Its argument says whether everything that was there has been read and there was no record.
///
/// # Errors
/// Fails if the client cannot be made, or if the brokers refuse the records or no longer have them.
pub fn first_records(
    config: &ClientConfig,
    extents: &BTreeMap<TopicPartition, Extent>,
    most: usize,
    mut go_on: impl FnMut(bool) -> bool,
) -> Result<FirstRecords, MemberError> {
    let failed = || MemberError::client(READING);
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
    let mut sample = Sample::of(extents, most);
    // When the first record came, if there was none before.
    let mut first: Option<Instant> = None;
    loop {
        let mut is_idle = false;
        match consumer.poll(LOOK) {
            Some(Ok(message)) => sample.take(&message),
            Some(Err(KafkaError::PartitionEOF(number))) => sample.ended(number),
            Some(Err(KafkaError::MessageConsumption(code))) => {
                if MemberError::is_loss(code) {
                    let lost = "the first of them".to_owned();
                    return Err(MemberError::RecordsLost(lost));
                }
                let unreadable = MemberError::unreadable_while(READING, code);
                if let Some(error) = MemberError::refused(code).or(unreadable) {
                    return Err(error);
                }
                tracing::debug!(%code, "while reading first records");
            }
            Some(Err(error)) => tracing::debug!(%error, "while reading first records"),
            None => is_idle = true,
        }
        let is_all = sample.is_complete() || is_idle && sample.all_ended();
        let goes_on = if sample.is_empty() {
            sample.was_nothing |= is_all;
            go_on(sample.was_nothing)
        } else if sample.was_nothing {
            let since = first.get_or_insert_with(Instant::now);
            since.elapsed() < MORE && go_on(false)
        } else {
            !is_all && go_on(false)
        };
        if !goes_on {
            break;
        }
    }
    Ok(FirstRecords {
        is_full: sample.is_full(),
        values: sample.taken.into_values().flatten().collect(),
    })
}

/// The first records of each partition.
struct Sample {
    taken: BTreeMap<TopicPartition, Vec<Vec<u8>>>,
    /// The end of each partition that has not given its share or all its records.
    until: BTreeMap<TopicPartition, Offset>,
    /// Whether there were no records, so that later ones count.
    was_nothing: bool,
    /// The ends by partition number, because the report of an end does not name its topic.
    ends: BTreeMap<i32, Ends>,
    /// The most records and bytes of each partition.
    most: (usize, usize),
}

/// The ends of all partitions with one number, each of another topic.
#[derive(Default)]
struct Ends {
    partitions: usize,
    told: usize,
}

impl Sample {
    fn of(extents: &BTreeMap<TopicPartition, Extent>, most: usize) -> Self {
        let with_records = extents
            .iter()
            .filter(|(_, extent)| extent.start < extent.end);
        let until: BTreeMap<_, _> = with_records
            .map(|(partition, extent)| (partition.clone(), extent.end))
            .collect();
        let mut ends: BTreeMap<i32, Ends> = BTreeMap::new();
        for partition in extents.keys() {
            ends.entry(partition.partition).or_default().partitions += 1;
        }
        let shares = if until.is_empty() {
            extents.len()
        } else {
            until.len()
        };
        Self {
            taken: BTreeMap::new(),
            was_nothing: until.is_empty(),
            until,
            ends,
            most: (most.div_ceil(shares.max(1)), MOST_BYTES / shares.max(1)),
        }
    }

    fn take(&mut self, message: &impl Message) {
        let partition = TopicPartition::new(message.topic(), message.partition());
        let offset = Offset(message.offset());
        let end = self.until.get(&partition);
        let is_asked_for = end.map_or(self.was_nothing, |end| offset < *end);
        let is_last = end.is_some_and(|end| *end <= offset.next());
        let taken = self.taken.entry(partition.clone()).or_default();
        if is_asked_for && !is_share(taken, self.most) {
            taken.extend(message.payload().map(<[u8]>::to_vec));
        }
        if is_share(taken, self.most) || is_last {
            self.until.remove(&partition);
        }
    }

    fn ended(&mut self, number: i32) {
        let Some(ends) = self.ends.get_mut(&number) else {
            return;
        };
        ends.told += 1;
        // The last offsets may hold no records. With several topics the end may be another topic's, or one that is
        // reported again behind records that have come since.
        if ends.partitions == 1 {
            self.until
                .retain(|partition, _| partition.partition != number);
        }
    }

    /// Returns whether each partition that has given any records has given its share.
    fn is_full(&self) -> bool {
        let mut taken = self.taken.values();
        !self.is_empty() && taken.all(|taken| is_share(taken, self.most))
    }

    fn is_empty(&self) -> bool {
        self.taken.values().all(Vec::is_empty)
    }

    /// Returns whether each partition has given its share, or all that it had.
    fn is_complete(&self) -> bool {
        self.until.is_empty()
    }

    /// Returns whether as many ends were reported as there are partitions.
    fn all_ended(&self) -> bool {
        self.ends.values().all(|ends| ends.told >= ends.partitions)
    }
}

/// Returns whether `taken` is all that a partition gives, with these limits of records and bytes.
fn is_share(taken: &[Vec<u8>], (records, bytes): (usize, usize)) -> bool {
    let held = taken.iter().map(Vec::len).sum::<usize>();
    taken.len() >= records || !taken.is_empty() && held >= bytes
}

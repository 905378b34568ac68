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

/// Bytes of all of them. A partition gives at least one.
const MOST_BYTES: usize = 16 << 20;
/// What is being done, for an error.
const READING: &str = "reading the first records";

/// What [`first_records`] has found.
pub struct FirstRecords {
    /// Their values; tombstones have none.
    pub values: Vec<Vec<u8>>,
    /// Whether later ones would not be looked at either.
    pub is_full: bool,
}

/// Some `most` of the records at the partitions' starts, in the order of partitions: of each partition the same share,
/// so that it does not depend on who answers first. Those within `extents`, or if there were none, those that come
/// first. `go_on` is asked again and again whether to wait for more; it is told whether all has been read that was
/// there, and that was nothing.
///
/// # Errors
/// If the client cannot be made, or the brokers refuse the records or no longer have them.
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
    // When the first record came where there was nothing.
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
    /// What is still to come, of what was there.
    until: BTreeMap<TopicPartition, Offset>,
    /// What comes later counts.
    was_nothing: bool,
    /// By number, since an end does not tell its topic.
    ends: BTreeMap<i32, Ends>,
    /// Records and bytes of each partition.
    most: (usize, usize),
}

/// The ends of all partitions of one number, each of another topic.
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
        // The last offsets may hold no records. Of several topics it may be the end of another, told again behind
        // what has come since.
        if ends.partitions == 1 {
            self.until
                .retain(|partition, _| partition.partition != number);
        }
    }

    /// Whether each partition that has given any has given its share.
    fn is_full(&self) -> bool {
        let mut taken = self.taken.values();
        !self.is_empty() && taken.all(|taken| is_share(taken, self.most))
    }

    fn is_empty(&self) -> bool {
        self.taken.values().all(Vec::is_empty)
    }

    /// Whether each partition has given its share, or all that it had.
    fn is_complete(&self) -> bool {
        self.until.is_empty()
    }

    /// Whether as many ends were told as there are partitions.
    fn all_ended(&self) -> bool {
        self.ends.values().all(|ends| ends.told >= ends.partitions)
    }
}

/// Whether `taken` are all that a partition gives, of so many records and bytes at most.
fn is_share(taken: &[Vec<u8>], (records, bytes): (usize, usize)) -> bool {
    let held = taken.iter().map(Vec::len).sum::<usize>();
    taken.len() >= records || !taken.is_empty() && held >= bytes
}

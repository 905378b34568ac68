//! Records that wait behind an open transaction. They are in the log, but those who read only committed records do not
//! get them until the transaction ends. Records of other producers behind the transaction's first record wait too.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use super::admin;
use super::closing::Closing;
use crate::position::{Offset, TopicPartition};

/// How long brokers may take to answer where logs end, and to hand out the first waiting record of each partition.
const ANSWER: Duration = Duration::from_secs(4);
const RECORDS: Duration = Duration::from_secs(3);
/// The longest wait of one poll.
const LOOK: Duration = Duration::from_millis(100);

const ISOLATION: &str = "isolation.level";

/// The waiting records of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The first record of the transaction that has been open for longest.
    pub first: Offset,
    /// Where the log ends.
    pub end: Offset,
}

impl Waiting {
    /// Returns how many records wait at most: it also counts records that others have aborted meanwhile.
    pub fn records(&self) -> u64 {
        self.end.since(self.first)
    }
}

/// Returns whether readers with these settings wait for transactions. They do by default.
pub fn is_waited_for(client: &ClientConfig) -> bool {
    client.get(ISOLATION) != Some("read_uncommitted")
}

/// Returns what waits in which of `partitions`. It leaves out records that came after it asked for the logs' ends.
///
/// # Errors
/// Fails if nobody answers in time.
pub fn waiting<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, Waiting>, RDKafkaErrorCode> {
    // The order matters: the other way round, records that came between the two requests would count as waiting.
    let ends = ends(client, partitions)?;
    let committed = admin::ends(client.client(), partitions, true, ANSWER)?;
    Ok(between(&committed, &ends))
}

/// Returns where the logs of `partitions` end, uncommitted records included.
///
/// # Errors
/// Fails if nobody answers in time.
pub fn ends<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, Offset>, RDKafkaErrorCode> {
    admin::ends(client.client(), partitions, false, ANSWER)
}

/// Returns what waits between the ends of the `committed` records and the `ends` of the logs, which were asked for
/// earlier.
pub fn between(
    committed: &BTreeMap<TopicPartition, Offset>,
    ends: &BTreeMap<TopicPartition, Offset>,
) -> BTreeMap<TopicPartition, Waiting> {
    let of_each = |(partition, first): (&TopicPartition, &Offset)| {
        let end = *ends.get(partition).filter(|end| *end > first)?;
        Some((partition.clone(), Waiting { first: *first, end }))
    };
    committed.iter().filter_map(of_each).collect()
}

/// Returns when the first waiting record of each partition of `waiting` was written, by Kafka's timestamps. Brokers do
/// not tell when a transaction began, and its first record comes closest to that. Partitions that give no record in
/// time are left out.
pub fn opened_at(
    config: &ClientConfig,
    waiting: &BTreeMap<TopicPartition, Waiting>,
) -> BTreeMap<TopicPartition, DateTime<Utc>> {
    let mut found = BTreeMap::new();
    if let Err(error) = read_first(config, waiting, &mut found) {
        tracing::debug!(%error, "since when transactions are open");
    }
    found
}

fn read_first(
    config: &ClientConfig,
    waiting: &BTreeMap<TopicPartition, Waiting>,
    found: &mut BTreeMap<TopicPartition, DateTime<Utc>>,
) -> Result<(), KafkaError> {
    let consumer: BaseConsumer = config
        .clone()
        .set(ISOLATION, "read_uncommitted")
        // Only one record of each partition is needed.
        .set("queued.min.messages", "1")
        .set("fetch.message.max.bytes", "1024")
        .set("statistics.interval.ms", "0")
        .create()?;
    let consumer = Closing::from(consumer);
    let mut list = TopicPartitionList::with_capacity(waiting.len());
    for (partition, waiting) in waiting {
        let first = KafkaOffset::Offset(waiting.first.0);
        list.add_partition_offset(&partition.topic, partition.partition, first)?;
    }
    consumer.assign(&list)?;
    let deadline = Instant::now() + RECORDS;
    while found.len() < waiting.len() && Instant::now() < deadline {
        let Some(Ok(record)) = consumer.poll(LOOK) else {
            continue;
        };
        let partition = TopicPartition::new(record.topic(), record.partition());
        let at = record.timestamp().to_millis();
        if let Some(at) = at.and_then(DateTime::from_timestamp_millis) {
            // Only the first record of a partition counts.
            found.entry(partition).or_insert(at);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_lies_between_what_is_committed_and_the_end() {
        let partition = |number| TopicPartition::new("t", number);
        let at = |offsets: &[(i32, i64)]| {
            let offsets = offsets.iter();
            offsets
                .map(|(number, offset)| (partition(*number), Offset(*offset)))
                .collect()
        };
        // The second partition has grown since its end was looked at. The last one's end is not known.
        let committed: BTreeMap<_, _> = at(&[(0, 5), (1, 9), (2, 7), (3, 1)]);
        let waiting = between(&committed, &at(&[(0, 12), (1, 8), (2, 7)]));
        let first = Waiting {
            first: Offset(5),
            end: Offset(12),
        };
        assert_eq!(waiting, BTreeMap::from([(partition(0), first)]));
        assert_eq!(first.records(), 7);
    }

    #[test]
    fn who_reads_what_is_not_committed_waits_for_nothing() {
        let mut client = ClientConfig::new();
        assert!(is_waited_for(&client));
        client.set(ISOLATION, "read_committed");
        assert!(is_waited_for(&client));
        client.set(ISOLATION, "read_uncommitted");
        assert!(!is_waited_for(&client));
    }
}

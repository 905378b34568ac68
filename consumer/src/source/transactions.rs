//! Records that wait behind a transaction that is open: they are in the log, and who reads what is committed alone is
//! not given them until it ends, those of others behind its first one either.

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

/// How long brokers may take to tell where logs end, and to hand out the first records that wait.
const ANSWER: Duration = Duration::from_secs(4);
const RECORDS: Duration = Duration::from_secs(3);
/// The longest wait of one poll.
const LOOK: Duration = Duration::from_millis(100);

const ISOLATION: &str = "isolation.level";

/// The records of a partition that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The first one of the transaction that has been open for longest.
    pub first: Offset,
    /// Where the log ends.
    pub end: Offset,
}

impl Waiting {
    /// How many they are at most: what others have aborted meanwhile is among them.
    pub fn records(&self) -> u64 {
        self.end.since(self.first)
    }
}

/// Whether readers with these settings wait for transactions. They do, unless told otherwise.
pub fn is_waited_for(client: &ClientConfig) -> bool {
    client.get(ISOLATION) != Some("read_uncommitted")
}

/// What waits in which of `partitions`. What has come since the logs' ends were looked at is not among it.
///
/// # Errors
/// If nobody answers in time.
pub fn waiting<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, Waiting>, RDKafkaErrorCode> {
    // In this order: what lies between two looks in the other would be what has come between them.
    let ends = ends(client, partitions)?;
    let committed = admin::ends(client.client(), partitions, true, ANSWER)?;
    Ok(between(&committed, &ends))
}

/// Where the logs of `partitions` end, whatever is committed of them.
///
/// # Errors
/// If nobody answers in time.
pub fn ends<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, Offset>, RDKafkaErrorCode> {
    admin::ends(client.client(), partitions, false, ANSWER)
}

/// What waits between the ends for those who read what is `committed` and the `ends` of all, which were looked at before.
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

/// When the first record that waits was written, of each partition of `waiting`, by Kafka's timestamps. Brokers do not
/// tell when a transaction began; nobody knows better than its first record. Partitions that give none in time are left
/// out.
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
        // One record of each is wanted.
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
            // Those behind it come after it.
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
        // The second has had more since its end was looked at; of the last one nobody tells the end.
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

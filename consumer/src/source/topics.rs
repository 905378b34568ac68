//! What is there when a query starts: the partitions, where reading begins, and where the logs end.
//!
//! All of it is asked for once. Each broker gets one request for both ends, whatever the number of partitions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use thiserror::Error;

use crate::position::{Offset, TopicPartition};

/// How long a broker may take to answer.
const ANSWER: Duration = Duration::from_secs(8);

/// Where reading begins in a partition that has no checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartingOffsets {
    /// Reading begins at the oldest record of the log.
    Earliest,
    /// Reading begins behind the last record that was there at the start.
    Latest,
    /// Reading begins at the first record of this time or later, by Kafka's timestamps.
    From(DateTime<Utc>),
}

/// Why the topics cannot be read.
#[derive(Debug, Error)]
pub enum TopicsError {
    /// No broker answers.
    #[error(
        "no broker answers at {servers} ({reason}); is Kafka running there? KAFKA_BOOTSTRAP_SERVERS names it"
    )]
    Unreachable {
        /// The bootstrap servers of the settings.
        servers: String,
        /// librdkafka's reason.
        reason: String,
    },
    /// The brokers do not know the topic yet.
    #[error("there is no topic {0}; TOPIC names it, and the producer creates it")]
    Missing(String),
    /// A broker was lost, or the topic is new.
    #[error("{partition} cannot be read for now ({reason}); are all brokers up?")]
    NotReady {
        /// The partition.
        partition: TopicPartition,
        /// Kafka's reason.
        reason: String,
    },
    /// Brokers answer, but none that leads the partitions.
    #[error(
        "a broker that leads partitions does not answer for now ({reason}); are all brokers up?"
    )]
    LeaderAway {
        /// Kafka's or librdkafka's reason.
        reason: String,
    },
    /// The brokers refuse the topic.
    #[error("the brokers refuse topic {topic}: {reason}")]
    Refused {
        /// The topic.
        topic: String,
        /// Kafka's reason.
        reason: String,
    },
}

/// One partition at the start of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where reading begins.
    pub start: Offset,
    /// Where the log ends.
    pub end: Offset,
}

/// Returns the partitions of `topics`.
///
/// # Errors
/// Fails if no broker answers, or if a topic does not exist or is not allowed.
pub fn partitions<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    servers: &str,
    topics: &[String],
) -> Result<Vec<TopicPartition>, TopicsError> {
    let mut found = Vec::new();
    for name in topics {
        let metadata = client
            .fetch_metadata(Some(name), ANSWER)
            .map_err(|error| unreachable(servers, &error))?;
        let topic: Arc<str> = name.as_str().into();
        let about = metadata.topics().iter().find(|about| about.name() == name);
        match about.map(|about| {
            (
                about.error().map(RDKafkaErrorCode::from),
                about.partitions(),
            )
        }) {
            Some((None, partitions)) if !partitions.is_empty() => {
                found.extend(partitions.iter().map(|partition| TopicPartition {
                    topic: Arc::clone(&topic),
                    partition: partition.id(),
                }));
            }
            None
            | Some((
                None
                | Some(
                    RDKafkaErrorCode::UnknownTopicOrPartition
                    | RDKafkaErrorCode::UnknownTopic
                    | RDKafkaErrorCode::LeaderNotAvailable,
                ),
                _,
            )) => return Err(TopicsError::Missing(name.clone())),
            Some((Some(code), _)) => {
                return Err(TopicsError::Refused {
                    topic: name.clone(),
                    reason: code.to_string(),
                });
            }
        }
    }
    found.sort();
    Ok(found)
}

fn unreachable(servers: &str, error: &KafkaError) -> TopicsError {
    TopicsError::Unreachable {
        servers: servers.to_owned(),
        reason: error
            .rdkafka_error_code()
            .map_or_else(|| error.to_string(), |code| code.to_string()),
    }
}

/// Returns where reading of each partition begins and where its log ends now.
///
/// # Errors
/// Fails if a partition's leader does not answer.
pub fn extents<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    servers: &str,
    partitions: &[TopicPartition],
    starting: StartingOffsets,
) -> Result<BTreeMap<TopicPartition, Extent>, TopicsError> {
    let at = |time| offsets_at(client, servers, partitions, time);
    let ends = at(KafkaOffset::End)?;
    let starts = match starting {
        StartingOffsets::Earliest => at(KafkaOffset::Beginning)?,
        StartingOffsets::Latest => ends.clone(),
        StartingOffsets::From(time) => at(KafkaOffset::Offset(time.timestamp_millis()))?,
    };
    Ok(ends
        .into_iter()
        .map(|(partition, end)| {
            // All records are older than the time that was asked for, so reading begins behind them.
            let start = starts
                .get(&partition)
                .map_or(end, |start| (*start).min(end));
            (partition, Extent { start, end })
        })
        .collect())
}

/// Returns whether an error passes by itself. Brokers give such errors for a moment when a topic is new or a broker was
/// lost. There are many of these errors, and few that stay.
fn is_passing(code: RDKafkaErrorCode) -> bool {
    !matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::UnsupportedVersion
            | RDKafkaErrorCode::UnsupportedForMessageFormat
            | RDKafkaErrorCode::AllBrokersDown
    )
}

/// Returns the first offset whose record is of `time` or later, for each partition that has one. librdkafka passes the
/// two special times of Kafka's ListOffsets on unchanged: −1 is the end, −2 the beginning.
fn offsets_at<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    servers: &str,
    partitions: &[TopicPartition],
    time: KafkaOffset,
) -> Result<BTreeMap<TopicPartition, Offset>, TopicsError> {
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        asked
            .add_partition_offset(&partition.topic, partition.partition, time)
            .map_err(|error| unreachable(servers, &error))?;
    }
    let answered = client.offsets_for_times(asked, ANSWER).map_err(|error| {
        match error.rdkafka_error_code() {
            Some(code) if is_passing(code) => TopicsError::LeaderAway {
                reason: code.to_string(),
            },
            _ => unreachable(servers, &error),
        }
    })?;
    let mut offsets = BTreeMap::new();
    for element in answered.elements() {
        let partition = TopicPartition::new(element.topic(), element.partition());
        if let Err(error) = element.error() {
            return Err(match error.rdkafka_error_code() {
                Some(code) if is_passing(code) => TopicsError::NotReady {
                    partition,
                    reason: code.to_string(),
                },
                _ => TopicsError::Refused {
                    topic: partition.to_string(),
                    reason: error.to_string(),
                },
            });
        }
        if let KafkaOffset::Offset(offset) = element.offset() {
            offsets.insert(partition, Offset(offset));
        }
    }
    Ok(offsets)
}

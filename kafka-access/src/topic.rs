//! Checks the cluster and the topic before the first record.
//!
//! Brokers have to answer once at the start. A missing topic is created. When the cluster cannot do what a setting asks
//! for, the error names the setting.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::KafkaError;
use rdkafka::metadata::Metadata;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::types::RDKafkaErrorCode;
use thiserror::Error;

use crate::kafka::{Attentive, KafkaSettings};
use crate::settings_error::SettingsError;
use crate::stop::Stop;

/// How long brokers have to answer at the start.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// How long a single question waits for an answer. Several questions fit into [`ANSWER_WITHIN`], and a request to stop
/// is noticed between them.
const ONE_QUESTION: Duration = Duration::from_secs(2);
/// How long brokers have to create a topic.
const CREATE_WITHIN: Duration = Duration::from_secs(30);

/// A topic, and how to create it when it is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    name: String,
    partitions: i32,
    replication: i32,
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self {
            name: "transactions".to_owned(),
            partitions: 6,
            replication: 3,
        }
    }
}

impl TopicSettings {
    /// Makes the settings of the topic `name`. If it is missing, it is created with `partitions` partitions, each on
    /// `replication` brokers.
    ///
    /// # Errors
    /// Fails when Kafka does not allow the name or a number is out of its range.
    pub fn new(name: &str, partitions: i32, replication: i32) -> Result<Self, SettingsError> {
        check_name("TOPIC", name)?;
        if !(1..=100_000).contains(&partitions) {
            let mend = "give a number of partitions from 1 to 100000, such as 6";
            return Err(SettingsError::new(
                "TOPIC_PARTITIONS",
                partitions.to_string(),
                mend,
            ));
        }
        if !(1..=i32::from(i16::MAX)).contains(&replication) {
            let mend = "give a number of brokers that keep each partition, such as 3";
            return Err(SettingsError::new(
                "TOPIC_REPLICATION",
                replication.to_string(),
                mend,
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            partitions,
            replication,
        })
    }

    /// Returns the topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Checks that `name`, the value of `setting`, follows Kafka's rule for a topic's name.
///
/// # Errors
/// Fails when Kafka does not allow the name.
pub fn check_name(setting: &'static str, name: &str) -> Result<(), SettingsError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let possible = (1..=249).contains(&name.len()) && !matches!(name, "." | "..");
    if possible && name.bytes().all(allowed) {
        return Ok(());
    }
    let mend =
        "a topic's name is 1 to 249 of the letters a to z and A to Z, digits, '.', '_' and '-'";
    Err(SettingsError::new(setting, name, mend))
}

/// Why there is no topic to write to.
#[derive(Debug, Error)]
pub enum TopicError {
    /// No broker answered at the start.
    #[error(
        "no broker of KAFKA_BOOTSTRAP_SERVERS={servers} answered within {} s ({reason}): \
         start the brokers or correct the setting", ANSWER_WITHIN.as_secs()
    )]
    Unreachable {
        /// The setting's value.
        servers: String,
        /// The reason that librdkafka gave.
        reason: String,
    },
    /// The client could not be set up with the given properties.
    #[error("cannot set up the Kafka client: {0}; check -X and KAFKA_PROPERTIES")]
    Client(KafkaError),
    /// The topic is missing and has more replicas than the cluster has brokers.
    #[error(
        "cannot create topic {topic} with TOPIC_REPLICATION={replication}: the cluster has \
         {brokers} broker(s); set TOPIC_REPLICATION={brokers} or start more brokers"
    )]
    Replication {
        /// The topic's name.
        topic: String,
        /// The setting's value.
        replication: i32,
        /// How many brokers the cluster has.
        brokers: usize,
    },
    /// The topic is missing and brokers refuse to create it.
    #[error(
        "cannot create topic {topic} with TOPIC_PARTITIONS={partitions} and \
         TOPIC_REPLICATION={replication}: {reason}; change the setting or create the topic yourself"
    )]
    Refused {
        /// The topic's name.
        topic: String,
        /// The setting's value.
        partitions: i32,
        /// The setting's value.
        replication: i32,
        /// The reason that the brokers gave.
        reason: String,
    },
}

/// What was found out, or done, about the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicState {
    /// The topic existed with this many partitions.
    Found(usize),
    /// The topic was missing, and now it is created.
    Created,
    /// A request to stop came before the answer.
    Stopped,
}

/// Asks the cluster for its brokers and topics. Returns `None` when a request to stop came first.
///
/// # Errors
/// Fails when the client cannot be set up or no broker answers within [`ANSWER_WITHIN`].
pub fn reach(kafka: &KafkaSettings, stop: &Stop) -> Result<Option<Metadata>, TopicError> {
    let config = kafka.client_config();
    let client: BaseProducer<Asking> = config
        .create_with_context(Asking::default())
        .map_err(TopicError::Client)?;
    let deadline = Instant::now() + ANSWER_WITHIN;
    loop {
        if stop.requested() {
            return Ok(None);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let error = match client.client().fetch_metadata(None, left.min(ONE_QUESTION)) {
            Ok(metadata) => return Ok(Some(metadata)),
            Err(error) => error,
        };
        // Errors of connections are events: the poll hands them to the client's context.
        client.poll(Duration::from_millis(1));
        if Instant::now() >= deadline {
            let reason = client.client().context().0.last_error();
            return Err(TopicError::Unreachable {
                servers: kafka.bootstrap_servers().to_owned(),
                reason: reason.unwrap_or_else(|| error.to_string()),
            });
        }
    }
}

/// Makes sure that the topic exists: creates it when it is missing.
///
/// # Errors
/// Fails when no broker answers, or the topic is missing and cannot be created.
pub fn ensure(
    kafka: &KafkaSettings,
    topic: &TopicSettings,
    stop: &Stop,
) -> Result<TopicState, TopicError> {
    let Some(metadata) = reach(kafka, stop)? else {
        return Ok(TopicState::Stopped);
    };
    let found = metadata
        .topics()
        .iter()
        .find(|found| found.name() == topic.name);
    match found {
        Some(found) => Ok(TopicState::Found(found.partitions().len())),
        None => create(kafka, topic, metadata.brokers().len()),
    }
}

fn create(
    kafka: &KafkaSettings,
    topic: &TopicSettings,
    brokers: usize,
) -> Result<TopicState, TopicError> {
    let refused = |reason: String| TopicError::Refused {
        topic: topic.name.clone(),
        partitions: topic.partitions,
        replication: topic.replication,
        reason,
    };
    let admin: AdminClient<Attentive> = kafka
        .client_config()
        .create_with_context(Attentive::default())
        .map_err(TopicError::Client)?;
    let replication = TopicReplication::Fixed(topic.replication);
    let new = NewTopic::new(&topic.name, topic.partitions, replication);
    let options = AdminOptions::new().operation_timeout(Some(CREATE_WITHIN));
    let created = futures_executor::block_on(admin.create_topics([&new], &options));
    let result = created.map_err(|error| refused(error.to_string()))?.pop();
    match result {
        // An existing topic is no error: another program has just created it.
        None | Some(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => {
            Ok(TopicState::Created)
        }
        Some(Err((_, RDKafkaErrorCode::InvalidReplicationFactor))) => {
            Err(TopicError::Replication {
                topic: topic.name.clone(),
                replication: topic.replication,
                brokers,
            })
        }
        Some(Err((_, code))) => Err(refused(code.to_string())),
    }
}

/// Wraps [`Attentive`] as a producer's context. No record is produced with it.
#[derive(Debug, Default)]
struct Asking(Attentive);

impl rdkafka::ClientContext for Asking {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl rdkafka::producer::ProducerContext for Asking {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &rdkafka::message::DeliveryResult<'_>, (): ()) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_kafka_does_not_allow_is_refused() {
        for name in ["", ".", "a b", "übung", &"x".repeat(250)] {
            assert!(TopicSettings::new(name, 1, 1).is_err(), "{name}");
        }
    }

    #[test]
    fn numbers_out_of_range_name_their_setting() {
        let error = TopicSettings::new("t", 0, 1).unwrap_err().to_string();
        assert!(error.starts_with("TOPIC_PARTITIONS=0: "), "{error}");
        let error = TopicSettings::new("t", 1, 0).unwrap_err().to_string();
        assert!(error.starts_with("TOPIC_REPLICATION=0: "), "{error}");
    }

    #[test]
    fn a_request_to_stop_ends_the_search_for_brokers() {
        let kafka = KafkaSettings::parse("127.0.0.1:1", "", &[]).unwrap();
        let stop = Stop::new();
        stop.request();
        assert!(reach(&kafka, &stop).unwrap().is_none());
    }
}

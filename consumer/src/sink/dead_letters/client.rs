//! The Kafka client of dead letters, and their topic.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::executor::block_on;
use kafka_access::kafka::log_to_tracing;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::letter::Letter;
use super::obstacle::Obstacle;

/// The size of the largest message that librdkafka sends.
const MOST_BYTES: &str = "1000000000";
/// How long the delivery of a letter may take before its partition counts as stuck.
pub(super) const DELIVERY: Duration = Duration::from_secs(5);

/// The letters that librdkafka has finished with, each with its outcome.
#[derive(Default)]
struct LetterDeliveries(Mutex<Vec<Delivery>>);

/// The outcome of one letter.
pub(super) struct Delivery {
    pub letter: Arc<Letter>,
    /// The reason why it was not written; `None` if it was.
    pub error: Option<KafkaError>,
}

struct LetterContext(Arc<LetterDeliveries>);

impl ClientContext for LetterContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_to_tracing(level, facility, message);
    }
}

impl ProducerContext for LetterContext {
    type DeliveryOpaque = Arc<Letter>;

    fn delivery(&self, result: &DeliveryResult<'_>, letter: Arc<Letter>) {
        let error = result.as_ref().err().map(|(error, _)| error.clone());
        let mut all = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Delivery { letter, error });
    }
}

/// A client that writes letters to one topic.
pub(super) struct Client {
    producer: BaseProducer<LetterContext>,
    deliveries: Arc<LetterDeliveries>,
    topic: String,
}

impl Client {
    /// Makes a client that sends letters together or, if `alone`, each in a request of its own: brokers take or refuse
    /// as a whole what is sent together.
    pub(super) fn new(config: &ClientConfig, topic: &str, alone: bool) -> Result<Self, KafkaError> {
        let deliveries = Arc::new(LetterDeliveries::default());
        let mut config = config.clone();
        config
            // Repeated letters can be recognized. An idempotent client would break when it cannot repeat one.
            .set("enable.idempotence", "false")
            .set("acks", "all")
            // Letters usually come many at a time; when they come one by one, there are few.
            .set("linger.ms", "5")
            // A record that another topic took must not be too large for this client.
            .set("message.max.bytes", MOST_BYTES)
            .set("message.timeout.ms", DELIVERY.as_millis().to_string());
        if alone {
            config.set("batch.num.messages", "1").set("linger.ms", "0");
        }
        let context = LetterContext(Arc::clone(&deliveries));
        Ok(Self {
            producer: config.create_with_context(context)?,
            deliveries,
            topic: topic.to_owned(),
        })
    }

    /// Hands a letter to librdkafka.
    ///
    /// The letter's timestamp is the time at which it is written, and the record's own timestamp is among its headers.
    /// With the record's timestamp the topic's retention might delete the letter at once, and brokers may refuse it.
    pub(super) fn send(&self, letter: &Arc<Letter>) -> Result<(), KafkaError> {
        let mut entry =
            BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.topic, Arc::clone(letter))
                .headers(letter.headers());
        if let Some(key) = letter.key() {
            entry = entry.key(key);
        }
        if let Some(value) = letter.value() {
            entry = entry.payload(value);
        }
        self.producer.send(entry).map_err(|(error, _)| error)
    }

    /// Returns the letters that librdkafka has finished with since the last call.
    pub(super) fn settled(&self) -> Vec<Delivery> {
        let mut settled = Vec::new();
        loop {
            // Each call serves one event of librdkafka, which has all letters that one response of a broker settles.
            self.producer.poll(Duration::ZERO);
            let mut all = self
                .deliveries
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if all.is_empty() {
                return settled;
            }
            settled.append(&mut all);
        }
    }

    /// Returns whether librdkafka has letters that are not settled.
    pub(super) fn has_some(&self) -> bool {
        self.producer.in_flight_count() > 0
    }

    /// Creates the topic unless it exists.
    pub(super) fn need_topic(&self, config: &ClientConfig) -> Result<(), Obstacle> {
        let topics = self.producer.client().fetch_metadata(None, DELIVERY);
        let topics = topics.map_err(|error| Obstacle::of(&error))?;
        let is_there = |found: &MetadataTopic| found.name() == self.topic;
        if topics.topics().iter().any(is_there) {
            return Ok(());
        }
        let Err(refused) = self.create_topic(config) else {
            return Ok(());
        };
        // Brokers may create a topic by themselves when they are asked for it.
        let asked = self
            .producer
            .client()
            .fetch_metadata(Some(&self.topic), DELIVERY)
            .map_err(|error| Obstacle::of(&error))?;
        let found = asked.topics().iter().find(|found| is_there(found));
        match found
            .and_then(MetadataTopic::error)
            .map(RDKafkaErrorCode::from)
        {
            None | Some(RDKafkaErrorCode::LeaderNotAvailable) => Ok(()),
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Err(Obstacle::not_created(
                RDKafkaErrorCode::TopicAuthorizationFailed,
            )),
            Some(_) => Err(Obstacle::not_created(refused)),
        }
    }

    /// Creates the topic. Its retention goes by the time at which a letter was written.
    fn create_topic(&self, config: &ClientConfig) -> Result<(), RDKafkaErrorCode> {
        let code = |error: KafkaError| {
            tracing::debug!(%error, "dead-letter topic");
            error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)
        };
        let admin: AdminClient<DefaultClientContext> = config.create().map_err(code)?;
        let topic = NewTopic::new(&self.topic, -1, TopicReplication::Fixed(-1))
            .set("message.timestamp.type", "LogAppendTime")
            .set("max.message.bytes", MOST_BYTES);
        let options = AdminOptions::new().request_timeout(Some(DELIVERY));
        let answers = block_on(admin.create_topics([&topic], &options)).map_err(code)?;
        tracing::debug!(?answers, "dead-letter topic");
        for answer in answers {
            match answer {
                // Another process was faster.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(code),
            }
        }
        Ok(())
    }
}

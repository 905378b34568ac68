//! Writes records into Kafka; all in-sync replicas acknowledge each record.
//!
//! The idempotent producer guarantees that the records of one key stay in order and that none is written twice. No
//! record is given up while brokers are away. Every record is counted exactly once: as acknowledged, failed, or still
//! under way. A full queue is back-pressure: the caller offers the record again, in its turn.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use crate::enqueue::TopicProducer;
use kafka_access::Stop;
use kafka_access::kafka::{KafkaSettings, error_to_tracing, is_all_down, log_to_tracing, readable};

/// The properties that make a load fast and safe. The user's own properties override them.
const DEFAULTS: [(&str, &str); 8] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // 0 means no limit: records wait for lost brokers for as long as it takes.
    ("message.timeout.ms", "0"),
    // Larger batches delay a burst by less than anyone could see, and make a load several times as fast.
    ("linger.ms", "20"),
    ("batch.num.messages", "20000"),
    // Three brokers have up to five requests of 1 MB each in hand, which is 42,000 records. Many more records would
    // have left every cache by the time they are written, and again when they are acknowledged.
    ("queue.buffering.max.messages", "60000"),
    // There is a bound in bytes as well, since large records could fill the memory.
    ("queue.buffering.max.kbytes", "131072"),
    // Brokers close idle connections; this is not worth a log line.
    ("log.connection.close", "false"),
];

/// What became of the records of one offer.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    /// How many records, from the first on, the caller need not offer again: each is either on its way, and will be
    /// acknowledged or fail, or was refused. When this is fewer than all, the queue is full.
    pub(crate) taken: usize,
    /// Whether some of the taken records cannot be sent, for instance because they are too large. They count as failed.
    pub(crate) refused: bool,
}

/// Writes records to one topic.
pub(crate) struct Publisher {
    producer: TopicProducer<Deliveries>,
    deliveries: Arc<Deliveries>,
    offered: u64,
}

/// Makes a client. It nudges `stop` when something happens for which a waiting thread has asked.
pub(crate) fn client(
    kafka: &KafkaSettings,
    stop: &Stop,
) -> Result<ThreadedProducer<Deliveries>, KafkaError> {
    let config = kafka.client_config_over(&DEFAULTS);
    config.create_with_context(Deliveries::new(stop.clone()))
}

impl Publisher {
    /// Makes a publisher that writes to `topic`. The topic must exist: brokers that are asked for a missing topic may
    /// create it with as many partitions as they like.
    pub(crate) fn new(
        producer: ThreadedProducer<Deliveries>,
        topic: &str,
    ) -> Result<Self, KafkaError> {
        let deliveries = Arc::clone(producer.client().context());
        Ok(Self {
            producer: TopicProducer::new(producer, topic)?,
            deliveries,
            offered: 0,
        })
    }

    /// Hands keys and payloads to Kafka in their order, until the queue is full.
    pub(crate) fn offer<'a>(
        &mut self,
        records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Offered {
        let mut offered = Offered::default();
        for result in self.producer.enqueue(records) {
            match result {
                Ok(()) => {}
                Err(RDKafkaErrorCode::QueueFull) => break,
                Err(code) => {
                    offered.refused = true;
                    self.deliveries.failed(&KafkaError::MessageProduction(code));
                }
            }
            offered.taken += 1;
        }
        self.offered += offered.taken as u64;
        offered
    }

    /// Returns how many records were taken, which includes those that were refused.
    pub(crate) fn offered(&self) -> u64 {
        self.offered
    }

    /// Returns how many records are under way: taken, but neither acknowledged nor failed.
    pub(crate) fn outstanding(&self) -> u64 {
        self.offered
            .saturating_sub(self.deliveries.done.load(Ordering::Acquire))
    }

    /// Returns the counts of what became of the records.
    pub(crate) fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// Asks for a nudge of the waiting thread once at most `outstanding` records are under way.
    pub(crate) fn nudge_at(&self, outstanding: u64) {
        let done = self.offered.saturating_sub(outstanding);
        self.deliveries
            .nudge_when_done
            .store(done, Ordering::SeqCst);
        // Records may have been delivered before the polling thread could see the mark.
        if self.deliveries.done.load(Ordering::SeqCst) >= done {
            self.deliveries.nudge();
        }
    }

    /// Returns why nothing can be written any more, or `None` when writing goes on.
    pub(crate) fn fatal_error(&self) -> Option<String> {
        let (code, reason) = self.producer.producer().client().fatal_error()?;
        Some(format!("{code}: {}", readable(&reason)))
    }
}

/// Counts what became of the records. The producer's polling thread calls it.
#[derive(Debug)]
pub(crate) struct Deliveries {
    acknowledged: AtomicU64,
    /// Records that were acknowledged or have failed.
    done: AtomicU64,
    /// The value of `done` at which the waiting thread is nudged; `u64::MAX` when nobody has asked.
    nudge_when_done: AtomicU64,
    all_down: AtomicBool,
    words: Mutex<Words>,
    stop: Stop,
}

#[derive(Debug, Default)]
struct Words {
    first_failure: Option<String>,
    last_error: Option<String>,
}

impl Deliveries {
    fn new(stop: Stop) -> Self {
        Self {
            acknowledged: AtomicU64::new(0),
            done: AtomicU64::new(0),
            nudge_when_done: AtomicU64::new(u64::MAX),
            all_down: AtomicBool::new(false),
            words: Mutex::default(),
            stop,
        }
    }

    /// Returns how many records were acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Returns how many records were acknowledged or have failed.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }

    /// Returns whether all brokers went away since the last acknowledgement.
    pub(crate) fn all_down(&self) -> bool {
        self.all_down.load(Ordering::Relaxed)
    }

    /// Returns why the first of the failed records failed.
    pub(crate) fn first_failure(&self) -> Option<String> {
        self.words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .first_failure
            .clone()
    }

    /// Returns the last error that librdkafka reported.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .last_error
            .clone()
    }

    fn failed(&self, error: &KafkaError) {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        words.first_failure.get_or_insert_with(|| error.to_string());
        drop(words);
        self.count_done();
    }

    fn count_done(&self) {
        let done = self.done.fetch_add(1, Ordering::SeqCst) + 1;
        if done >= self.nudge_when_done.load(Ordering::SeqCst) {
            self.nudge();
        }
    }

    fn nudge(&self) {
        self.nudge_when_done.store(u64::MAX, Ordering::SeqCst);
        self.stop.nudge();
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.acknowledged.fetch_add(1, Ordering::Release);
                if self.all_down.load(Ordering::Relaxed) {
                    self.all_down.store(false, Ordering::Relaxed);
                }
                self.count_done();
            }
            Err((error, _)) => self.failed(error),
        }
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_to_tracing(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        error_to_tracing(&error, reason);
        if is_all_down(&error) {
            self.all_down.store(true, Ordering::Relaxed);
        } else {
            let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
            words.last_error = Some(readable(reason));
        }
        self.stop.nudge();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_property_overrides_a_default() {
        let kafka = KafkaSettings::parse("a:1", "linger.ms=1", &[]).unwrap();
        let config = kafka.client_config_over(&DEFAULTS);
        assert_eq!(config.get("linger.ms"), Some("1"));
        assert_eq!(config.get("enable.idempotence"), Some("true"));
    }

    #[test]
    fn librdkafka_accepts_the_defaults() {
        let kafka = KafkaSettings::default();
        assert!(client(&kafka, &Stop::new()).is_ok());
    }
}

//! Records into Kafka, each acknowledged by all in-sync replicas.
//!
//! Guarantees that records of one key stay in order and none is written twice (idempotent
//! producer), that no record is given up while brokers are away, and that every record is counted
//! exactly once: acknowledged, failed, or still under way. A full queue is back-pressure: the
//! record is offered again, in its turn.

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

/// What makes a load fast and safe; the user's own properties override it.
const DEFAULTS: [(&str, &str); 8] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // Infinite: records wait for lost brokers for as long as it takes.
    ("message.timeout.ms", "0"),
    // Larger batches cost a burst nothing that anyone could see, and make a load several times
    // as fast.
    ("linger.ms", "20"),
    ("batch.num.messages", "20000"),
    // Three brokers have up to five requests of 1 MB each in hand, 42,000 records. Many more would
    // be out of every cache by the time they are written, and again when they are acknowledged.
    ("queue.buffering.max.messages", "60000"),
    // A bound in bytes as well, as large records could fill the memory.
    ("queue.buffering.max.kbytes", "131072"),
    // Brokers close idle connections, which is no loss.
    ("log.connection.close", "false"),
];

/// What became of offered records.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    /// So many, from the first on, need not be offered again: they are on their way and will be
    /// acknowledged or fail, or are refused. When it is not all, the queue is full.
    pub(crate) taken: usize,
    /// Some of these cannot be sent, for instance because they are too large, and count as failed.
    pub(crate) refused: bool,
}

/// Writes records to one topic.
pub(crate) struct Publisher {
    producer: TopicProducer<Deliveries>,
    deliveries: Arc<Deliveries>,
    offered: u64,
}

/// A client that nudges `stop` when something happened that a waiting thread asked for.
pub(crate) fn client(
    kafka: &KafkaSettings,
    stop: &Stop,
) -> Result<ThreadedProducer<Deliveries>, KafkaError> {
    let config = kafka.client_config_over(&DEFAULTS);
    config.create_with_context(Deliveries::new(stop.clone()))
}

impl Publisher {
    /// Writes to `topic`, which must be there: brokers that are asked for one that is not may make it, with as
    /// many partitions as they like.
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

    /// Hands over keys and payloads in their order.
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

    /// Records that were taken or refused.
    pub(crate) fn offered(&self) -> u64 {
        self.offered
    }

    /// Records that are under way.
    pub(crate) fn outstanding(&self) -> u64 {
        self.offered
            .saturating_sub(self.deliveries.done.load(Ordering::Acquire))
    }

    pub(crate) fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// Has the waiting thread nudged once at most `outstanding` records are under way.
    pub(crate) fn nudge_at(&self, outstanding: u64) {
        let done = self.offered.saturating_sub(outstanding);
        self.deliveries
            .nudge_when_done
            .store(done, Ordering::SeqCst);
        // Deliveries may have got there before they could see the mark.
        if self.deliveries.done.load(Ordering::SeqCst) >= done {
            self.deliveries.nudge();
        }
    }

    /// Why nothing can be written any more, if it cannot.
    pub(crate) fn fatal_error(&self) -> Option<String> {
        let (code, reason) = self.producer.producer().client().fatal_error()?;
        Some(format!("{code}: {}", readable(&reason)))
    }
}

/// Counts what became of records; the producer's polling thread calls it.
#[derive(Debug)]
pub(crate) struct Deliveries {
    acknowledged: AtomicU64,
    /// Acknowledged and failed.
    done: AtomicU64,
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

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Acknowledged and failed.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }

    /// Whether all brokers went away since the last acknowledgement.
    pub(crate) fn all_down(&self) -> bool {
        self.all_down.load(Ordering::Relaxed)
    }

    /// Why the first of the failed records failed.
    pub(crate) fn first_failure(&self) -> Option<String> {
        self.words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .first_failure
            .clone()
    }

    /// What librdkafka complained about last.
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

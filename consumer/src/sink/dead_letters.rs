//! Bad records, written to the dead-letter topic as they came.
//!
//! A letter has the record's key, value, headers and timestamp, and beside them the headers
//! `cardstream.topic`, `.partition`, `.offset`, `.timestamp` and `.reason`. Its worker hears when it
//! has been written, and lets no offset behind it be checkpointed before: each is written at least
//! once, and a repeated one can be told by topic, partition and offset.
//!
//! The client is made for the first letter: most queries never write one.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use producer::kafka::log_to_tracing;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use crate::event::Level;
use crate::position::{Offset, TopicPartition};

/// The largest message that librdkafka sends.
const MOST_BYTES: &str = "1000000000";
/// Letters that may be on their way at a time.
const ON_THEIR_WAY: usize = 1000;
/// How long a letter may take before its partition is said to be stuck.
const DELIVERY: Duration = Duration::from_secs(5);
/// Between two tries to write letters that could not be written.
const RETRY: Duration = Duration::from_secs(2);
/// Between two looks at a client that has nothing to do.
const POLL: Duration = Duration::from_secs(1);
/// Between two looks at what has been delivered.
const LOOK: Duration = Duration::from_millis(5);

/// What happens to a letter that cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Its partition waits until it can.
    #[default]
    Pause,
    /// It is dropped.
    Drop,
}

/// What becomes of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is written, or given up.
    Settled,
    /// It cannot be written for now.
    Stuck,
}

/// A bad record on its way.
pub struct Letter {
    record: OwnedMessage,
    reason: String,
    tell: Box<dyn Fn(Fate) + Send + Sync>,
}

impl Letter {
    /// A letter with a bad record; `tell` hears what becomes of it.
    pub fn new(
        record: OwnedMessage,
        reason: String,
        tell: impl Fn(Fate) + Send + Sync + 'static,
    ) -> Self {
        Self {
            record,
            reason,
            tell: Box::new(tell),
        }
    }

    fn partition(&self) -> TopicPartition {
        TopicPartition::new(self.record.topic(), self.record.partition())
    }

    fn headers(&self) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new();
        if let Some(own) = self.record.headers() {
            for header in own.iter() {
                headers = headers.insert(header);
            }
        }
        let timestamp = self.record.timestamp().to_millis();
        for (key, value) in [
            ("cardstream.topic", Some(self.record.topic().to_owned())),
            (
                "cardstream.partition",
                Some(self.record.partition().to_string()),
            ),
            ("cardstream.offset", Some(self.record.offset().to_string())),
            ("cardstream.timestamp", timestamp.map(|at| at.to_string())),
            ("cardstream.reason", Some(self.reason.clone())),
        ] {
            headers = headers.insert(Header {
                key,
                value: value.as_deref(),
            });
        }
        headers
    }
}

/// Where bad records are sent; the same for all workers.
#[derive(Clone, Debug)]
pub struct DeadLetters(Sender<Letter>);

impl DeadLetters {
    /// Sends a letter on its way.
    pub fn send(&self, letter: Letter) {
        // The thread ends after all workers.
        let _ = self.0.send(letter);
    }
}

/// How letters are written.
pub struct DeadLetterSettings {
    /// Of the Kafka client.
    pub client: ClientConfig,
    /// The topic.
    pub topic: String,
    /// When it cannot be written.
    pub on_failure: OnFailure,
}

/// Starts the thread that writes letters; it ends when the last [`DeadLetters`] is gone. `tell`
/// gets what a person would want to know.
///
/// # Errors
/// If the operating system gives no thread.
pub fn spawn(
    settings: DeadLetterSettings,
    tell: impl Fn(Level, String) + Send + 'static,
) -> io::Result<(DeadLetters, JoinHandle<()>)> {
    let (sender, letters) = unbounded();
    let thread = thread::Builder::new()
        .name("dead-letters".to_owned())
        .spawn(move || {
            let mut office = Office {
                settings,
                tell: Box::new(tell),
                producer: None,
                waiting: BTreeMap::new(),
                stuck: HashSet::new(),
                retry_at: None,
            };
            office.run(&letters);
        })?;
    Ok((DeadLetters(sender), thread))
}

/// What became of letters, told by librdkafka.
#[derive(Default)]
struct Deliveries(Mutex<Vec<(Arc<Letter>, Option<KafkaError>)>>);

#[derive(Default)]
struct LetterContext(Arc<Deliveries>);

impl ClientContext for LetterContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_to_tracing(level, facility, message);
    }
}

impl ProducerContext for LetterContext {
    type DeliveryOpaque = Arc<Letter>;

    fn delivery(&self, result: &DeliveryResult<'_>, letter: Arc<Letter>) {
        let error = result.as_ref().err().map(|(error, _)| error.clone());
        self.0
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((letter, error));
    }
}

struct Office {
    settings: DeadLetterSettings,
    tell: Box<dyn Fn(Level, String) + Send>,
    producer: Option<(BaseProducer<LetterContext>, Arc<Deliveries>)>,
    /// By their places: one that comes again, from a partition's next owner, takes the place of the
    /// first.
    waiting: BTreeMap<(TopicPartition, Offset), Arc<Letter>>,
    /// Partitions whose letters cannot be written.
    stuck: HashSet<TopicPartition>,
    retry_at: Option<Instant>,
}

impl Office {
    fn run(&mut self, letters: &Receiver<Letter>) {
        loop {
            match letters.recv_timeout(self.sleep()) {
                Ok(letter) => self.wait(Arc::new(letter)),
                Err(RecvTimeoutError::Timeout) => {}
                // All workers have ended; what they have not been told of is read again.
                Err(RecvTimeoutError::Disconnected) => return,
            }
            for letter in letters.try_iter() {
                self.wait(Arc::new(letter));
            }
            self.write();
            self.settle();
        }
    }

    /// How long nothing is to be done, unless letters come.
    fn sleep(&self) -> Duration {
        if self.in_flight() > 0 {
            return LOOK;
        }
        match self.retry_at {
            _ if self.waiting.is_empty() => POLL,
            Some(at) => at.saturating_duration_since(Instant::now()),
            None => LOOK,
        }
    }

    fn wait(&mut self, letter: Arc<Letter>) {
        let place = (letter.partition(), Offset(letter.record.offset()));
        self.waiting.insert(place, letter);
    }

    fn in_flight(&self) -> usize {
        self.producer.as_ref().map_or(0, |(producer, _)| {
            usize::try_from(producer.in_flight_count()).unwrap_or(0)
        })
    }

    fn write(&mut self) {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        self.retry_at = None;
        if self.producer.is_none() && !self.waiting.is_empty() {
            match self.open() {
                Ok(producer) => self.producer = Some(producer),
                Err(error) => {
                    while let Some((_, letter)) = self.waiting.pop_first() {
                        self.failed(letter, &error);
                        if self.retry_at.is_some() {
                            return;
                        }
                    }
                }
            }
        }
        while let Some((_, letter)) = self.waiting.pop_first() {
            let Some((producer, _)) = &self.producer else {
                return;
            };
            if self.in_flight() >= ON_THEIR_WAY {
                self.wait(letter);
                return;
            }
            let record = &letter.record;
            let mut entry = BaseRecord::<[u8], [u8], _>::with_opaque_to(
                &self.settings.topic,
                Arc::clone(&letter),
            )
            .headers(letter.headers());
            if let Some(key) = record.key() {
                entry = entry.key(key);
            }
            if let Some(value) = record.payload() {
                entry = entry.payload(value);
            }
            if let Some(timestamp) = record.timestamp().to_millis() {
                entry = entry.timestamp(timestamp);
            }
            if let Err((error, _)) = producer.send(entry) {
                let is_full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                match is_full && self.in_flight() > 0 {
                    // Those in there make room when they are written.
                    true => self.wait(letter),
                    false => self.failed(letter, &error),
                }
                return;
            }
        }
    }

    /// A client, and the topic, which is made to keep the records' own times.
    fn open(&self) -> Result<(BaseProducer<LetterContext>, Arc<Deliveries>), KafkaError> {
        let deliveries = Arc::new(Deliveries::default());
        let mut config = self.settings.client.clone();
        config
            // Repeated letters can be told; an idempotent client would break on what it cannot repeat.
            .set("enable.idempotence", "false")
            .set("acks", "all")
            .set("linger.ms", "5")
            // A record that some topic took must not be too large for this one.
            .set("message.max.bytes", MOST_BYTES)
            .set("message.timeout.ms", DELIVERY.as_millis().to_string());
        let producer: BaseProducer<_> =
            config.create_with_context(LetterContext(Arc::clone(&deliveries)))?;
        let topics = producer.client().fetch_metadata(None, DELIVERY)?;
        let is_there = |found: &MetadataTopic| found.name() == self.settings.topic;
        if !topics.topics().iter().any(is_there) {
            self.create_topic()?;
        }
        Ok((producer, deliveries))
    }

    fn create_topic(&self) -> Result<(), KafkaError> {
        let admin: AdminClient<DefaultClientContext> = self.settings.client.create()?;
        let topic = NewTopic::new(&self.settings.topic, -1, TopicReplication::Fixed(-1))
            .set("message.timestamp.type", "CreateTime")
            .set("max.message.bytes", MOST_BYTES);
        let options = AdminOptions::new().request_timeout(Some(DELIVERY));
        // The brokers may make it by themselves, or another process was faster: the first letter will
        // tell.
        match futures::executor::block_on(admin.create_topics([&topic], &options)) {
            Ok(answers) => tracing::debug!(?answers, "dead-letter topic"),
            Err(error) => tracing::debug!(%error, "dead-letter topic"),
        }
        Ok(())
    }

    fn settle(&mut self) {
        let Some((producer, deliveries)) = &self.producer else {
            return;
        };
        producer.poll(Duration::ZERO);
        let settled =
            std::mem::take(&mut *deliveries.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (letter, error) in settled {
            match error {
                None => self.written(&letter),
                Some(error) => self.failed(letter, &error),
            }
        }
    }

    fn written(&mut self, letter: &Letter) {
        let partition = letter.partition();
        if self.stuck.remove(&partition) {
            (self.tell)(
                Level::Info,
                format!("dead letters of {partition} are written again"),
            );
        }
        (letter.tell)(Fate::Settled);
    }

    fn failed(&mut self, letter: Arc<Letter>, error: &KafkaError) {
        let partition = letter.partition();
        let topic = &self.settings.topic;
        let first = self.stuck.insert(partition.clone());
        let reason = error
            .rdkafka_error_code()
            .map_or_else(|| error.to_string(), |code| code.to_string());
        match self.settings.on_failure {
            OnFailure::Drop => {
                if first {
                    (self.tell)(
                        Level::Error,
                        format!(
                            "dead letters of {partition} are dropped: {topic} cannot be written ({reason})"
                        ),
                    );
                }
                (letter.tell)(Fate::Settled);
            }
            OnFailure::Pause => {
                if first {
                    (self.tell)(
                        Level::Error,
                        format!(
                            "{partition} waits: its dead letters cannot be written to {topic} ({reason}); \
                             DEAD_LETTER_TOPIC names another, ON_DEAD_LETTER_FAILURE=drop goes on without"
                        ),
                    );
                }
                (letter.tell)(Fate::Stuck);
                self.wait(letter);
                self.retry_at = Some(Instant::now() + RETRY);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp;

    use super::*;

    /// Longer than anything here takes on a busy machine.
    const DEADLINE: Duration = Duration::from_secs(60);

    #[test]
    fn more_letters_than_the_clients_queue_holds_are_all_written() {
        const LETTERS: i64 = 600;
        let mut client = ClientConfig::new();
        client.set("test.mock.num.brokers", "1");
        client.set("queue.buffering.max.messages", "50");
        let settings = DeadLetterSettings {
            client,
            topic: "letters".to_owned(),
            on_failure: OnFailure::Drop,
        };
        let (tell, told) = unbounded();
        let (office, thread) = spawn(settings, move |_, text| tell.send(text).unwrap()).unwrap();
        let (settle, fates) = unbounded();
        for offset in 0..LETTERS {
            let value = Some(b"bad".to_vec());
            let at = Timestamp::NotAvailable;
            let record = OwnedMessage::new(value, None, "t".to_owned(), at, 0, offset, None);
            let settle = settle.clone();
            let tell = move |fate| settle.send(fate).unwrap();
            office.send(Letter::new(record, "it is bad".to_owned(), tell));
        }
        for _ in 0..LETTERS {
            assert_eq!(fates.recv_timeout(DEADLINE), Ok(Fate::Settled));
        }
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [""; 0]);
        drop(office);
        thread.join().unwrap();
    }
}

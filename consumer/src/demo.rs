//! The demo: brokers, a producer and the query in one process, so that something is on the screen
//! before anyone has installed anything.

mod brokers;

use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::bounded;
use kafka_access::{KafkaSettings, SettingsError, Stop, TopicSettings};
use producer::{Bursts, Event, GeneratorSettings, Ratio, Settings};
use thiserror::Error;

use self::brokers::Brokers;

const TOPIC: &str = "transactions";
const PARTITIONS: i32 = 6;
const REPLICATION: i32 = 3;
/// The columns of the producer's records, so that a query can be planned before there are any.
pub const SCHEMA: &str = "transaction_id STRING, timestamp TIMESTAMP, card_number STRING, \
    card_brand STRING, card_holder STRING, amount DECIMAL(12,2), currency STRING, merchant STRING, \
    category STRING, city STRING, country STRING, channel STRING, status STRING, \
    decline_reason STRING";
/// How long the query's start waits for the first burst.
const FIRST_BURST: Duration = Duration::from_secs(1);

/// Why there is no demo.
#[derive(Debug, Error)]
pub enum DemoError {
    /// librdkafka's mock cluster does not start.
    #[error("the demo's brokers cannot be started: {0}")]
    Brokers(String),
    /// The producer cannot be set up.
    #[error("the demo's producer cannot be set up: {0}")]
    Producer(#[from] SettingsError),
    /// The operating system gives no thread.
    #[error("the demo's producer cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// A running demo. It ends when it is dropped.
pub struct Demo {
    stop: Stop,
    producer: Option<JoinHandle<()>>,
    brokers: Brokers,
}

impl Demo {
    /// Starts brokers, which have a topic for `dead_letters` too, and the producer; returns once the first
    /// burst of transactions is on its way.
    ///
    /// # Errors
    /// If either cannot be started.
    pub fn start(dead_letters: &str) -> Result<Self, DemoError> {
        let brokers = Brokers::start(&[TOPIC, dead_letters], PARTITIONS, REPLICATION)?;
        let settings = settings(brokers.servers())?;
        let stop = Stop::new();
        let stopped = stop.clone();
        let (first, burst) = bounded(1);
        let producer = thread::Builder::new()
            .name("demo-producer".to_owned())
            .spawn(move || {
                let outcome = producer::run(&settings, &stopped, |event| {
                    if matches!(event, Event::Burst { .. }) {
                        // Only the first burst is waited for.
                        let _ = first.try_send(());
                    }
                });
                if let Err(error) = outcome {
                    tracing::error!(%error, "the demo's producer has stopped");
                }
            })?;
        // If no burst has come, the query waits by itself.
        let _ = burst.recv_timeout(FIRST_BURST);
        Ok(Self {
            stop,
            producer: Some(producer),
            brokers,
        })
    }

    /// The demo's brokers, `host:port`, separated by commas.
    pub fn servers(&self) -> &str {
        self.brokers.servers()
    }

    /// Whether the demo has `topics`: nobody could make another one in its brokers.
    ///
    /// # Errors
    /// The first topic that the demo does not have.
    pub fn check(topics: &[String]) -> Result<(), SettingsError> {
        match topics.iter().find(|topic| *topic != TOPIC) {
            None => Ok(()),
            Some(other) => Err(SettingsError::new(
                "TOPIC",
                other,
                format!(
                    "the demo has no topic but {TOPIC}; set KAFKA_BOOTSTRAP_SERVERS to read your own"
                ),
            )),
        }
    }

    /// What to tell the user about the demo, one line each.
    pub fn hints() -> Vec<String> {
        vec![
            "demo: three brokers and a producer run inside this process".to_owned(),
            "your own: KAFKA_BOOTSTRAP_SERVERS=host:9092 TOPIC=name cargo run".to_owned(),
        ]
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(producer) = self.producer.take()
            && producer.join().is_err()
        {
            tracing::error!("the demo's producer broke down");
        }
    }
}

/// The producer's settings: livelier than its defaults, and with a few records that are bad, late and shuffled, so that
/// there is something to see.
fn settings(servers: &str) -> Result<Settings, SettingsError> {
    let ratio = |value| Ratio::new(value).unwrap_or(Ratio::NONE);
    Ok(Settings {
        kafka: KafkaSettings::parse(servers, "", &[])?,
        topic: TopicSettings::new(TOPIC, PARTITIONS, REPLICATION)?,
        generator: GeneratorSettings {
            bursts: Bursts::new(8, 20, Duration::from_secs(1), Duration::from_secs(6))?,
            late_ratio: ratio(0.01),
            out_of_order: ratio(0.05),
            bad_ratio: ratio(0.01),
            ..GeneratorSettings::default()
        },
        ..Settings::default()
    })
}

//! Writes generated transactions, which a seed stands for, into a topic with the producer itself.

use kafka_access::{Stop, TopicSettings};
use producer::{GeneratorSettings, Pace, Report, Settings};

use crate::brokers::Brokers;
use crate::topic::REPLICATION;

/// Returns the settings of the records that the seed 42 stands for.
pub fn generator() -> GeneratorSettings {
    GeneratorSettings {
        seed: Some(42),
        ..GeneratorSettings::default()
    }
}

/// Publishes the first `count` records of `generator` with the producer, which creates the topic. Panics unless every
/// record is acknowledged.
pub fn publish(
    brokers: &Brokers,
    topic: &str,
    partitions: i32,
    generator: GeneratorSettings,
    count: u64,
    pace: Pace,
) -> Report {
    run(
        &Settings {
            count: Some(count),
            ..settings(brokers, topic, partitions, generator, pace)
        },
        &Stop::new(),
    )
}

/// Publishes records of `generator` with the producer until `stop` is requested. Panics unless every record is
/// acknowledged.
pub fn publish_until(
    stop: &Stop,
    brokers: &Brokers,
    topic: &str,
    partitions: i32,
    generator: GeneratorSettings,
    pace: Pace,
) -> Report {
    run(&settings(brokers, topic, partitions, generator, pace), stop)
}

fn settings(
    brokers: &Brokers,
    topic: &str,
    partitions: i32,
    generator: GeneratorSettings,
    pace: Pace,
) -> Settings {
    Settings {
        kafka: brokers.settings(),
        topic: TopicSettings::new(topic, partitions, REPLICATION).unwrap(),
        generator,
        pace,
        count: None,
    }
}

fn run(settings: &Settings, stop: &Stop) -> Report {
    let report = producer::run(settings, stop, |_| {}).unwrap();
    assert!(report.is_complete(), "{}", report.counts());
    report
}

/// Asks the producer to stop when this is dropped, however a test ends.
pub struct StopAtEnd<'a>(pub &'a Stop);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.request();
    }
}

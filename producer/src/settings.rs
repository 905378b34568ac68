//! Holds all settings of a run, which were checked where they entered.

use crate::generator::GeneratorSettings;
use crate::pace::Pace;
use kafka_access::KafkaSettings;
use kafka_access::TopicSettings;

/// What a run publishes, where and how fast.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Where the brokers are and how to talk to them.
    pub kafka: KafkaSettings,
    /// The topic to which records go.
    pub topic: TopicSettings,
    /// The settings that decide the records.
    pub generator: GeneratorSettings,
    /// How fast they go out.
    pub pace: Pace,
    /// The number of records after which the run ends; `None` for a run without end.
    pub count: Option<u64>,
}

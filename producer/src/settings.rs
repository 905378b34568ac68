//! All settings of a run, checked once.

use crate::generator::GeneratorSettings;
use crate::pace::Pace;
use kafka_access::KafkaSettings;
use kafka_access::TopicSettings;

/// What a run publishes, where and how fast.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Where brokers are and how to talk to them.
    pub kafka: KafkaSettings,
    /// Where records go.
    pub topic: TopicSettings,
    /// What decides the records.
    pub generator: GeneratorSettings,
    /// How fast they go out.
    pub pace: Pace,
    /// After how many records to end; never when `None`.
    pub count: Option<u64>,
}

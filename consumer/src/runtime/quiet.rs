//! A client that is asked, and tells nothing by itself.
//!
//! Nobody polls it, so whatever librdkafka puts into its queue stays there.

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};

use crate::source::closing::Closing;

/// A context whose log goes to `tracing` and nowhere else.
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        kafka_access::kafka::log_to_tracing(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        kafka_access::kafka::error_to_tracing(&error, reason);
    }
}

impl ConsumerContext for Quiet {}

/// A client with the settings of a query's `config`, but without statistics: twice a second they would make its queue
/// longer, for as long as the query runs.
pub(super) fn quiet_client(config: &ClientConfig) -> KafkaResult<Closing<Quiet>> {
    let mut config = config.clone();
    config.set("statistics.interval.ms", "0");
    let client: BaseConsumer<Quiet> = config.create_with_context(Quiet)?;
    Ok(Closing::from(client))
}

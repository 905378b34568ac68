//! A client that is asked, and tells nothing by itself.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

/// A context whose log goes to `tracing` and nowhere else.
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        producer::kafka::log_to_tracing(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        producer::kafka::error_to_tracing(&error, reason);
    }
}

impl ConsumerContext for Quiet {}

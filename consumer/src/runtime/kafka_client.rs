//! The settings of a query's Kafka clients, and a quiet client, which is asked and says nothing by itself.

use std::time::Duration;

use kafka_access::SettingsError;
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};

use super::StreamingError;
use crate::config::{Config, TriggerMode};
use crate::number;
use crate::source::closing::Closing;

const QUEUE: &str = "queued.max.messages.kbytes";
const SESSION_TIMEOUT: &str = "session.timeout.ms";

/// What librdkafka may fetch ahead for a worker, in kB.
const MOST_QUEUED_KBYTES: u64 = 2 << 10;
/// With less than one response of the brokers, librdkafka would wait for each of them.
const LEAST_QUEUED_KBYTES: u64 = 1 << 10;

/// The settings that all of a query's consumers share.
pub(super) fn client(config: &Config) -> ClientConfig {
    let queue = queue_kbytes(config).to_string();
    let mut properties = vec![
        ("group.id", config.group_id.as_str()),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        // An offset that is gone is an error: going on elsewhere would make totals wrong.
        ("auto.offset.reset", "error"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        (SESSION_TIMEOUT, "10000"),
        // Statistics tell when the end of a log is reached, also behind records that are not given out.
        ("statistics.interval.ms", "500"),
        // Five minutes, the default, is long for a broker that is back or a partition that is new.
        ("topic.metadata.refresh.interval.ms", "10000"),
        // librdkafka waits a whole second when its queue is full, unless told otherwise.
        ("fetch.queue.backoff.ms", "1"),
        (QUEUE, queue.as_str()),
    ];
    if config.max_records_per_batch.is_some() || config.trigger == TriggerMode::AvailableNow {
        // One request is under way at a time. A broker that waits for records of a partition without any holds up the
        // partitions that go on with the next batch. Without a limit partitions wait for a batch only when memory is
        // short, and that does not justify asking the brokers so often for as long as a query lives.
        properties.push(("fetch.wait.max.ms", "50"));
    }
    config.kafka.client_config_over(&properties)
}

/// How many kB librdkafka may fetch ahead for each worker: a small part of MEMORY_LIMIT, and no more than what makes it
/// faster.
fn queue_kbytes(config: &Config) -> u64 {
    let share = config.memory_limit.map(|limit| limit / 32 / 1024);
    let of_each = share.map(|share| share / config.workers as u64);
    of_each
        .unwrap_or(MOST_QUEUED_KBYTES)
        .clamp(LEAST_QUEUED_KBYTES, MOST_QUEUED_KBYTES)
}

/// How long the brokers wait for a member that says nothing.
pub(super) fn session(config: &Config) -> Duration {
    let client = client(config);
    let millis = client
        .get(SESSION_TIMEOUT)
        .and_then(|text| text.parse().ok());
    Duration::from_millis(millis.unwrap_or_default())
}

/// How many bytes a worker's client may fetch ahead.
pub(super) fn queued_bytes(client: &ClientConfig) -> u64 {
    let kbytes = client.get(QUEUE).and_then(|text| text.parse::<u64>().ok());
    kbytes.unwrap_or(0).saturating_mul(1024)
}

/// Checks that MEMORY_LIMIT leaves room for the query beside what librdkafka fetches ahead.
pub(super) fn check_memory(config: &Config) -> Result<(), StreamingError> {
    let Some(limit) = config.memory_limit else {
        return Ok(());
    };
    let queued = queued_bytes(&client(config)).saturating_mul(config.workers as u64);
    if queued <= limit / 4 {
        return Ok(());
    }
    let mend = format!(
        "{} workers fetch up to {} ahead, which may be a quarter of it at most; set more, or fewer WORKERS",
        config.workers,
        number::bytes(queued)
    );
    Err(SettingsError::new("MEMORY_LIMIT", number::bytes(limit), mend).into())
}

/// A context whose log goes to `tracing` and nowhere else. Nobody polls its client, so whatever librdkafka puts into
/// the client's queue stays there.
pub(super) struct QuietContext;

impl ClientContext for QuietContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        kafka_access::kafka::log_to_tracing(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        kafka_access::kafka::error_to_tracing(&error, reason);
    }
}

impl ConsumerContext for QuietContext {}

/// A client with the settings of a query's `config`, but without statistics: twice a second they would make its queue
/// longer, for as long as the query runs.
pub(super) fn quiet_client(config: &ClientConfig) -> KafkaResult<Closing<QuietContext>> {
    let mut config = config.clone();
    config.set("statistics.interval.ms", "0");
    let client: BaseConsumer<QuietContext> = config.create_with_context(QuietContext)?;
    Ok(Closing::from(client))
}

//! From settings to all that a query needs to run: partitions, schema, plan.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use producer::topic::reach as reach_brokers;
use producer::{SettingsError, Stop};
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};

use super::StreamingError;
use super::resuming::{Resumed, resume};
use crate::checkpoint::kept::Kept;
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::command::Command;
use crate::config::{Config, TriggerMode};
use crate::engine::query::{Query, QueryError};
use crate::event::Level;
use crate::position::TopicPartition;
use crate::schema::TableSchema;
use crate::schema::infer::{SAMPLES, infer};
use crate::source::sample::first_records;
use crate::source::topics::{self, Extent, StartingOffsets, TopicsError};

/// Between two looks for a topic that is not there yet.
const TOPIC_RETRY: Duration = Duration::from_secs(1);

/// A query that is ready to run.
pub(super) struct Opened {
    pub extents: Arc<BTreeMap<TopicPartition, Extent>>,
    pub table: TableSchema,
    pub query: Query,
    pub checkpoints: Checkpoints,
    /// Where they are kept; `None` if they are not.
    pub kept: Option<Arc<Kept>>,
    /// Whether some have been, by a process before.
    pub has_kept: bool,
    /// The interval that was asked for meanwhile.
    pub asked_interval: Option<Duration>,
}

/// Commands while a query is not yet there to take them.
struct Asked<'a> {
    inbox: &'a Receiver<Command>,
    interval: Option<Duration>,
}

impl Asked<'_> {
    /// Whether a stop is asked for `within` a time. A query that nobody can command any more is stopped.
    fn for_stop(&mut self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        loop {
            match self.inbox.recv_deadline(deadline) {
                Ok(Command::SetInterval(interval)) => self.interval = Some(interval),
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
    }
}

/// Plans the query over `schema`.
pub(super) fn plan(config: &Config, schema: &TableSchema) -> Result<Query, StreamingError> {
    // With several topics the table is named after none of them.
    let names = match config.topics.as_slice() {
        [topic] => std::slice::from_ref(topic),
        _ => &[],
    };
    Query::plan(&config.query, schema.table(), names).map_err(|error| wrong_query(config, &error))
}

/// Checks what can be checked before the schema is known.
pub(super) fn check(config: &Config) -> Result<(), StreamingError> {
    match &config.schema {
        Some(schema) => plan(config, schema).map(|_query| ()),
        None => Query::check(&config.query).map_err(|error| wrong_query(config, &error)),
    }
}

fn wrong_query(config: &Config, error: &QueryError) -> StreamingError {
    let reason = error.to_string();
    let error = match &config.query_file {
        Some(path) => SettingsError::new("QUERY_FILE", path, reason),
        None => SettingsError::new("QUERY", excerpt(&config.query), reason),
    };
    error.into()
}

/// The beginning of a query, so that an error stays one line.
fn excerpt(text: &str) -> String {
    const MOST: usize = 60;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= MOST {
        return text;
    }
    let mut cut: String = text.chars().take(MOST).collect();
    cut.push('…');
    cut
}

/// Whether brokers answer at all.
pub(super) fn reach(config: &Config) -> Result<(), StreamingError> {
    reach_brokers(&config.kafka, &Stop::new())?;
    Ok(())
}

/// The client that all of a query's consumers are made of.
pub(super) fn client(config: &Config) -> ClientConfig {
    config.kafka.client_config_over(&[
        ("group.id", &config.group_id),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        // An offset that is gone is an error: going on elsewhere would make totals wrong.
        ("auto.offset.reset", "error"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("session.timeout.ms", "10000"),
        // They tell when the end of a log is reached, however its last records are hidden.
        ("statistics.interval.ms", "500"),
        // Five minutes, the default, is long for a broker that is back or a partition that is new.
        ("topic.metadata.refresh.interval.ms", "10000"),
        // librdkafka waits a whole second when its queue is full, unless told otherwise.
        ("fetch.queue.backoff.ms", "1"),
        ("queued.max.messages.kbytes", "16384"),
    ])
}

/// Opens what the settings name. `None` if a stop was asked for while waiting.
pub(super) fn open(
    config: &Config,
    inbox: &Receiver<Command>,
    mut tell: impl FnMut(Level, String),
) -> Result<Option<Opened>, StreamingError> {
    let servers = config.kafka.bootstrap_servers();
    let consumer: BaseConsumer<Quiet> = client(config).create_with_context(Quiet)?;
    let waits = config.trigger != TriggerMode::AvailableNow;
    let mut asked = Asked {
        inbox,
        interval: None,
    };
    let mut told = None;
    let mut extents = loop {
        let found = topics::partitions(&consumer, servers, &config.topics).and_then(|partitions| {
            topics::extents(&consumer, servers, &partitions, config.starting_offsets)
        });
        let reason = match found {
            Ok(extents) => break extents,
            Err(TopicsError::Missing(topic)) if waits => {
                format!("there is no topic {topic} yet; waiting for it")
            }
            Err(error @ TopicsError::NotReady { .. }) if waits => error.to_string(),
            // Brokers that were reached a moment ago come back.
            Err(error @ TopicsError::Unreachable { .. }) if told.is_some() => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        if told.as_ref() != Some(&reason) {
            tell(Level::Warning, reason.clone());
            told = Some(reason);
        }
        if asked.for_stop(TOPIC_RETRY) {
            return Ok(None);
        }
    };
    let Some(table) = table(config, &extents, &mut asked, &mut tell)? else {
        return Ok(None);
    };
    let query = plan(config, &table)?;
    let (checkpoints, kept, has_kept) = match &config.checkpoint_location {
        Some(location) => {
            let logs = match config.starting_offsets {
                StartingOffsets::Earliest => extents.clone(),
                _ => {
                    let partitions: Vec<_> = extents.keys().cloned().collect();
                    let whole = StartingOffsets::Earliest;
                    topics::extents(&consumer, servers, &partitions, whole)?
                }
            };
            let Resumed {
                kept,
                checkpoints,
                has_kept,
            } = resume(
                config,
                location,
                &query,
                &mut extents,
                &logs,
                |partition| {
                    let partition = std::slice::from_ref(partition);
                    topics::extents(&consumer, servers, partition, StartingOffsets::Earliest)
                },
                &mut tell,
            )?;
            (checkpoints, Some(kept), has_kept)
        }
        None => {
            if config.demo.is_empty() {
                let text = "nothing is kept for a restart: CHECKPOINT_LOCATION is not set";
                tell(Level::Info, text.to_owned());
            }
            let checkpoints = Checkpoints::default();
            for (partition, extent) in &extents {
                checkpoints.begin(partition.clone(), Checkpoint::at(extent.start));
            }
            (checkpoints, None, false)
        }
    };
    Ok(Some(Opened {
        checkpoints,
        kept,
        has_kept,
        extents: Arc::new(extents),
        table,
        query,
        asked_interval: asked.interval,
    }))
}

fn table(
    config: &Config,
    extents: &BTreeMap<TopicPartition, Extent>,
    asked: &mut Asked<'_>,
    tell: &mut impl FnMut(Level, String),
) -> Result<Option<TableSchema>, StreamingError> {
    if let Some(schema) = &config.schema {
        return Ok(Some(schema.clone()));
    }
    let waits = config.trigger != TriggerMode::AvailableNow;
    let mut stopped = false;
    let mut told = false;
    let records = first_records(&client(config), extents, SAMPLES, |all_read| {
        if all_read && waits && !told {
            tell(
                Level::Info,
                "waiting for the first records, to infer SCHEMA from them".to_owned(),
            );
            told = true;
        }
        stopped = asked.for_stop(Duration::ZERO);
        !stopped && (waits || !all_read)
    })?;
    if stopped {
        return Ok(None);
    }
    let inferred = infer(records.iter().map(Vec::as_slice))
        .map_err(|error| StreamingError::NoSchema(error.to_string()))?;
    tell(
        Level::Info,
        format!(
            "SCHEMA inferred from {} records: {}",
            inferred.samples, inferred.schema
        ),
    );
    if inferred.bad > 0 {
        tell(
            Level::Warning,
            format!(
                "{} more of the first records are bad, or unlike the others",
                inferred.bad
            ),
        );
    }
    for left_out in &inferred.left_out {
        tell(Level::Warning, left_out.to_string());
    }
    Ok(Some(inferred.schema))
}

/// A context whose log goes to `tracing` and nowhere else.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        producer::kafka::log_to_tracing(level, facility, message);
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        tracing::debug!(%error, "{reason}");
    }
}

impl ConsumerContext for Quiet {}

//! The columns of a topic, for whoever sets no SCHEMA: those that are kept with the checkpoints, else those of its
//! first records.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::BaseConsumer;

use super::StreamingError;
use super::asked::Asked;
use super::client::client;
use super::quiet::Quiet;
use super::resuming::ResumeError;
use crate::checkpoint::claim;
use crate::checkpoint::store::Store;
use crate::config::{Config, TriggerMode};
use crate::event::Level;
use crate::number::counted;
use crate::position::TopicPartition;
use crate::schema::TableSchema;
use crate::schema::infer::{InferError, Inferred, SAMPLES, infer};
use crate::source::sample::first_records;
use crate::source::topics::{self, Extent, StartingOffsets};

/// Between two looks for records that are better than the first.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The schema that was set, is kept in `store`, or is that of the first records within `extents`. `None` if a stop was
/// asked for while waiting.
pub(super) fn table(
    config: &Config,
    store: Option<&Store>,
    consumer: &BaseConsumer<Quiet>,
    extents: &BTreeMap<TopicPartition, Extent>,
    asked: &mut Asked<'_>,
    tell: &mut impl FnMut(Level, String),
) -> Result<Option<TableSchema>, StreamingError> {
    if let Some(schema) = &config.schema {
        return Ok(Some(schema.clone()));
    }
    // What a reset forgets is not to be gone on with.
    if let Some(store) = store.filter(|_| !config.reset)
        && let Some(schema) = kept(store, tell)?
    {
        return Ok(Some(schema));
    }
    let mut extents = extents.clone();
    let mut told = false;
    let inferred = loop {
        let Some(found) = of_first_records(config, &extents, asked, tell)? else {
            return Ok(None);
        };
        match found {
            Ok(inferred) => break inferred,
            Err(error) if config.trigger == TriggerMode::AvailableNow || is_full(&extents) => {
                return Err(error.into());
            }
            Err(error) => {
                if !told {
                    tell(Level::Warning, format!("{error}; waiting for more records"));
                    told = true;
                }
            }
        }
        if asked.for_stop(LOOK_AGAIN) {
            return Ok(None);
        }
        look_again(config, consumer, &mut extents);
    };
    tell_inferred(&inferred, tell);
    Ok(Some(inferred.schema))
}

/// The schema of the query that the store is kept for: the topic's first records may be others by now.
fn kept(
    store: &Store,
    tell: &mut impl FnMut(Level, String),
) -> Result<Option<TableSchema>, StreamingError> {
    match claim::kept_schema(store).map_err(ResumeError::from)? {
        None => Ok(None),
        Some(Ok(schema)) => {
            let text = format!("SCHEMA as it is kept with the checkpoints: {schema}");
            tell(Level::Info, text);
            Ok(Some(schema))
        }
        Some(Err(error)) => {
            let text = format!(
                "the schema that is kept with the checkpoints cannot be read, and is inferred again: {error}"
            );
            tell(Level::Warning, text);
            Ok(None)
        }
    }
}

/// `None` if a stop was asked for.
fn of_first_records(
    config: &Config,
    extents: &BTreeMap<TopicPartition, Extent>,
    asked: &mut Asked<'_>,
    tell: &mut impl FnMut(Level, String),
) -> Result<Option<Result<Inferred, InferError>>, StreamingError> {
    let waits = config.trigger != TriggerMode::AvailableNow;
    let mut stopped = false;
    let mut told = false;
    let records = first_records(&client(config), extents, SAMPLES, |was_nothing| {
        if was_nothing && waits && !told {
            let text = "waiting for the first records, to infer SCHEMA from them";
            tell(Level::Info, text.to_owned());
            told = true;
        }
        stopped = asked.for_stop(Duration::ZERO);
        !stopped && (waits || !was_nothing)
    })?;
    Ok((!stopped).then(|| infer(records.iter().map(Vec::as_slice))))
}

/// Whether there are as many records as are ever looked at.
fn is_full(extents: &BTreeMap<TopicPartition, Extent>) -> bool {
    let records = extents
        .values()
        .map(|extent| extent.end.since(extent.start));
    records.sum::<u64>() >= SAMPLES as u64
}

/// Moves the ends on to where they are now.
fn look_again(
    config: &Config,
    consumer: &BaseConsumer<Quiet>,
    extents: &mut BTreeMap<TopicPartition, Extent>,
) {
    let partitions: Vec<_> = extents.keys().cloned().collect();
    let servers = config.kafka.bootstrap_servers();
    // A broker that does not answer now does so at the next look.
    let logs = topics::extents(consumer, servers, &partitions, StartingOffsets::Earliest);
    for (partition, log) in logs.into_iter().flatten() {
        if let Some(extent) = extents.get_mut(&partition) {
            extent.end = extent.end.max(log.end);
        }
    }
}

fn tell_inferred(inferred: &Inferred, tell: &mut impl FnMut(Level, String)) {
    let Inferred {
        schema,
        left_out,
        samples,
        bad,
    } = inferred;
    let text = format!(
        "SCHEMA inferred from {}: {schema}",
        counted(*samples as u64, "record")
    );
    tell(Level::Info, text);
    if *bad > 0 {
        let text = format!("{bad} more of the first records are bad, or unlike the others");
        tell(Level::Warning, text);
    }
    for left_out in left_out {
        tell(Level::Warning, left_out.to_string());
    }
}

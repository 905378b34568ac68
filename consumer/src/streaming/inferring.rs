//! The columns of a topic, for whoever sets no SCHEMA: those that are kept with the checkpoints, else those of its
//! first records.

use std::collections::BTreeMap;
use std::mem;
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
use crate::schema::infer::{Inferred, SAMPLES, infer};
use crate::source::sample::{FirstRecords, first_records};
use crate::source::topics::{self, Extent, StartingOffsets};

/// Between two looks for records that are better than the first.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A schema, and where it is from.
pub(super) struct Found {
    pub schema: TableSchema,
    pub origin: Origin,
}

/// Where a schema is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// SCHEMA.
    Set,
    /// What is kept with the checkpoints.
    Kept,
    /// The topic's first records.
    Inferred,
}

/// The schema that was set, is kept in `store`, or is that of the first records within `extents`. These go on to
/// where the logs are by now, if better records have to be waited for. `None` if a stop was asked for while waiting.
pub(super) fn table(
    config: &Config,
    store: Option<&Store>,
    consumer: &BaseConsumer<Quiet>,
    extents: &mut BTreeMap<TopicPartition, Extent>,
    asked: &mut Asked<'_>,
    tell: &mut impl FnMut(Level, String),
) -> Result<Option<Found>, StreamingError> {
    if let Some(schema) = &config.schema {
        return Ok(Some(Found {
            schema: schema.clone(),
            origin: Origin::Set,
        }));
    }
    // What a reset forgets is not to be gone on with.
    let store = store.filter(|_| !config.reset);
    let (mut told, mut told_damaged) = (false, false);
    let mut inferred = None;
    loop {
        // After all that was waited for, too: another process of the group may have been faster.
        if let Some(store) = store
            && let Some(schema) = kept(config, store, &mut told_damaged, tell)?
        {
            return Ok(Some(Found {
                schema,
                origin: Origin::Kept,
            }));
        }
        if let Some(inferred) = inferred.take() {
            tell_inferred(&inferred, tell);
            return Ok(Some(Found {
                schema: inferred.schema,
                origin: Origin::Inferred,
            }));
        }
        let Some(first) = first_of(config, extents, asked, tell)? else {
            return Ok(None);
        };
        match infer(first.values.iter().map(Vec::as_slice)) {
            Ok(found) => {
                inferred = Some(found);
                continue;
            }
            Err(error) if config.trigger == TriggerMode::AvailableNow || first.is_full => {
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
        look_again(config, consumer, extents);
    }
}

/// The schema of the query that the store is kept for, if there is one that can be read: the topic's first records may be others by now.
fn kept(
    config: &Config,
    store: &Store,
    told: &mut bool,
    tell: &mut impl FnMut(Level, String),
) -> Result<Option<TableSchema>, StreamingError> {
    match claim::kept_schema(store, &config.topics).map_err(ResumeError::from)? {
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
            if !mem::replace(told, true) {
                tell(Level::Warning, text);
            }
            Ok(None)
        }
    }
}

/// `None` if a stop was asked for.
fn first_of(
    config: &Config,
    extents: &BTreeMap<TopicPartition, Extent>,
    asked: &mut Asked<'_>,
    tell: &mut impl FnMut(Level, String),
) -> Result<Option<FirstRecords>, StreamingError> {
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
    Ok((!stopped).then_some(records))
}

/// Moves the ends on to where they are now, and the starts over what has been deleted: nothing of it was read.
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
            extent.start = extent.start.max(log.start);
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

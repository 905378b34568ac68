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

/// What a schema is looked for with.
pub(super) struct Inferring<'a, 'i> {
    pub config: &'a Config,
    /// Where one may be kept.
    pub store: Option<&'a Store>,
    pub consumer: &'a BaseConsumer<Quiet>,
    /// Where records are. They go on to where the logs are by now, if better records have to be waited for.
    pub extents: &'a mut BTreeMap<TopicPartition, Extent>,
    pub asked: &'a mut Asked<'i>,
    pub tell: &'a mut dyn FnMut(Level, String),
}

impl Inferring<'_, '_> {
    /// The schema that was set, is kept, or is that of the first records. `None` if a stop was asked for while waiting.
    pub(super) fn find(&mut self) -> Result<Option<Found>, StreamingError> {
        let found = |schema, origin| Ok(Some(Found { schema, origin }));
        if let Some(schema) = &self.config.schema {
            return found(schema.clone(), Origin::Set);
        }
        if let Some(schema) = self.kept()? {
            return found(schema, Origin::Kept);
        }
        let mut told = false;
        loop {
            let Some(first) = self.first()? else {
                return Ok(None);
            };
            match infer(first.values.iter().map(Vec::as_slice)) {
                Ok(inferred) => {
                    self.tell_inferred(&inferred);
                    return found(inferred.schema, Origin::Inferred);
                }
                Err(error) if !self.waits() || first.is_full => return Err(error.into()),
                Err(error) if !mem::replace(&mut told, true) => {
                    let text = format!("{error}; waiting for more records");
                    (self.tell)(Level::Warning, text);
                }
                Err(_told) => {}
            }
            if self.asked.for_stop(LOOK_AGAIN) {
                return Ok(None);
            }
            self.look_again();
            // Another process of the group may have found better ones.
            if self.is_kept()
                && let Some(schema) = self.kept()?
            {
                return found(schema, Origin::Kept);
            }
        }
    }

    /// Whether a schema is kept by now that can be read.
    pub(super) fn is_kept(&self) -> bool {
        let topics = &self.config.topics;
        let kept = self.store.map(|store| claim::kept_schema(store, topics));
        matches!(kept, Some(Ok(Some(Ok(_schema)))))
    }

    fn waits(&self) -> bool {
        self.config.trigger != TriggerMode::AvailableNow
    }

    /// The schema of the query that the store is kept for, if there is one that can be read: the topic's first records
    /// may be others by now.
    fn kept(&mut self) -> Result<Option<TableSchema>, StreamingError> {
        let Some(store) = self.store else {
            return Ok(None);
        };
        let kept = claim::kept_schema(store, &self.config.topics).map_err(ResumeError::from)?;
        match kept.transpose() {
            Ok(None) => Ok(None),
            Ok(Some(schema)) => {
                let text = format!("SCHEMA as it is kept with the checkpoints: {schema}");
                (self.tell)(Level::Info, text);
                Ok(Some(schema))
            }
            Err(error) => {
                let text = format!(
                    "the schema that is kept with the checkpoints cannot be read, and is inferred again: {error}"
                );
                (self.tell)(Level::Warning, text);
                Ok(None)
            }
        }
    }

    /// `None` if a stop was asked for.
    fn first(&mut self) -> Result<Option<FirstRecords>, StreamingError> {
        let waits = self.waits();
        let (mut stopped, mut told) = (false, false);
        let client = client(self.config);
        let records = first_records(&client, self.extents, SAMPLES, |was_nothing| {
            if was_nothing && waits && !mem::replace(&mut told, true) {
                let text = "waiting for the first records, to infer SCHEMA from them";
                (self.tell)(Level::Info, text.to_owned());
            }
            stopped = self.asked.for_stop(Duration::ZERO);
            !stopped && (waits || !was_nothing)
        })?;
        Ok((!stopped).then_some(records))
    }

    /// Moves the ends on to where they are now, and the starts over what has been deleted: nothing of it was read.
    fn look_again(&mut self) {
        let partitions: Vec<_> = self.extents.keys().cloned().collect();
        let servers = self.config.kafka.bootstrap_servers();
        // A broker that does not answer now does so at the next look.
        let whole = StartingOffsets::Earliest;
        let logs = topics::extents(self.consumer, servers, &partitions, whole);
        for (partition, log) in logs.into_iter().flatten() {
            if let Some(extent) = self.extents.get_mut(&partition) {
                extent.start = extent.start.max(log.start);
                extent.end = extent.end.max(log.end);
            }
        }
    }

    fn tell_inferred(&mut self, inferred: &Inferred) {
        let samples = counted(inferred.samples as u64, "record");
        let text = format!("SCHEMA inferred from {samples}: {}", inferred.schema);
        (self.tell)(Level::Info, text);
        if inferred.bad > 0 {
            let bad = inferred.bad;
            let text = format!("{bad} more of the first records are bad, or unlike the others");
            (self.tell)(Level::Warning, text);
        }
        for left_out in &inferred.left_out {
            (self.tell)(Level::Warning, left_out.to_string());
        }
    }
}

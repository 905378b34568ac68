//! The columns of a topic when SCHEMA is not set: those that are stored with the checkpoints, else those of its first
//! records.

use std::collections::BTreeMap;
use std::mem;
use std::time::{Duration, Instant};

use kafka_access::escape::escaped;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::BaseConsumer;

use crate::checkpoint::lease;
use crate::checkpoint::store::Store;
use crate::event::Level;
use crate::number::counted;
use crate::position::TopicPartition;
use crate::runtime::StreamingError;
use crate::runtime::kafka_client::QuietContext;
use crate::runtime::kafka_client::client;
use crate::runtime::logs::open_transactions;
use crate::runtime::startup::context::StartupContext;
use crate::runtime::startup::restore::RestoreError;
use crate::schema::TableSchema;
use crate::schema::infer::{Inferred, Notes, SAMPLES, infer};
use crate::source::member::MemberError;
use crate::source::sample::{FirstRecords, first_records};
use crate::source::topics::{self, Extent, StartingOffsets};
use crate::source::transactions;

/// How often first records may be gone when they are asked for, in a row or not.
const MOST_LOSSES: usize = 10;

/// The time between two looks for open transactions, while there are no records.
const LOOK_FOR_OPEN: Duration = Duration::from_secs(5);

/// The log's target for what is inferred.
const LOG: &str = "schema";

/// The most characters of a schema in a line; the schema of records with hundreds of fields would take pages.
const MOST_OF_SCHEMA: usize = 1_000;

/// The time between two looks for records that are better than the first.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A schema, and where it comes from.
pub(super) struct FoundSchema {
    pub schema: TableSchema,
    pub origin: SchemaOrigin,
    /// The fields of the first records that an inferred schema does not have.
    pub left_out: Notes,
}

/// Where a schema comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SchemaOrigin {
    /// SCHEMA has it.
    Set,
    /// It is stored with the checkpoints.
    Stored,
    /// It is inferred from the topic's first records.
    Inferred,
}

/// What a schema is looked for with.
pub(super) struct SchemaSearch<'s, 'c> {
    pub context: &'s mut StartupContext<'c>,
    /// The store that may have one.
    pub store: Option<&'s Store>,
    /// Where records are. They go on to where the logs are by now, if better records have to be waited for.
    pub extents: &'s mut BTreeMap<TopicPartition, Extent>,
}

impl SchemaSearch<'_, '_> {
    /// The schema that was set, is stored, or is inferred. `None` if a stop was asked for while waiting.
    pub(super) fn find(&mut self) -> Result<Option<FoundSchema>, StreamingError> {
        let found = |schema, origin| {
            Ok(Some(FoundSchema {
                schema,
                origin,
                left_out: Notes::default(),
            }))
        };
        if let Some(schema) = &self.context.config.schema {
            return found(schema.clone(), SchemaOrigin::Set);
        }
        if let Some(schema) = self.stored()? {
            return found(schema, SchemaOrigin::Stored);
        }
        let mut told = false;
        let mut losses = 0;
        loop {
            let first = match self.first() {
                Ok(Some(first)) => first,
                Ok(None) => return Ok(None),
                // The query has read none of these records, and there are others by now.
                Err(StreamingError::Member(MemberError::RecordsLost(_)))
                    if losses < MOST_LOSSES =>
                {
                    losses += 1;
                    self.look_again();
                    continue;
                }
                Err(error) => return Err(error),
            };
            match infer(first.values.iter().map(Vec::as_slice)) {
                Ok(inferred) => {
                    self.tell_inferred(&inferred);
                    return Ok(Some(FoundSchema {
                        schema: inferred.schema,
                        origin: SchemaOrigin::Inferred,
                        left_out: inferred.left_out,
                    }));
                }
                Err(error) if !self.context.waits() || first.is_full => return Err(error.into()),
                Err(error) if !mem::replace(&mut told, true) => {
                    let text = format!("{error}; waiting for more records");
                    (self.context.tell)(Level::Warning, text);
                }
                Err(_told) => {}
            }
            if self.context.pending.for_stop(LOOK_AGAIN) {
                return Ok(None);
            }
            self.look_again();
            // Another process of the group may have found better ones.
            if self.is_stored()
                && let Some(schema) = self.stored()?
            {
                return found(schema, SchemaOrigin::Stored);
            }
        }
    }

    /// Whether a schema that can be read is stored by now.
    pub(super) fn is_stored(&self) -> bool {
        let topics = &self.context.config.topics;
        let stored = self.store.map(|store| lease::kept_schema(store, topics));
        matches!(stored, Some(Ok(Some(Ok(_schema)))))
    }

    /// The stored schema, if there is one that can be read. It goes before the topic's first records, which may be
    /// others by now.
    fn stored(&mut self) -> Result<Option<TableSchema>, StreamingError> {
        let Some(store) = self.store else {
            return Ok(None);
        };
        let stored =
            lease::kept_schema(store, &self.context.config.topics).map_err(RestoreError::from)?;
        match stored.transpose() {
            Ok(None) => Ok(None),
            Ok(Some(schema)) => {
                let text = format!("SCHEMA as it is kept with the checkpoints: {schema}");
                (self.context.tell)(Level::Info, text);
                Ok(Some(schema))
            }
            Err(error) => {
                let text = format!(
                    "the schema that is kept with the checkpoints cannot be read, and is inferred again: {error}"
                );
                (self.context.tell)(Level::Warning, text);
                Ok(None)
            }
        }
    }

    /// The topic's first records; `None` if a stop was asked for.
    fn first(&mut self) -> Result<Option<FirstRecords>, StreamingError> {
        let waits = self.context.waits();
        let (mut stopped, mut told) = (false, false);
        let client = client(self.context.config);
        let mut open = OpenLook::new(&client, &self.context.consumer, self.extents);
        let records = first_records(&client, self.extents, SAMPLES, |was_nothing| {
            if was_nothing && waits {
                if !mem::replace(&mut told, true) {
                    let text = "waiting for the first records, to infer SCHEMA from them";
                    (self.context.tell)(Level::Info, text.to_owned());
                }
                if let Some(text) = open.look() {
                    (self.context.tell)(Level::Warning, text);
                }
            }
            stopped = self.context.pending.for_stop(Duration::ZERO);
            !stopped && (waits || !was_nothing)
        })?;
        Ok((!stopped).then_some(records))
    }

    /// Moves the ends on to where they are now, and the starts over records that have been deleted: none of them was
    /// read.
    fn look_again(&mut self) {
        let partitions: Vec<_> = self.extents.keys().cloned().collect();
        let servers = self.context.config.kafka.bootstrap_servers();
        // A broker that does not answer now does so at the next look.
        let whole = StartingOffsets::Earliest;
        let logs = topics::extents(&self.context.consumer, servers, &partitions, whole);
        for (partition, log) in logs.into_iter().flatten() {
            if let Some(extent) = self.extents.get_mut(&partition) {
                extent.start = extent.start.max(log.start);
                extent.end = extent.end.max(log.end);
            }
        }
    }

    /// Says one line about all notes, however many there are: records with hundreds of fields are not rare.
    fn tell_notes(&mut self, level: Level, notes: &Notes, are: &str) {
        for noted in notes.iter() {
            tracing::debug!(target: LOG, "{are}: {}", escaped(&noted.to_string()));
        }
        if notes.is_empty() {
            return;
        }
        let (verb, fields) = match notes.iter().count() {
            1 => ("is", counted(1, "field")),
            more => ("are", counted(more as u64, "field")),
        };
        let which = match notes.are_all_named() {
            true => String::new(),
            false => format!("; RUST_LOG={LOG}=debug tells which"),
        };
        (self.context.tell)(level, format!("{fields} {verb} {are}: {notes}{which}"));
    }

    fn tell_inferred(&mut self, inferred: &Inferred) {
        let samples = counted(inferred.samples as u64, "record");
        let ddl = inferred.schema.to_string();
        tracing::debug!(target: LOG, "inferred: {}", escaped(&ddl));
        let schema = match ddl.char_indices().nth(MOST_OF_SCHEMA) {
            None => ddl,
            Some((end, _)) => format!(
                "{} columns, {}… (RUST_LOG={LOG}=debug tells all)",
                inferred.schema.columns().fields().len(),
                &ddl[..end]
            ),
        };
        let text = format!("SCHEMA inferred from {samples}: {schema}");
        (self.context.tell)(Level::Info, text);
        if inferred.bad > 0 {
            let bad = inferred.bad;
            let text = format!("{bad} more of the first records are bad, or unlike the others");
            (self.context.tell)(Level::Warning, text);
        }
        self.tell_notes(
            Level::Info,
            &inferred.as_text,
            "STRING, having values of several kinds",
        );
        self.tell_notes(Level::Warning, &inferred.left_out, "left out of SCHEMA");
    }
}

/// Looks whether the first records wait behind open transactions, until some do.
struct OpenLook<'a> {
    client: &'a ClientConfig,
    consumer: &'a BaseConsumer<QuietContext>,
    partitions: Vec<TopicPartition>,
    /// The time of the next look; `None` if there is none any more.
    next: Option<Instant>,
}

impl<'a> OpenLook<'a> {
    fn new(
        client: &'a ClientConfig,
        consumer: &'a BaseConsumer<QuietContext>,
        extents: &BTreeMap<TopicPartition, Extent>,
    ) -> Self {
        let waits = transactions::is_waited_for(client);
        Self {
            client,
            consumer,
            partitions: extents.keys().cloned().collect(),
            next: waits.then(Instant::now),
        }
    }

    /// What waits, in words, if it is time to look, and something does.
    fn look(&mut self) -> Option<String> {
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return None;
        }
        let waiting = transactions::waiting(self.consumer, &self.partitions)
            .inspect_err(|error| tracing::debug!(%error, "what waits for transactions"))
            .unwrap_or_default();
        let text = open_transactions::described(self.client, waiting);
        self.next = text.is_none().then(|| now + LOOK_FOR_OPEN);
        text
    }
}

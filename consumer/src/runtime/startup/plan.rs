//! The second step: the query, planned over the schema that was set, is stored, or is inferred.

mod schema;

use std::collections::BTreeMap;

use kafka_access::SettingsError;

use self::schema::{FoundSchema, SchemaOrigin, SchemaSearch};
use super::context::StartupContext;
use super::location::{OpenedLocation, take};
use crate::checkpoint::fingerprint::Fingerprint;
use crate::checkpoint::store::Store;
use crate::config::Config;
use crate::engine::memory::Memory;
use crate::engine::query::{Query, QueryError};
use crate::position::TopicPartition;
use crate::runtime::StreamingError;
use crate::runtime::kafka_client::check_memory;
use crate::schema::TableSchema;
use crate::schema::infer::Notes;
use crate::source::topics::Extent;

/// The most characters of a query in an error, and of the reason, which may quote the query.
const MOST_OF_QUERY: usize = 60;
const MOST_OF_REASON: usize = 2_000;

/// A query, and what it has been planned over.
pub(in crate::runtime) struct PlannedQuery {
    pub table: TableSchema,
    pub query: Query,
    /// Where its checkpoints are going to be; `None` if they are not stored.
    pub location: Option<OpenedLocation>,
}

/// Opens the checkpoint location, finds the schema, plans the query over it, and takes the location for both. A
/// location that is to be reset is not taken yet: another process may still use it. The `extents` go on to where the
/// logs are by now, if better records have to be waited for. `None` if a stop was asked for while waiting.
pub(in crate::runtime) fn plan(
    context: &mut StartupContext<'_>,
    extents: &mut BTreeMap<TopicPartition, Extent>,
) -> Result<Option<PlannedQuery>, StreamingError> {
    let config = context.config;
    let location = OpenedLocation::open(config)?;
    let store = location.as_ref().map(|location| &location.store);
    // A reset forgets the stored schema, so the query must not go on with it.
    let store = store.filter(|_| !config.reset);
    let mut schemas = SchemaSearch {
        context,
        store,
        extents,
    };
    loop {
        let Some(found) = schemas.find()? else {
            return Ok(None);
        };
        let origin = found.origin;
        match planned_over(config, store, found) {
            Ok((table, query, taken)) => {
                let location = location.map(|location| OpenedLocation { taken, ..location });
                return Ok(Some(PlannedQuery {
                    table,
                    query,
                    location,
                }));
            }
            // Another process of the group was faster, and has seen other records: the query goes on with its schema.
            // If that is another query's all the same, the next turn finds out.
            Err(_) if origin == SchemaOrigin::Inferred && schemas.is_stored() => {}
            Err(error) => return Err(error),
        }
    }
}

/// Plans the query over the schema, and takes the `store` for both, if there is one: with the fingerprint under which
/// it is the query's then.
fn planned_over(
    config: &Config,
    store: Option<&Store>,
    found: FoundSchema,
) -> Result<(TableSchema, Query, Option<Fingerprint>), StreamingError> {
    let table = found.schema;
    let query = query_over(config, &table).map_err(|error| {
        let is_of_schema =
            found.origin == SchemaOrigin::Stored && matches!(error, QueryError::Invalid(_));
        let error = wrong_query(config, &with_left_out(config, error, &found.left_out));
        match is_of_schema {
            true => StreamingError::KeptSchema(Box::new(error)),
            false => error,
        }
    })?;
    let taken = store
        .map(|store| take(config, store, &table, &query))
        .transpose()?;
    Ok((table, query, taken))
}

/// The error, with the reason why a field that the query reads is not in the schema, if it was left out.
fn with_left_out(config: &Config, error: QueryError, left_out: &Notes) -> QueryError {
    let QueryError::Invalid(text) = &error else {
        return error;
    };
    match left_out.named_in(&sql::paths(&config.query), text) {
        Some(noted) => QueryError::Invalid(format!(
            "{text}; in the topic's first records {noted}, and so it was left out of SCHEMA, which was inferred from \
             them: set SCHEMA, with its type"
        )),
        None => error,
    }
}

/// Plans the query over `schema`.
fn query_over(config: &Config, schema: &TableSchema) -> Result<Query, QueryError> {
    Query::plan(&config.query, schema.table(), &config.topics)
        .and_then(|query| match config.updates {
            true => query.updating(),
            false => Ok(query),
        })
        .and_then(|query| Ok(query.within(&Memory::new(config.memory_limit))?))
}

/// Checks what can be checked before the schema is known.
pub(in crate::runtime) fn check(config: &Config) -> Result<(), StreamingError> {
    check_memory(config)?;
    match &config.schema {
        Some(schema) => query_over(config, schema).map(|_query| ()),
        None => Query::check(&config.query),
    }
    .map_err(|error| wrong_query(config, &error))
}

fn wrong_query(config: &Config, error: &QueryError) -> StreamingError {
    let reason = excerpt(&error.to_string(), MOST_OF_REASON);
    let error = match &config.query_file {
        Some(path) => SettingsError::new("QUERY_FILE", path, reason),
        None => SettingsError::new("QUERY", excerpt(&config.query, MOST_OF_QUERY), reason),
    };
    error.into()
}

/// The beginning of a text, so that an error stays one line.
fn excerpt(text: &str, most: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= most {
        return text;
    }
    let mut cut: String = text.chars().take(most).collect();
    cut.push('…');
    cut
}

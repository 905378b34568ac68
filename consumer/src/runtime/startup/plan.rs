//! A query over the schema that there is.

mod schema;

use kafka_access::SettingsError;

pub(in crate::runtime) use self::schema::SchemaSearch;
use self::schema::{FoundSchema, SchemaOrigin};
use crate::checkpoint::fingerprint::Fingerprint;
use crate::checkpoint::store::Store;
use crate::config::Config;
use crate::engine::memory::Memory;
use crate::engine::query::{Query, QueryError};
use crate::runtime::StreamingError;
use crate::runtime::kafka_client::check_memory;
use crate::runtime::startup::restore::take;
use crate::schema::TableSchema;
use crate::schema::infer::Notes;

/// Characters of a query in an error, and of what is wrong with it, which may name something of the query.
const MOST_OF_QUERY: usize = 60;
const MOST_OF_REASON: usize = 2_000;

/// A query, and what it has been planned over.
pub(in crate::runtime) struct PlannedQuery {
    pub table: TableSchema,
    pub query: Query,
    /// As what the store has been taken for it, if there is one to take.
    pub taken: Option<Fingerprint>,
}

/// Plans the query over the schema that is found, and takes the store for both. `None` if a stop was asked for while
/// waiting.
pub(in crate::runtime) fn planned(
    mut schemas: SchemaSearch<'_, '_>,
) -> Result<Option<PlannedQuery>, StreamingError> {
    let (config, store) = (schemas.config, schemas.store);
    loop {
        let Some(found) = schemas.find()? else {
            return Ok(None);
        };
        let origin = found.origin;
        match planned_over(config, store, found) {
            Ok(planned) => return Ok(Some(planned)),
            // Another process of the group was faster, and has seen other records: its schema is gone on with. If it
            // is another query's all the same, that is found then.
            Err(_) if origin == SchemaOrigin::Inferred && schemas.is_kept() => {}
            Err(error) => return Err(error),
        }
    }
}

fn planned_over(
    config: &Config,
    store: Option<&Store>,
    found: FoundSchema,
) -> Result<PlannedQuery, StreamingError> {
    let table = found.schema;
    let query = query_over(config, &table).map_err(|error| {
        let is_of_schema =
            found.origin == SchemaOrigin::Kept && matches!(error, QueryError::Invalid(_));
        let error = wrong_query(config, &with_left_out(config, error, &found.left_out));
        match is_of_schema {
            true => StreamingError::KeptSchema(Box::new(error)),
            false => error,
        }
    })?;
    let taken = store
        .map(|store| take(config, store, &table, &query))
        .transpose()?;
    Ok(PlannedQuery {
        table,
        query,
        taken,
    })
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

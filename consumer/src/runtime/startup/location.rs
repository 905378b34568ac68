//! The checkpoint location: its store, opened and taken for one query.

use crate::checkpoint::fingerprint::Fingerprint;
use crate::checkpoint::identity::Description;
use crate::checkpoint::lease;
use crate::checkpoint::location::Location;
use crate::checkpoint::store::Store;
use crate::config::Config;
use crate::engine::query::Query;
use crate::runtime::startup::restore::RestoreError;
use crate::schema::TableSchema;

/// The store of the checkpoint location, on its way to being the query's.
pub(in crate::runtime) struct OpenedLocation {
    pub store: Store,
    /// The fingerprint under which the query has taken the store; `None` before that.
    pub taken: Option<Fingerprint>,
}

impl OpenedLocation {
    /// Opens what CHECKPOINT_LOCATION names; `None` without one.
    pub(in crate::runtime) fn open(config: &Config) -> Result<Option<Self>, RestoreError> {
        let location = config.checkpoint_location.as_ref();
        let store = location.map(Location::open).transpose()?;
        Ok(store.map(|store| Self { store, taken: None }))
    }
}

/// Takes the store for the query, with the schema of its table; with --reset, after the store has forgotten its
/// checkpoints.
pub(in crate::runtime) fn take(
    config: &Config,
    store: &Store,
    schema: &TableSchema,
    query: &Query,
) -> Result<Fingerprint, RestoreError> {
    let columns = schema.declared().project(query.columns());
    let columns = columns.unwrap_or_else(|_| schema.declared().as_ref().clone());
    let own = Description::of(query, &config.topics, &columns);
    Ok(match config.reset {
        true => lease::reset(store, &own, schema)?,
        false => lease::take(store, &own, schema)?,
    })
}

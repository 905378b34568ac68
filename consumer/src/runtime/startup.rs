//! From settings to all that a query needs to run, in four steps: [`discover()`] finds the topics, [`plan()`] finds the
//! schema and plans the query, [`restore()`] reads the checkpoints, [`join()`] finds a place in the group.
//!
//! Each step is a function with a result of its own, and may wait; a stop that is asked for meanwhile ends the startup.

mod context;
mod discover;
mod join;
mod location;
mod pending_commands;
pub(super) mod plan;
pub(super) mod restore;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use kafka_access::Stop;
use kafka_access::topic::reach as reach_brokers;

use self::context::StartupContext;
use self::discover::discover;
use self::join::{Membership, ask_group, join};
use self::plan::plan;
use self::restore::{StoredAt, restore};
use super::StreamingError;
use crate::checkpoint::Checkpoints;
use crate::command::QueryCommand;
use crate::config::Config;
use crate::engine::query::Query;
use crate::event::Level;
use crate::position::TopicPartition;
use crate::schema::TableSchema;
use crate::source::topic_ids::TopicIds;
use crate::source::topics::Extent;

/// A query that is ready to run.
pub(super) struct Startup {
    /// The part of each partition's log that was there at the start, from where the query goes on.
    pub extents: Arc<BTreeMap<TopicPartition, Extent>>,
    /// The ids of the topics, as far as they are known.
    pub topic_ids: Arc<TopicIds>,
    pub table: TableSchema,
    pub query: Query,
    /// The checkpoint of each partition.
    pub checkpoints: Checkpoints,
    /// Where they are stored; `None` if they are not.
    pub stored: Option<StoredAt>,
    pub membership: Membership,
    /// The interval that was asked for meanwhile.
    pub asked_interval: Option<Duration>,
}

impl Startup {
    /// Whether a process before this one has stored checkpoints.
    pub(super) fn has_checkpoints(&self) -> bool {
        self.stored.as_ref().is_some_and(|at| at.has_checkpoints)
    }
}

/// Whether brokers answer at all.
pub(super) fn reach(config: &Config) -> Result<(), StreamingError> {
    reach_brokers(&config.kafka, &Stop::new())?;
    Ok(())
}

/// Makes a query that the settings describe ready to run. `None` if a stop was asked for while waiting.
pub(super) fn start_up(
    config: &Config,
    inbox: &Receiver<QueryCommand>,
    mut tell: impl FnMut(Level, String),
) -> Result<Option<Startup>, StreamingError> {
    let mut context = StartupContext::new(config, inbox, &mut tell)?;
    let Some(mut topics) = discover(&mut context)? else {
        return Ok(None);
    };
    let Some(planned) = plan(&mut context, &mut topics.extents)? else {
        return Ok(None);
    };
    let (table, query, location) = (planned.table, planned.query, planned.location);
    // Before the checkpoints are read: --reset forgets them, and a member of the group may still use them.
    let Some(group) = ask_group(&mut context, &topics.extents)? else {
        return Ok(None);
    };
    let restored = restore(&mut context, location, &table, &query, &mut topics)?;
    let Some(restored) = restored else {
        return Ok(None);
    };
    let stored = restored.stored;
    let location_id = stored.as_ref().map(|at| at.location_id.as_str());
    let Some(membership) = join(&mut context, group, location_id)? else {
        return Ok(None);
    };
    Ok(Some(Startup {
        extents: Arc::new(topics.extents),
        topic_ids: Arc::new(topics.ids),
        table,
        query,
        checkpoints: restored.checkpoints,
        stored,
        membership,
        asked_interval: context.pending.interval,
    }))
}

//! From settings to all that a query needs to run: partitions, a plan, what is kept, a place in the group.

pub(super) mod pending_commands;
pub(super) mod plan;
pub(super) mod restore;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use kafka_access::Stop;
use kafka_access::topic::reach as reach_brokers;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::BaseConsumer;

use self::pending_commands::PendingCommands;
use self::plan::{PlannedQuery, SchemaSearch, planned};
use self::restore::{RestoreError, keep_topics, resume, take};
use super::StreamingError;
use super::group_guard::{self, GroupGuard, PATIENCE};
use super::kafka_client::{QuietContext, quiet_client};
use super::kafka_client::{client, session};
use super::open_transactions;
use crate::checkpoint::repository::Repository;
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::command::QueryCommand;
use crate::config::{Config, TriggerMode};
use crate::engine::query::Query;
use crate::event::Level;
use crate::position::{Offset, TopicPartition};
use crate::schema::TableSchema;
use crate::source::group_members::{self, Group};
use crate::source::identity::{STATIC_NAME, StaticName};
use crate::source::topic_ids::{self, TopicIds};
use crate::source::topics::{self, Extent, StartingOffsets, TopicsError};
use crate::source::transactions;

const CLIENT_ID: &str = "client.id";

/// Between two looks for a topic that is not there yet.
const TOPIC_RETRY: Duration = Duration::from_secs(1);

/// How long available-now waits for partitions to have leaders that answer: when a broker is lost the others take over
/// once its session with ZooKeeper has ended.
const LEADERS: Duration = Duration::from_secs(30);

/// Between two tries to find the logs as they were read, and how many more there are.
const LOG_RETRY: Duration = Duration::from_millis(500);
const LOG_TRIES: u32 = 10;

/// A query that is ready to run.
pub(super) struct Startup {
    pub extents: Arc<BTreeMap<TopicPartition, Extent>>,
    pub table: TableSchema,
    pub query: Query,
    pub checkpoints: Checkpoints,
    /// Where they are kept; `None` if they are not.
    pub repository: Option<Arc<Repository>>,
    /// What tells their location from any other.
    pub location_id: Option<String>,
    /// Whether some have been, by a process before.
    pub has_kept: bool,
    /// Of the group's members.
    pub client: ClientConfig,
    /// The name that members have in the group beyond this process's life, if they can have one.
    pub identity: Option<StaticName>,
    /// The interval that was asked for meanwhile.
    pub asked_interval: Option<Duration>,
    /// The ids of the topics, as far as they are known.
    pub topic_ids: Arc<TopicIds>,
}

/// Whether brokers answer at all.
pub(super) fn reach(config: &Config) -> Result<(), StreamingError> {
    reach_brokers(&config.kafka, &Stop::new())?;
    Ok(())
}

/// Opens what the settings name. `None` if a stop was asked for while waiting.
pub(super) fn open(
    config: &Config,
    inbox: &Receiver<QueryCommand>,
    mut tell: impl FnMut(Level, String),
) -> Result<Option<Startup>, StreamingError> {
    let servers = config.kafka.bootstrap_servers();
    let consumer = quiet_client(&client(config))?;
    let waits = config.trigger != TriggerMode::AvailableNow;
    let mut asked = PendingCommands::new(inbox);
    let mut told = None;
    let leaders_by = Instant::now() + LEADERS;
    let (mut extents, mut told_ids, ends) = loop {
        let found = topics::partitions(&consumer, servers, &config.topics).and_then(|partitions| {
            // Before all that is asked of the logs: what is made anew later is seen to be another one.
            let ids = topic_ids(config, &consumer);
            let ends = ends_with_open(config, &consumer, &partitions);
            let starting = config.starting_offsets;
            let extents = topics::extents(&consumer, servers, &partitions, starting)?;
            Ok((extents, ids, ends))
        });
        let reason = match found {
            Ok(found) => break found,
            Err(TopicsError::Missing(topic)) if waits => {
                format!("there is no topic {topic} yet; waiting for it")
            }
            Err(error @ (TopicsError::NotReady { .. } | TopicsError::LeaderAway { .. }))
                if waits || Instant::now() < leaders_by =>
            {
                error.to_string()
            }
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
    if let Some((topic, reason)) = &told_ids.untold {
        let text = format!(
            "brokers do not tell the id of {topic} ({reason}): until they do, a topic that is deleted and made anew \
             with a longer log is not noticed"
        );
        tell(Level::Info, text);
    }
    if let Some(left) = left_behind(config, &extents, &ends) {
        tell(
            Level::Warning,
            format!("{left}: this run does not read them"),
        );
    }
    let location = config.checkpoint_location.as_ref();
    let store = location
        .map(|location| location.open().map_err(RestoreError::from))
        .transpose()?;
    let planned = planned(SchemaSearch {
        config,
        // What a reset forgets is not to be gone on with, and may still be in use.
        store: store.as_ref().filter(|_| !config.reset),
        consumer: &consumer,
        extents: &mut extents,
        asked: &mut asked,
        tell: &mut tell,
    })?;
    let Some(PlannedQuery {
        table,
        query,
        taken,
    }) = planned
    else {
        return Ok(None);
    };
    let ask = || group_members::group(&consumer, &config.group_id);
    let mut group = None;
    let mut identity = None;
    // The demo's brokers are this process's own, and available-now reads without a group.
    let is_demo = !config.demo.is_empty();
    let joins = waits && !is_demo;
    let resets = config.reset && !is_demo;
    if joins || resets {
        group = ask()
            .inspect_err(|error| tracing::debug!(%error, "who is in the group"))
            .ok();
    }
    if joins {
        let group = group.clone().unwrap_or_default();
        identity = lasting_name(config, &group, &extents, &mut tell);
    }
    let members = group.as_ref().map(|group| group.members.as_slice());
    let mut guard = GroupGuard {
        group: &config.group_id,
        identity: identity.as_ref(),
        location: None,
        patience: session(config) + PATIENCE,
        resets,
    };
    if resets && !guard.await_leaving(members, ask, |time| asked.for_stop(time), &mut tell)? {
        return Ok(None);
    }
    let mut member_client = client(config);
    let mut location_id = None;
    let (checkpoints, repository, has_kept) = match store {
        Some(store) => {
            let fingerprint = match taken {
                Some(fingerprint) => fingerprint,
                None => take(config, &store, &table, &query)?,
            };
            let topics = names_of(config);
            let resumed = resume(store, fingerprint, &query, &topics, &extents, &mut tell)?;
            let partitions: Vec<_> = extents.keys().cloned().collect();
            let mut tries = 0;
            let logs = loop {
                let whole = StartingOffsets::Earliest;
                let answer = resumed
                    .check_topics(&told_ids.ids)
                    .map_err(StreamingError::from)
                    .and_then(|()| Ok(topics::extents(&consumer, servers, &partitions, whole)?))
                    .and_then(|logs| Ok(resumed.check_ends(&logs).map(|()| logs)?));
                match answer {
                    Ok(logs) => break logs,
                    // For a while after its leader was lost a log ends earlier, or nobody knows where; and a broker
                    // may not have heard of the newest topic yet.
                    Err(error) if tries == LOG_TRIES => return Err(error),
                    Err(_) => tries += 1,
                }
                if asked.for_stop(LOG_RETRY) {
                    return Ok(None);
                }
                told_ids = topic_ids(config, &consumer);
            };
            let called = member_client.get(CLIENT_ID).unwrap_or_default();
            let client_id = group_guard::client_id(called, &resumed.location_id);
            member_client.set(CLIENT_ID, client_id);
            location_id = Some(resumed.location_id.clone());
            let (repository, has_kept) = (Arc::clone(&resumed.repository), resumed.has_kept());
            let known = resumed.topics.clone();
            let checkpoints = resumed.begin(&mut extents, &logs, config.on_data_loss, &mut tell)?;
            told_ids.ids = keep_topics(&repository, known, told_ids.ids)?;
            (checkpoints, Some(repository), has_kept)
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
    guard.location = location_id.as_deref();
    guard.resets = false;
    if joins && !guard.await_leaving(members, ask, |time| asked.for_stop(time), &mut tell)? {
        return Ok(None);
    }
    Ok(Some(Startup {
        client: member_client,
        location_id,
        identity,
        checkpoints,
        repository,
        has_kept,
        extents: Arc::new(extents),
        table,
        query,
        asked_interval: asked.interval,
        topic_ids: Arc::new(told_ids.ids),
    }))
}

fn names_of(config: &Config) -> Vec<Arc<str>> {
    let topics = config.topics.iter();
    topics.map(|topic| topic.as_str().into()).collect()
}

/// What brokers tell of the topics' ids. The demo's topics are as old as its brokers.
fn topic_ids(config: &Config, consumer: &BaseConsumer<QuietContext>) -> topic_ids::Told {
    match config.demo.is_empty() {
        true => topic_ids::ask(consumer, &names_of(config)),
        false => topic_ids::Told::default(),
    }
}

/// Where logs end, for a run that is not going to read what lies behind open transactions; nothing for others, which
/// read it when these have ended.
fn ends_with_open(
    config: &Config,
    consumer: &BaseConsumer<QuietContext>,
    partitions: &[TopicPartition],
) -> BTreeMap<TopicPartition, Offset> {
    let is_left = config.trigger == TriggerMode::AvailableNow && config.demo.is_empty();
    if !is_left || !transactions::is_waited_for(&client(config)) {
        return BTreeMap::new();
    }
    transactions::ends(consumer, partitions)
        .inspect_err(|error| tracing::debug!(%error, "what waits for transactions"))
        .unwrap_or_default()
}

/// What lies behind open transactions, in words.
fn left_behind(
    config: &Config,
    extents: &BTreeMap<TopicPartition, Extent>,
    ends: &BTreeMap<TopicPartition, Offset>,
) -> Option<String> {
    let committed = extents.iter();
    let committed = committed.map(|(partition, extent)| (partition.clone(), extent.end));
    let waiting = transactions::between(&committed.collect(), ends);
    open_transactions::described(&client(config), waiting)
}

/// A name in the group, unless the user has given one.
fn lasting_name(
    config: &Config,
    group: &Group,
    extents: &BTreeMap<TopicPartition, Extent>,
    tell: &mut impl FnMut(Level, String),
) -> Option<StaticName> {
    // Whoever comes back as a static member is given what it had, and partitions that were added meanwhile have no
    // reader until the group shares out anew.
    let is_read = |partition: &&TopicPartition| {
        let mut members = group.members.iter();
        members.any(|member| member.partitions.contains(partition))
    };
    let unread = extents.keys().find(|partition| !is_read(partition));
    let unread = unread.filter(|_| group.is_stable);
    if client(config).get(STATIC_NAME).is_some() {
        if let Some(partition) = unread {
            let text = format!(
                "nobody in the group {} reads {partition}, and a member that comes back with its {STATIC_NAME} changes \
                 nothing of that: leave {STATIC_NAME} out",
                config.group_id
            );
            tell(Level::Warning, text);
        }
        return None;
    }
    let servers = config.kafka.bootstrap_servers();
    let ids = group.members.iter().map(|member| member.id.as_str());
    let joins_anew = unread.is_some();
    match StaticName::take(&config.locks, &config.group_id, servers, ids, joins_anew) {
        Ok(identity) => Some(identity),
        Err(error) => {
            let text = format!("a restart after a kill will have to wait for the group: {error}");
            tell(Level::Warning, text);
            None
        }
    }
}

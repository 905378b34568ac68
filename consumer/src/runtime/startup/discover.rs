//! The first step: asks the brokers for the topics' partitions, their ids, the extents of their logs, and what waits
//! behind open transactions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::context::StartupContext;
use crate::event::Level;
use crate::position::{Offset, TopicPartition};
use crate::runtime::StreamingError;
use crate::runtime::kafka_client::client;
use crate::runtime::logs::open_transactions;
use crate::source::topic_ids::{self, TopicIds};
use crate::source::topics::{self, Extent, TopicsError};
use crate::source::transactions;

/// The time between two looks for a topic that is not there yet.
const TOPIC_RETRY: Duration = Duration::from_secs(1);

/// How long available-now waits for partitions to have leaders that answer: when a broker is lost the others take over
/// once its session with ZooKeeper has ended.
const LEADERS: Duration = Duration::from_secs(30);

/// The topics as the brokers describe them.
pub(in crate::runtime) struct DiscoveredTopics {
    /// The part of each partition's log that was there at the start and is read, from STARTING_OFFSETS on.
    pub extents: BTreeMap<TopicPartition, Extent>,
    /// The ids of the topics, as far as the brokers tell them.
    pub ids: TopicIds,
}

/// What one try has found.
struct FoundTopics {
    extents: BTreeMap<TopicPartition, Extent>,
    ids: topic_ids::Told,
    /// Where the logs end with what lies behind open transactions, if this run is not going to read that.
    ends: BTreeMap<TopicPartition, Offset>,
}

/// Asks the brokers, and waits for a topic that is not there yet. `None` if a stop was asked for while waiting.
pub(in crate::runtime) fn discover(
    context: &mut StartupContext<'_>,
) -> Result<Option<DiscoveredTopics>, StreamingError> {
    let Some(FoundTopics { extents, ids, ends }) = await_topics(context)? else {
        return Ok(None);
    };
    if let Some((topic, reason)) = &ids.untold {
        let text = format!(
            "brokers do not tell the id of {topic} ({reason}): until they do, a topic that is deleted and made anew \
             with a longer log is not noticed"
        );
        (context.tell)(Level::Info, text);
    }
    if let Some(left) = left_behind(context, &extents, &ends) {
        let text = format!("{left}: this run does not read them");
        (context.tell)(Level::Warning, text);
    }
    let ids = ids.ids;
    Ok(Some(DiscoveredTopics { extents, ids }))
}

/// Asks the brokers what they tell of the topics' ids. The demo's topics are as old as its brokers, and have none.
pub(in crate::runtime) fn topic_ids(context: &StartupContext<'_>) -> topic_ids::Told {
    match context.is_demo() {
        true => topic_ids::Told::default(),
        false => topic_ids::ask(&context.consumer, &context.topics()),
    }
}

fn await_topics(context: &mut StartupContext<'_>) -> Result<Option<FoundTopics>, StreamingError> {
    let waits = context.waits();
    let mut told = None;
    let leaders_by = Instant::now() + LEADERS;
    loop {
        let reason = match find(context) {
            Ok(found) => return Ok(Some(found)),
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
            (context.tell)(Level::Warning, reason.clone());
            told = Some(reason);
        }
        if context.pending.for_stop(TOPIC_RETRY) {
            return Ok(None);
        }
    }
}

fn find(context: &StartupContext<'_>) -> Result<FoundTopics, TopicsError> {
    let (config, consumer) = (context.config, &context.consumer);
    let servers = config.kafka.bootstrap_servers();
    let partitions = topics::partitions(consumer, servers, &config.topics)?;
    // The ids come before all that is asked of the logs: a topic that is made anew later is then seen to be another
    // one.
    let ids = topic_ids(context);
    let ends = ends_with_open(context, &partitions);
    let extents = topics::extents(consumer, servers, &partitions, config.starting_offsets)?;
    Ok(FoundTopics { extents, ids, ends })
}

/// Where the logs end, if this run is not going to read what lies behind open transactions; nothing for a run that
/// reads on when they have ended.
fn ends_with_open(
    context: &StartupContext<'_>,
    partitions: &[TopicPartition],
) -> BTreeMap<TopicPartition, Offset> {
    let is_left = !context.waits() && !context.is_demo();
    if !is_left || !transactions::is_waited_for(&client(context.config)) {
        return BTreeMap::new();
    }
    transactions::ends(&context.consumer, partitions)
        .inspect_err(|error| tracing::debug!(%error, "what waits for transactions"))
        .unwrap_or_default()
}

/// What lies behind open transactions, in words.
fn left_behind(
    context: &StartupContext<'_>,
    extents: &BTreeMap<TopicPartition, Extent>,
    ends: &BTreeMap<TopicPartition, Offset>,
) -> Option<String> {
    let committed = extents.iter();
    let committed = committed.map(|(partition, extent)| (partition.clone(), extent.end));
    let waiting = transactions::between(&committed.collect(), ends);
    open_transactions::described(&client(context.config), waiting)
}

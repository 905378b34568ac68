//! The last step: a place in the consumer group, beside members that keep their checkpoints where this process does.
//!
//! The group is asked before the checkpoints are read, because --reset must not forget what a member still uses, and
//! joined after that, because members recognize each other by the location's id.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::config::ClientConfig;

use super::context::StartupContext;
use crate::event::Level;
use crate::position::TopicPartition;
use crate::runtime::StreamingError;
use crate::runtime::group_guard::{self, GroupGuard, PATIENCE};
use crate::runtime::kafka_client::{client, session};
use crate::source::group_members::{self, Group};
use crate::source::identity::{STATIC_NAME, StaticName};
use crate::source::topics::Extent;

const CLIENT_ID: &str = "client.id";

/// What the members of this process need to be members.
pub(in crate::runtime) struct Membership {
    /// The settings of the members' clients.
    pub client: ClientConfig,
    /// The name that members have in the group beyond this process's life, if they can have one.
    pub static_name: Option<Arc<StaticName>>,
}

/// The group before this process joins it.
pub(in crate::runtime) struct AskedGroup {
    /// What brokers told of it; `None` if they told nothing, or nobody asked.
    group: Option<Group>,
    static_name: Option<StaticName>,
    /// Whether this process's members are going to join it. The demo's brokers are this process's own, and
    /// available-now reads without a group.
    joins: bool,
}

/// Asks who is in the group, takes a static name in it, and with --reset waits until nobody uses what is to be
/// forgotten. `None` if a stop was asked for while waiting.
pub(in crate::runtime) fn ask_group(
    context: &mut StartupContext<'_>,
    extents: &BTreeMap<TopicPartition, Extent>,
) -> Result<Option<AskedGroup>, StreamingError> {
    let config = context.config;
    let joins = context.waits() && !context.is_demo();
    let resets = config.reset && !context.is_demo();
    let mut asked = AskedGroup {
        group: None,
        static_name: None,
        joins,
    };
    if joins || resets {
        asked.group = group_members::group(&context.consumer, &config.group_id)
            .inspect_err(|error| tracing::debug!(%error, "who is in the group"))
            .ok();
    }
    if joins {
        let group = asked.group.clone().unwrap_or_default();
        asked.static_name = static_name(context, &group, extents);
    }
    if resets && !asked.await_foreign_members(context, None, true)? {
        return Ok(None);
    }
    Ok(Some(asked))
}

/// Waits until no foreign member is in the group, and tells with what settings the members join it; `location_id` is
/// the id of the location where the checkpoints are stored, if they are. `None` if a stop was asked for while waiting.
pub(in crate::runtime) fn join(
    context: &mut StartupContext<'_>,
    asked: AskedGroup,
    location_id: Option<&str>,
) -> Result<Option<Membership>, StreamingError> {
    if asked.joins && !asked.await_foreign_members(context, location_id, false)? {
        return Ok(None);
    }
    let mut client = client(context.config);
    if let Some(location_id) = location_id {
        let called = client.get(CLIENT_ID).unwrap_or_default();
        let client_id = group_guard::client_id(called, location_id);
        client.set(CLIENT_ID, client_id);
    }
    let static_name = asked.static_name.map(Arc::new);
    Ok(Some(Membership {
        client,
        static_name,
    }))
}

impl AskedGroup {
    /// Waits until no foreign member is in the group; `false` if a stop was asked for meanwhile.
    fn await_foreign_members(
        &self,
        context: &mut StartupContext<'_>,
        location: Option<&str>,
        resets: bool,
    ) -> Result<bool, StreamingError> {
        let config = context.config;
        let guard = GroupGuard {
            group: &config.group_id,
            identity: self.static_name.as_ref(),
            location,
            patience: session(config) + PATIENCE,
            resets,
        };
        let members = self.group.as_ref().map(|group| group.members.as_slice());
        let consumer = &context.consumer;
        guard.await_leaving(
            members,
            || group_members::group(consumer, &config.group_id),
            |time| context.pending.for_stop(time),
            &mut context.tell,
        )
    }
}

/// Takes a static name in the group, unless the user has given one.
fn static_name(
    context: &mut StartupContext<'_>,
    group: &Group,
    extents: &BTreeMap<TopicPartition, Extent>,
) -> Option<StaticName> {
    let config = context.config;
    // A static member that comes back is given the partitions that it had, and partitions that were added meanwhile
    // have no reader until the group assigns anew.
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
            (context.tell)(Level::Warning, text);
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
            (context.tell)(Level::Warning, text);
            None
        }
    }
}

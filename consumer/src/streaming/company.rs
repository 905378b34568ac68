//! Who reads with this process: members of its group that keep their checkpoints where it does.
//!
//! Others would take partitions and leave nothing of them for the result, so a query does not start
//! beside them. A member says what it shares by its `client.id`.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, ConsumerContext};

use super::StreamingError;
use crate::event::Level;
use crate::source::group_members::{Group, GroupMember, group};
use crate::source::identity::Identity;

/// How much longer than its session a member that was killed may take to be given up.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at who is there.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What those call themselves that keep their checkpoints at the location with this id, whatever they are
/// called by their users.
pub(super) fn client_id(called: &str, location: &str) -> String {
    format!("{called}{}", suffix(location))
}

fn suffix(location: &str) -> String {
    format!("-{location}")
}

/// Whether a member keeps its checkpoints at the location with this id.
pub(super) fn shares(member: &GroupMember, location: &str) -> bool {
    member.client_id.ends_with(&suffix(location))
}

/// What a process shares with others of its group.
pub(super) struct Company<'a> {
    pub group: &'a str,
    /// The name that its own members, and those of the process before it, have in the group.
    pub identity: Option<&'a Identity>,
    /// The id of the location where it keeps its checkpoints, if it does and goes on with them.
    pub location: Option<&'a str>,
    /// How long a member that was killed is one still.
    pub session: Duration,
    /// Whether what is kept is to be forgotten, which nobody may be using then.
    pub resets: bool,
}

impl Company<'_> {
    /// Waits until no stranger is among the group's members; `false` if a stop is asked for meanwhile.
    pub(super) fn await_leaving<C: ConsumerContext>(
        &self,
        client: &BaseConsumer<C>,
        members: &[GroupMember],
        mut stop_within: impl FnMut(Duration) -> bool,
        tell: &mut impl FnMut(Level, String),
    ) -> Result<bool, StreamingError> {
        let deadline = Instant::now() + self.session + PATIENCE;
        let mut told = false;
        let mut again = None;
        loop {
            let found = again.as_deref().unwrap_or(members);
            let Some(stranger) = self.stranger(found) else {
                return Ok(true);
            };
            if Instant::now() >= deadline {
                let (group, host) = (self.group.to_owned(), stranger.host.clone());
                return Err(match self.resets {
                    true => StreamingError::InUse { group, host },
                    false => StreamingError::Stranger {
                        group,
                        client_id: stranger.client_id.clone(),
                        host,
                    },
                });
            }
            if !std::mem::replace(&mut told, true) {
                let text = format!(
                    "the group {} has a member at {} already; waiting in case it is dead",
                    self.group, stranger.host
                );
                tell(Level::Warning, text);
            }
            if stop_within(LOOK_AGAIN) {
                return Ok(false);
            }
            again = Some(group_of(client, self.group).members);
        }
    }

    /// The first of `members` that shares nothing with this process.
    fn stranger<'m>(&self, members: &'m [GroupMember]) -> Option<&'m GroupMember> {
        members.iter().find(|member| {
            // One of the process before this one gives way to this one's.
            let is_own = self
                .identity
                .is_some_and(|identity| identity.is_of(&member.id));
            let shares = |location| shares(member, location);
            !is_own && !self.location.is_some_and(shares)
        })
    }
}

/// The group of that name, if brokers tell of it. If not, joining will show what is wrong.
pub(super) fn group_of<C: ConsumerContext>(client: &BaseConsumer<C>, name: &str) -> Group {
    group(client, name).unwrap_or_else(|error| {
        tracing::debug!(%error, "who is in the group");
        Group::default()
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn member(id: &str, client_id: &str) -> GroupMember {
        GroupMember {
            id: id.to_owned(),
            client_id: client_id.to_owned(),
            host: "10.0.0.1".to_owned(),
            partitions: Vec::new(),
        }
    }

    #[test]
    fn a_stranger_is_who_shares_neither_a_location_nor_a_name() {
        let folder = TempDir::new().unwrap();
        let identity = Identity::take(folder.path(), "g", "a:1", [], false).unwrap();
        let before = member(&format!("{}-77", identity.of_member(0)), "cardstream");
        let beside = member("cardstream-other-0-0-78", "cardstream-5f");
        let called = member("app-79", &client_id("app", "5f"));
        let tool = member("rdkafka-80", "rdkafka");
        let members = [before, beside.clone(), called, tool.clone()];
        let company = |identity, location| Company {
            group: "g",
            identity,
            location,
            session: Duration::ZERO,
            resets: false,
        };
        let sharing = company(Some(&identity), Some("5f"));
        assert_eq!(sharing.stranger(&members), Some(&tool));
        assert_eq!(sharing.stranger(&members[..3]), None);
        let elsewhere = company(Some(&identity), Some("6a"));
        assert_eq!(elsewhere.stranger(&members), Some(&beside));
        let alone = company(Some(&identity), None);
        assert_eq!(alone.stranger(&members), Some(&beside));
        assert_eq!(alone.stranger(&members[..1]), None);
        // Nobody can tell that one that keeps nothing is not alive.
        let nameless = company(None, None);
        assert_eq!(nameless.stranger(&members), Some(&members[0]));
    }
}

//! Who reads with this process: members of its group that keep their checkpoints where it does.
//!
//! Others would take partitions and leave nothing of them for the result, so a query does not start
//! beside them. A member says what it shares by its `client.id`.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, ConsumerContext};

use super::StreamingError;
use crate::event::Level;
use crate::source::group_members::{GroupMember, group_members};
use crate::source::identity::Identity;

/// A member that was killed is gone after its session timeout, which is 10 s.
const PATIENCE: Duration = Duration::from_secs(12);
/// Between two looks at who is there.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What those call themselves that keep their checkpoints at the location with this id.
pub(super) fn client_id(location: &str) -> String {
    format!("cardstream-{location}")
}

/// What a process shares with others of its group.
pub(super) struct Company<'a> {
    pub group: &'a str,
    /// The name that its own members, and those of the process before it, have in the group.
    pub identity: Option<&'a Identity>,
    /// What members call themselves that keep their checkpoints at the same location, if it has one.
    pub sharing: Option<&'a str>,
}

impl Company<'_> {
    /// Waits until no stranger is among the group's members; `false` if a stop is asked for meanwhile.
    pub(super) fn await_leaving<C: ConsumerContext>(
        &self,
        client: &BaseConsumer<C>,
        mut members: Vec<GroupMember>,
        mut stop_within: impl FnMut(Duration) -> bool,
        tell: &mut impl FnMut(Level, String),
    ) -> Result<bool, StreamingError> {
        let deadline = Instant::now() + PATIENCE;
        let mut told = false;
        loop {
            let Some(stranger) = self.stranger(&members) else {
                return Ok(true);
            };
            if Instant::now() >= deadline {
                return Err(StreamingError::Stranger {
                    group: self.group.to_owned(),
                    client_id: stranger.client_id.clone(),
                    host: stranger.host.clone(),
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
            members = members_of(client, self.group);
        }
    }

    /// The first of `members` that shares nothing with this process.
    fn stranger<'m>(&self, members: &'m [GroupMember]) -> Option<&'m GroupMember> {
        members.iter().find(|member| {
            // One of the process before this one gives way to this one's.
            let is_own = self
                .identity
                .is_some_and(|identity| identity.is_of(&member.id));
            !is_own && self.sharing != Some(&member.client_id)
        })
    }
}

/// The members of a group, if brokers tell them. If not, joining will show what is wrong.
pub(super) fn members_of<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    group: &str,
) -> Vec<GroupMember> {
    group_members(client, group).unwrap_or_else(|error| {
        tracing::debug!(%error, "who is in the group");
        Vec::new()
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
        }
    }

    #[test]
    fn a_stranger_is_who_shares_neither_a_location_nor_a_name() {
        let folder = TempDir::new().unwrap();
        let identity = Identity::take(folder.path(), "g", "a:1", []).unwrap();
        let before = member(&format!("{}-77", identity.of_member(0)), "cardstream");
        let beside = member("cardstream-other-0-0-78", "cardstream-5f");
        let tool = member("rdkafka-79", "rdkafka");
        let members = [before, beside.clone(), tool.clone()];
        let company = |identity, sharing| Company {
            group: "g",
            identity,
            sharing,
        };
        let sharing = company(Some(&identity), Some("cardstream-5f"));
        assert_eq!(sharing.stranger(&members), Some(&tool));
        assert_eq!(sharing.stranger(&members[..2]), None);
        let alone = company(Some(&identity), None);
        assert_eq!(alone.stranger(&members), Some(&beside));
        assert_eq!(alone.stranger(&members[..1]), None);
        // Nobody can tell that one that keeps nothing is not alive.
        let nameless = company(None, None);
        assert_eq!(nameless.stranger(&members), Some(&members[0]));
    }
}

//! Guards the group against foreign members, which do not store their checkpoints where this process does.
//!
//! A foreign member would take partitions and leave nothing of them for the result, so a query does not start beside
//! one. A member says by its `client.id` where it stores its checkpoints.

use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;

use super::StreamingError;
use crate::event::Level;
use crate::source::group_members::{Group, GroupMember};
use crate::source::identity::StaticName;

/// How much longer than its session a member that was killed may take to be given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// The time between two looks at who is in the group.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The `client.id` of a member that stores its checkpoints at the location with this id; `called` is the one that its
/// user has given it.
pub(super) fn client_id(called: &str, location: &str) -> String {
    format!("{called}{}", suffix(location))
}

fn suffix(location: &str) -> String {
    format!("-{location}")
}

/// Whether a member stores its checkpoints at the location with this id.
pub(super) fn shares(member: &GroupMember, location: &str) -> bool {
    member.client_id.ends_with(&suffix(location))
}

/// What a process shares with others of its group.
pub(super) struct GroupGuard<'a> {
    pub group: &'a str,
    /// The name that its own members have in the group, and the members of the process before it had.
    pub identity: Option<&'a StaticName>,
    /// The id of the location where it stores its checkpoints, if it does and goes on with them.
    pub location: Option<&'a str>,
    /// How long the brokers may still count a member that was killed.
    pub patience: Duration,
    /// Whether the stored checkpoints are to be forgotten, which nobody may be using then.
    pub resets: bool,
}

impl GroupGuard<'_> {
    /// Waits until no foreign member is in the group; `false` if a stop is asked for meanwhile. The group's members are
    /// those that were `found`, or those that `ask` finds. Where brokers do not tell the members, what they told last
    /// counts. With a reset the brokers must have told them once: nothing is forgotten that somebody may be using.
    ///
    /// # Errors
    /// If a foreign member stays, or, with a reset, if the brokers tell no members.
    pub(super) fn await_leaving(
        &self,
        found: Option<&[GroupMember]>,
        mut ask: impl FnMut() -> Result<Group, KafkaError>,
        mut stop_within: impl FnMut(Duration) -> bool,
        tell: &mut impl FnMut(Level, String),
    ) -> Result<bool, StreamingError> {
        let deadline = Instant::now() + self.patience;
        let mut told = false;
        let mut known = found.map(<[_]>::to_vec);
        let mut reason = None;
        loop {
            if known.is_none() || told {
                match ask() {
                    Ok(group) => known = Some(group.members),
                    Err(error) => reason = Some(in_words(&error)),
                }
            }
            let is_late = Instant::now() >= deadline;
            let text = match &known {
                Some(members) => match self.foreign_member(members) {
                    None => return Ok(true),
                    Some(foreign_member) if is_late => return Err(self.refused(foreign_member)),
                    Some(foreign_member) => format!(
                        "the group {} has a member at {} already; waiting in case it is dead",
                        self.group, foreign_member.host
                    ),
                },
                None => {
                    let reason = reason.clone().unwrap_or_default();
                    let group = self.group.to_owned();
                    if self.resets && is_late {
                        return Err(StreamingError::UnknownGroup { group, reason });
                    }
                    let text =
                        format!("brokers do not tell who is in the group {group} ({reason})");
                    if !self.resets {
                        // The lookup of peers notices foreign members later all the same, and says so then.
                        let text = format!(
                            "{text}: a member that keeps its checkpoints elsewhere would not be noticed"
                        );
                        tell(Level::Warning, text);
                        return Ok(true);
                    }
                    format!("{text}; asking again")
                }
            };
            if !std::mem::replace(&mut told, true) {
                tell(Level::Warning, text);
            }
            if stop_within(LOOK_AGAIN) {
                return Ok(false);
            }
        }
    }

    fn refused(&self, foreign_member: &GroupMember) -> StreamingError {
        let (group, host) = (self.group.to_owned(), foreign_member.host.clone());
        match self.resets {
            true => StreamingError::InUse { group, host },
            false => StreamingError::ForeignMember {
                group,
                client_id: foreign_member.client_id.clone(),
                host,
            },
        }
    }

    /// The first of `members` that shares nothing with this process.
    fn foreign_member<'m>(&self, members: &'m [GroupMember]) -> Option<&'m GroupMember> {
        members.iter().find(|member| {
            // A member of the process before this one gives way to this process's member of the same name.
            let is_own = self
                .identity
                .is_some_and(|identity| identity.is_of(&member.id));
            let shares = |location| shares(member, location);
            !is_own && !self.location.is_some_and(shares)
        })
    }
}

fn in_words(error: &KafkaError) -> String {
    let code = error.rdkafka_error_code();
    code.map_or_else(|| error.to_string(), |code| code.to_string())
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode;
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
    fn a_foreign_member_is_who_shares_neither_a_location_nor_a_name() {
        let folder = TempDir::new().unwrap();
        let identity = StaticName::take(folder.path(), "g", "a:1", [], false).unwrap();
        let before = member(&format!("{}-77", identity.of_member(0)), "cardstream");
        let beside = member("cardstream-other-0-0-78", "cardstream-5f");
        let called = member("app-79", &client_id("app", "5f"));
        let tool = member("rdkafka-80", "rdkafka");
        let members = [before, beside.clone(), called, tool.clone()];
        let guard = |identity, location| GroupGuard {
            group: "g",
            identity,
            location,
            patience: Duration::ZERO,
            resets: false,
        };
        let sharing = guard(Some(&identity), Some("5f"));
        assert_eq!(sharing.foreign_member(&members), Some(&tool));
        assert_eq!(sharing.foreign_member(&members[..3]), None);
        let elsewhere = guard(Some(&identity), Some("6a"));
        assert_eq!(elsewhere.foreign_member(&members), Some(&beside));
        let alone = guard(Some(&identity), None);
        assert_eq!(alone.foreign_member(&members), Some(&beside));
        assert_eq!(alone.foreign_member(&members[..1]), None);
        // Nobody can tell that a member that stores nothing is dead.
        let nameless = guard(None, None);
        assert_eq!(nameless.foreign_member(&members), Some(&members[0]));
    }

    /// Asks for the group's members, which answers so each time, and what is told meanwhile.
    fn awaited(
        resets: bool,
        patience: Duration,
        mut answers: Vec<Result<Vec<GroupMember>, RDKafkaErrorCode>>,
    ) -> (Result<bool, StreamingError>, Vec<String>) {
        let guard = GroupGuard {
            group: "g",
            identity: None,
            location: None,
            patience,
            resets,
        };
        let mut told = Vec::new();
        let last = answers.pop().unwrap();
        let mut answers = answers.into_iter();
        let outcome = guard.await_leaving(
            None,
            || match answers.next().unwrap_or_else(|| last.clone()) {
                Ok(members) => Ok(Group {
                    members,
                    is_stable: true,
                }),
                Err(code) => Err(KafkaError::GroupListFetch(code)),
            },
            |_| false,
            &mut |_, text| told.push(text),
        );
        (outcome, told)
    }

    const SILENCE: RDKafkaErrorCode = RDKafkaErrorCode::OperationTimedOut;
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn nothing_is_reset_while_nobody_tells_who_uses_it() {
        let (outcome, told) = awaited(true, Duration::ZERO, vec![Err(SILENCE)]);
        let error = outcome.unwrap_err();
        assert!(matches!(error, StreamingError::UnknownGroup { .. }));
        let error = error.to_string();
        assert!(
            error.contains("--reset") && error.contains("GROUP_ID=g"),
            "{error}"
        );
        assert!(told.is_empty(), "{told:?}");
    }

    #[test]
    fn brokers_that_tell_later_are_waited_for_with_a_reset() {
        let answers = vec![Err(SILENCE), Err(SILENCE), Ok(Vec::new())];
        let (outcome, told) = awaited(true, LONG, answers);
        assert!(outcome.unwrap());
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[test]
    fn a_member_is_one_until_brokers_tell_otherwise() {
        let there = vec![member("rdkafka-80", "rdkafka")];
        for resets in [false, true] {
            let patience = Duration::from_millis(20);
            let answers = vec![Ok(there.clone()), Err(SILENCE)];
            let (outcome, _) = awaited(resets, patience, answers);
            assert!(outcome.unwrap_err().is_wrong_usage());
            let answers = vec![Ok(there.clone()), Err(SILENCE), Ok(Vec::new())];
            let (outcome, _) = awaited(resets, LONG, answers);
            assert!(outcome.unwrap());
        }
    }

    #[test]
    fn without_a_reset_it_goes_on_and_says_what_it_does_not_know() {
        let (outcome, told) = awaited(false, LONG, vec![Err(SILENCE)]);
        assert!(outcome.unwrap());
        assert!(told[0].contains("who is in the group g"), "{told:?}");
    }
}

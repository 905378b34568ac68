//! Who is in a consumer group already.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;

/// How long brokers may take to say.
const ANSWER: Duration = Duration::from_secs(2);

/// A member, as the group's coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// What the coordinator calls it.
    pub id: String,
    /// What it calls itself.
    pub client_id: String,
    /// Where it is.
    pub host: String,
}

/// The members of `group`; none of a group that is not there.
///
/// # Errors
/// If brokers do not answer.
pub fn group_members<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    group: &str,
) -> Result<Vec<GroupMember>, KafkaError> {
    let list = client.fetch_group_list(Some(group), ANSWER)?;
    let groups = list.groups().iter().filter(|found| found.name() == group);
    Ok(groups
        .flat_map(|found| found.members())
        .map(|member| GroupMember {
            id: member.id().to_owned(),
            client_id: member.client_id().to_owned(),
            host: member.client_host().trim_start_matches('/').to_owned(),
        })
        .collect())
}

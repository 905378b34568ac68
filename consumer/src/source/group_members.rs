//! The members that a consumer group has.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;

use crate::position::TopicPartition;

/// How long brokers may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// Kafka's name for the state of a group that has assigned its partitions.
const STABLE: &str = "Stable";

/// A member, as the group's coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The coordinator's id for the member.
    pub id: String,
    /// The member's own name.
    pub client_id: String,
    /// The member's host.
    pub host: String,
    /// The partitions that the member was assigned.
    pub partitions: Vec<TopicPartition>,
}

/// A consumer group. The default is a group that does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The group's members.
    pub members: Vec<GroupMember>,
    /// Whether the group has assigned its partitions.
    pub is_stable: bool,
}

/// Returns the consumer group of that name.
///
/// # Errors
/// Fails if the brokers do not answer.
pub fn group<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    name: &str,
) -> Result<Group, KafkaError> {
    let list = client.fetch_group_list(Some(name), ANSWER)?;
    let Some(found) = list.groups().iter().find(|found| found.name() == name) else {
        return Ok(Group::default());
    };
    let members = found.members().iter().map(|member| GroupMember {
        id: member.id().to_owned(),
        client_id: member.client_id().to_owned(),
        host: member.client_host().trim_start_matches('/').to_owned(),
        partitions: member.assignment().and_then(assigned).unwrap_or_default(),
    });
    Ok(Group {
        members: members.collect(),
        is_stable: found.state() == STABLE,
    })
}

/// Reads the partitions from a member's assignment (Kafka's ConsumerProtocolAssignment). Returns `None` if the bytes
/// are no assignment.
///
/// <https://github.com/apache/kafka/blob/3.9/clients/src/main/resources/common/message/ConsumerProtocolAssignment.json>
fn assigned(bytes: &[u8]) -> Option<Vec<TopicPartition>> {
    let mut rest = bytes;
    let mut take = |count: usize| rest.split_off(..count);
    let _version = take(2)?;
    let mut partitions = Vec::new();
    for _ in 0..number(take(4)?)? {
        let length = number(take(2)?)?;
        let topic = std::str::from_utf8(take(length)?).ok()?;
        for _ in 0..number(take(4)?)? {
            let partition = i32::try_from(number(take(4)?)?).ok()?;
            partitions.push(TopicPartition::new(topic, partition));
        }
    }
    Some(partitions)
}

/// Returns the number that these bytes are, the highest byte first. All numbers in an assignment that count something
/// are not negative.
fn number(bytes: &[u8]) -> Option<usize> {
    let number = bytes
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let is_negative = bytes.first().is_none_or(|first| first & 0x80 != 0);
    (!is_negative).then(|| usize::try_from(number).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_as_the_protocol_says() {
        let bytes = b"\0\x03\0\0\0\x02\0\x01t\0\0\0\x02\0\0\0\0\0\0\x01\x02\0\x02uv\0\0\0\x01\0\0\0\x07\xff\xff\xff\xff";
        let partitions = [("t", 0), ("t", 258), ("uv", 7)];
        let partitions = partitions.map(|(topic, number)| TopicPartition::new(topic, number));
        assert_eq!(assigned(bytes), Some(partitions.to_vec()));
        assert_eq!(assigned(b"\0\0\0\0\0\0"), Some(Vec::new()));
        for end in [0, 1, 5, 8, 20, bytes.len() - 5] {
            assert_eq!(assigned(&bytes[..end]), None, "{end}");
        }
        assert_eq!(assigned(b"\0\0\xff\xff\xff\xff"), None);
    }
}

//! Places in Kafka's logs.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number in the topic, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Makes partition `partition` of `topic`.
    pub fn new(topic: &str, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }

    /// Parses the partition that is shown as `text`: the topic, `-`, and the number.
    pub fn parse(text: &str) -> Option<Self> {
        let (topic, partition) = text.rsplit_once('-')?;
        let parsed = Self::new(topic, partition.parse().ok()?);
        let is_one = !topic.is_empty() && parsed.partition >= 0;
        (is_one && parsed.to_string() == text).then_some(parsed)
    }
}

impl Display for TopicPartition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Returns the names of `partitions` as people read them, for instance `transactions 0-2, 5`.
pub fn names(partitions: &[TopicPartition]) -> String {
    let mut sorted = partitions.to_vec();
    sorted.sort();
    let of_topics = sorted.chunk_by(|a, b| a.topic == b.topic).map(|of_topic| {
        let runs = of_topic
            .chunk_by(|a, b| a.partition + 1 == b.partition)
            .filter_map(|run| match run {
                [] => None,
                [one] => Some(one.partition.to_string()),
                [first, .., last] => Some(format!("{}-{}", first.partition, last.partition)),
            });
        let topic = of_topic.first().map_or("", |first| &*first.topic);
        format!("{topic} {}", runs.collect::<Vec<_>>().join(", "))
    });
    let names = of_topics.collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        "no partition".to_owned()
    } else {
        names
    }
}

/// The id that distinguishes a topic from others of the same name, before or after it. Brokers give one to each topic
/// that is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TopicId(u128);

impl TopicId {
    /// Returns the id with these bits; `None` if all are 0, which stands for no id.
    pub fn of_bits(most_significant: i64, least_significant: i64) -> Option<Self> {
        let bits = |half: i64| u128::from(half.cast_unsigned());
        let id = bits(most_significant) << 64 | bits(least_significant);
        (id != 0).then_some(Self(id))
    }

    /// Parses the id that is shown as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let id = u128::from_be_bytes(bytes.try_into().ok()?);
        (id != 0).then_some(Self(id))
    }
}

/// Shows the id as Kafka's own tools do: in base64 for URLs.
impl Display for TopicId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        URL_SAFE_NO_PAD.encode(self.0.to_be_bytes()).fmt(f)
    }
}

/// A record's place in its partition. The end of a log is the offset behind its last record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Offset(pub i64);

impl Offset {
    /// Returns the offset after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Returns how many offsets lie from `earlier` to this one; 0 if `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or(0)
    }
}

impl Display for Offset {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_read_as_it_is_shown_and_in_no_other_way() {
        for partition in [
            TopicPartition::new("t", 0),
            TopicPartition::new("a-1-b", 12),
        ] {
            assert_eq!(
                TopicPartition::parse(&partition.to_string()),
                Some(partition)
            );
        }
        for other in ["", "t", "t-", "-1", "t-01", "t-+1", "t-99999999999"] {
            assert_eq!(TopicPartition::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_topics_id_is_shown_as_kafkas_tools_show_it() {
        // Java's UUID of these bits, as Kafka's Uuid shows it, has this text.
        let id = TopicId::of_bits(0x0123_4567_89ab_cdef, -0x0123_4567_89ab_cdf0).unwrap();
        assert_eq!(id.to_string(), "ASNFZ4mrze_-3LqYdlQyEA");
        assert_eq!(TopicId::parse("ASNFZ4mrze_-3LqYdlQyEA"), Some(id));
        assert_eq!(TopicId::of_bits(0, 0), None);
        for other in [
            "",
            "ASNFZ4mrze",
            "ASNFZ4mrze/+3LqYdlQyEA",
            "AAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(TopicId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn partitions_that_follow_each_other_are_named_as_a_run() {
        let all = [("b", 0), ("a", 5), ("a", 1), ("a", 0), ("a", 2)];
        let all = all.map(|(topic, partition)| TopicPartition::new(topic, partition));
        assert_eq!(names(&all), "a 0-2, 5, b 0");
        assert_eq!(names(&[]), "no partition");
    }
}

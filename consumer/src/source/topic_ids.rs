//! The ids of the topics that are read. A topic that was deleted and made anew has the same name and another id,
//! whatever its offsets are.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;

use super::admin;
use crate::position::TopicId;

/// How long brokers may take to answer.
const ANSWER: Duration = Duration::from_secs(4);

/// The ids of the topics whose id is known.
pub type TopicIds = BTreeMap<Arc<str>, TopicId>;

/// What brokers tell about the ids of topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The ids that the brokers tell.
    pub ids: TopicIds,
    /// One of the topics whose id the brokers do not tell, and the reason, if there is any such topic.
    pub untold: Option<(Arc<str>, String)>,
}

/// A topic that was deleted and made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeAnew {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The id of the topic that was read.
    pub was: TopicId,
    /// The id of the topic that is there now.
    pub is: TopicId,
}

impl Display for MadeAnew {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} has the id {}, not {}", self.topic, self.is, self.was)
    }
}

/// Asks brokers for the ids of `topics`.
pub fn ask<C: ConsumerContext>(client: &BaseConsumer<C>, topics: &[Arc<str>]) -> Told {
    let found = match admin::topic_ids(client.client(), topics, ANSWER) {
        Ok(found) => found,
        Err(code) => topics
            .iter()
            .map(|topic| (Arc::clone(topic), Err(code)))
            .collect(),
    };
    told(topics, found)
}

fn told(topics: &[Arc<str>], mut found: BTreeMap<Arc<str>, admin::FoundId>) -> Told {
    let mut told = Told::default();
    for topic in topics {
        let found = found.remove(topic).unwrap_or(Ok(None));
        let reason = match found {
            Ok(Some(id)) => {
                told.ids.insert(Arc::clone(topic), id);
                continue;
            }
            Ok(None) => "they have none".to_owned(),
            Err(RDKafkaErrorCode::UnsupportedFeature) => "they are too old".to_owned(),
            Err(code) => code.to_string(),
        };
        tracing::debug!(%topic, %reason, "no topic id");
        told.untold.get_or_insert((Arc::clone(topic), reason));
    }
    told
}

/// Returns the first topic whose id differs from what it `was`. A topic whose id is not known is not compared.
pub fn made_anew(was: &TopicIds, now: &TopicIds) -> Option<MadeAnew> {
    let changed = |(topic, was): (&Arc<str>, &TopicId)| {
        let is = now.get(topic).filter(|is| *is != was)?;
        Some(MadeAnew {
            topic: Arc::clone(topic),
            was: *was,
            is: *is,
        })
    };
    was.iter().find_map(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: i64) -> TopicId {
        TopicId::of_bits(number, number).unwrap()
    }

    fn ids(of: &[(&str, i64)]) -> TopicIds {
        let of = of.iter();
        of.map(|(topic, number)| (Arc::from(*topic), id(*number)))
            .collect()
    }

    #[test]
    fn a_topic_is_another_one_only_if_both_ids_are_known() {
        let was = ids(&[("a", 1), ("b", 2), ("c", 3)]);
        for now in [&[][..], &[("a", 1)], &[("a", 1), ("d", 9)]] {
            assert_eq!(made_anew(&was, &ids(now)), None);
        }
        let made_anew = made_anew(&was, &ids(&[("a", 1), ("b", 7), ("c", 3)])).unwrap();
        assert_eq!((&*made_anew.topic, made_anew.is), ("b", id(7)));
        let text = made_anew.to_string();
        assert!(
            text.starts_with("b has the id ") && text.contains(", not "),
            "{text}"
        );
    }

    #[test]
    fn a_topic_whose_id_is_not_told_is_named_with_the_reason() {
        let topics = ["a", "b", "c"].map(Arc::from);
        let found = BTreeMap::from([
            (Arc::from("a"), Ok(Some(id(1)))),
            (
                Arc::from("b"),
                Err(RDKafkaErrorCode::TopicAuthorizationFailed),
            ),
        ]);
        let told = told(&topics, found);
        assert_eq!(told.ids, ids(&[("a", 1)]));
        let (topic, reason) = told.untold.unwrap();
        assert_eq!(&*topic, "b");
        assert!(reason.contains("authorization"), "{reason}");
    }
}

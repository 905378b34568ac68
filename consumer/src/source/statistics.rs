//! librdkafka's statistics: they tell which brokers there are, and where logs end.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::event::Broker;
use crate::position::{Offset, TopicPartition};

/// The part of librdkafka's statistics that is read here (its STATISTICS.md explains the fields).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Statistics {
    brokers: BTreeMap<String, BrokerStatistics>,
    topics: HashMap<String, TopicStatistics>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BrokerStatistics {
    nodeid: i32,
    nodename: String,
    source: String,
    state: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TopicStatistics {
    partitions: HashMap<String, PartitionStatistics>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PartitionStatistics {
    partition: i32,
    ls_offset: i64,
}

impl Statistics {
    /// Returns the cluster's brokers, by id. A broker that is being connected to has the state that it had `before`. A
    /// broker that is missing is down: the other brokers forget a broker when they lose it.
    pub fn brokers(&self, before: &[Broker]) -> Vec<Broker> {
        let was_up = |id| {
            before
                .iter()
                .find(|broker| broker.id == id)
                .is_none_or(|broker| broker.up)
        };
        let mut brokers: Vec<_> = self
            .brokers
            .values()
            .filter(|broker| broker.source == "learned")
            .map(|broker| Broker {
                id: broker.nodeid,
                address: broker.nodename.clone(),
                up: match broker.state.as_str() {
                    "DOWN" => false,
                    "TRY_CONNECT" | "CONNECT" => was_up(broker.nodeid),
                    _ => true,
                },
            })
            .collect();
        let gone = before.iter().filter(|known| {
            !self
                .brokers
                .values()
                .any(|broker| broker.nodeid == known.id)
        });
        brokers.extend(gone.map(|known| Broker {
            up: false,
            ..known.clone()
        }));
        brokers.sort_by_key(|broker| broker.id);
        brokers
    }

    /// Returns the ends of the logs that are being read.
    pub fn ends(&self) -> impl Iterator<Item = (TopicPartition, Offset)> + '_ {
        self.partitions()
            .filter(|(_, numbers)| numbers.ls_offset >= 0)
            .map(|(partition, numbers)| (partition, Offset(numbers.ls_offset)))
    }

    fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &PartitionStatistics)> + '_ {
        self.topics.iter().flat_map(|(topic, statistics)| {
            statistics
                .partitions
                .values()
                .filter(|numbers| numbers.partition >= 0)
                .map(move |numbers| (TopicPartition::new(topic, numbers.partition), numbers))
        })
    }
}

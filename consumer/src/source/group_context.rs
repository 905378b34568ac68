//! The callbacks of librdkafka while a member polls: rebalances, statistics, errors.
//!
//! An assigned partition is read from its checkpoint on, and its records come in the member's queue. Callbacks run on
//! the polling thread, inside `poll`, where the worker cannot be reached. They store what they saw here, and the member
//! takes it before it looks at the next record.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kafka_access::kafka::log_to_tracing;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset as KafkaOffset, TopicPartitionList};

use super::client::ClientEvent;
use super::inlet::Inlet;
use super::own_partitions::OwnPartitions;
use super::topics::Extent;
use crate::checkpoint::{Checkpoints, TakenOver};
use crate::position::TopicPartition;

/// The context of one member.
pub struct GroupContext {
    own: OwnPartitions,
    events: Mutex<Vec<ClientEvent>>,
    served: AtomicBool,
    inlet: Inlet,
}

impl GroupContext {
    /// Makes a context whose partitions are read from where `checkpoints` end.
    pub fn new(checkpoints: Checkpoints, extents: Arc<BTreeMap<TopicPartition, Extent>>) -> Self {
        Self {
            own: OwnPartitions::new(checkpoints, extents),
            events: Mutex::default(),
            served: AtomicBool::new(false),
            inlet: Inlet::default(),
        }
    }

    /// Returns what has been seen since the last call, in order.
    pub fn take_events(&self) -> Vec<ClientEvent> {
        std::mem::take(&mut *self.events())
    }

    /// Returns whether something that leaves no event was served since the last call.
    pub fn take_served(&self) -> bool {
        self.served.swap(false, Ordering::Relaxed)
    }

    /// Returns where the records of this client are led.
    pub(super) fn inlet(&self) -> &Inlet {
        &self.inlet
    }

    /// Takes `partitions` over at their checkpoints. Returns what was taken over, and the same as a list for
    /// librdkafka, which must assign no others. Ends after the first partition for which it is unknown where to go on.
    pub fn take_over(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &[TopicPartition],
    ) -> Result<(Vec<TakenOver>, TopicPartitionList), KafkaError> {
        let taken = self.own.take_over(partitions);
        let mut list = TopicPartitionList::with_capacity(taken.len());
        for TakenOver {
            partition, from, ..
        } in &taken
        {
            let offset = KafkaOffset::Offset(from.next.0);
            list.add_partition_offset(&partition.topic, partition.partition, offset)?;
            self.inlet.lead(consumer, partition);
        }
        Ok((taken, list))
    }

    fn saw(&self, event: ClientEvent) {
        self.events().push(event);
    }

    fn events(&self) -> MutexGuard<'_, Vec<ClientEvent>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConsumerContext for GroupContext {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let incremental = matches!(
            consumer.rebalance_protocol(),
            RebalanceProtocol::Cooperative
        );
        let partitions: Vec<_> = list
            .elements()
            .iter()
            .map(|element| TopicPartition::new(element.topic(), element.partition()))
            .collect();
        let done = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.take_over(consumer, &partitions)
                .and_then(|(taken, list)| {
                    self.saw(ClientEvent::Assigned(taken));
                    if incremental {
                        consumer.incremental_assign(&list)
                    } else {
                        consumer.assign(&list)
                    }
                })
        } else {
            self.own.release(&partitions);
            self.saw(ClientEvent::Revoked(partitions));
            if incremental {
                consumer.incremental_unassign(list)
            } else {
                consumer.unassign()
            }
        };
        if let Err(error) = done {
            let reason = format!("partitions cannot be taken or given up: {error}");
            self.saw(ClientEvent::Error(error, reason));
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        self.served.store(true, Ordering::Relaxed);
        if let Err(error) = result {
            // Only lag tools read these offsets, and the next checkpoint commits newer ones.
            tracing::debug!(%error, "offsets are not committed");
        }
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.served.store(true, Ordering::Relaxed);
        log_to_tracing(level, facility, message);
    }

    fn stats_raw(&self, json: &[u8]) {
        match serde_json::from_slice(json) {
            Ok(statistics) => self.saw(ClientEvent::Statistics(statistics)),
            Err(error) => tracing::warn!(%error, "librdkafka's statistics cannot be read"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.saw(ClientEvent::Error(error, reason.to_owned()));
    }
}

//! What librdkafka calls back while a member polls: rebalances, statistics, errors.
//!
//! A partition that is assigned is read from its checkpoint, and its records come in the member's queue.
//! Callbacks run on the polling thread, inside `poll`, where the worker cannot be reached; what they saw is
//! left here for the member to pick up before it looks at the next record.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kafka_access::kafka::log_to_tracing;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset as KafkaOffset, TopicPartitionList};

use super::inlet::Inlet;
use super::statistics::Statistics;
use super::topics::Extent;
use crate::checkpoint::{Checkpoints, Epoch, TakenOver};
use crate::position::{Offset, TopicPartition};

/// What a callback saw.
#[derive(Debug)]
pub enum Seen {
    /// These partitions are read from now on.
    Assigned(Vec<TakenOver>),
    /// These are not.
    Revoked(Vec<TopicPartition>),
    /// librdkafka's numbers, a few times a second.
    Statistics(Statistics),
    /// Something is wrong with the connection.
    Error(KafkaError, String),
}

/// The context of one member.
pub struct GroupContext {
    checkpoints: Checkpoints,
    extents: Arc<BTreeMap<TopicPartition, Extent>>,
    /// The partitions that the member has, and since when.
    owned: Mutex<BTreeMap<TopicPartition, Epoch>>,
    seen: Mutex<Vec<Seen>>,
    served: AtomicBool,
    inlet: Inlet,
}

impl GroupContext {
    /// A context whose partitions are read on where `checkpoints` end.
    pub fn new(checkpoints: Checkpoints, extents: Arc<BTreeMap<TopicPartition, Extent>>) -> Self {
        Self {
            checkpoints,
            extents,
            owned: Mutex::default(),
            seen: Mutex::default(),
            served: AtomicBool::new(false),
            inlet: Inlet::default(),
        }
    }

    /// What has been seen since the last time, in order.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *lock(&self.seen))
    }

    /// Whether something was served since the last time that leaves nothing to be seen.
    pub fn take_served(&self) -> bool {
        self.served.swap(false, Ordering::Relaxed)
    }

    /// Where the records of this client go.
    pub(super) fn inlet(&self) -> &Inlet {
        &self.inlet
    }

    /// Where `partition` ended when the query was started; one that was added later had no end yet.
    pub fn end(&self, partition: &TopicPartition) -> Offset {
        self.extents
            .get(partition)
            .map_or(Offset(0), |extent| extent.end)
    }

    /// Takes `partitions` over at their checkpoints; the list is the same for librdkafka, which must assign no
    /// others. Ends with the first of which it is not known where to go on.
    pub fn take_over(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &[TopicPartition],
    ) -> Result<(Vec<TakenOver>, TopicPartitionList), KafkaError> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        let mut all = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let start = self
                .extents
                .get(partition)
                .map_or(Offset(0), |extent| extent.start);
            let taken_over = self.checkpoints.take_over(partition.clone(), start);
            let is_unknown = taken_over.unknown.is_some();
            list.add_partition_offset(
                &partition.topic,
                partition.partition,
                KafkaOffset::Offset(taken_over.from.next.0),
            )?;
            self.inlet.lead(consumer, partition);
            lock(&self.owned).insert(partition.clone(), taken_over.epoch);
            all.push(taken_over);
            if is_unknown {
                // A store that does not answer would be waited for once more for each of the others.
                break;
            }
        }
        Ok((all, list))
    }

    /// Others may have these now.
    fn release(&self, partitions: &[TopicPartition]) {
        for partition in partitions {
            if let Some(epoch) = lock(&self.owned).remove(partition) {
                self.checkpoints.release(partition, epoch);
            }
        }
    }

    fn saw(&self, seen: Seen) {
        lock(&self.seen).push(seen);
    }
}

impl Drop for GroupContext {
    fn drop(&mut self) {
        for (partition, epoch) in lock(&self.owned).iter() {
            self.checkpoints.release(partition, *epoch);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
                    self.saw(Seen::Assigned(taken));
                    if incremental {
                        consumer.incremental_assign(&list)
                    } else {
                        consumer.assign(&list)
                    }
                })
        } else {
            self.release(&partitions);
            self.saw(Seen::Revoked(partitions));
            if incremental {
                consumer.incremental_unassign(list)
            } else {
                consumer.unassign()
            }
        };
        if let Err(error) = done {
            let reason = format!("partitions cannot be taken or given up: {error}");
            self.saw(Seen::Error(error, reason));
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        self.served.store(true, Ordering::Relaxed);
        if let Err(error) = result {
            // For lag tools alone; the next checkpoint's are newer.
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
            Ok(statistics) => self.saw(Seen::Statistics(statistics)),
            Err(error) => tracing::warn!(%error, "librdkafka's statistics cannot be read"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.saw(Seen::Error(error, reason.to_owned()));
    }
}

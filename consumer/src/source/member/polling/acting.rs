//! What a member does with a record, and what it does for its worker: it sends dead letters, holds records back, pauses
//! and resumes partitions, and hands batches over.

use std::mem;

use rdkafka::Timestamp;
use rdkafka::message::{Header as KafkaHeader, Headers, Message, OwnedHeaders, OwnedMessage};

use super::MemberLoop;
use crate::engine::worker::{Action, RawRecord, WorkerEvent};
use crate::format::metadata::{Header, RecordMeta};
use crate::position::TopicPartition;
use crate::source::client::MemberClient;
use crate::source::member::{MemberError, Report};

impl MemberLoop {
    /// Hands a record to the worker. Returns whether the worker is done with it; if not, the caller holds the record,
    /// and it comes again.
    #[inline]
    pub(super) fn record(
        &mut self,
        client: &impl MemberClient,
        message: &impl Message,
    ) -> Result<bool, MemberError> {
        let payload = message.payload();
        self.uncounted.read(payload);
        self.has_news = true;
        let mut headers = Vec::new();
        if self.reads_headers
            && let Some(all) = message.headers()
        {
            headers.extend(all.iter().map(|header| Header {
                key: header.key,
                value: header.value,
            }));
        }
        let meta = RecordMeta {
            topic: match &self.only_topic {
                Some(topic) => topic,
                None => message.topic(),
            },
            partition: message.partition(),
            offset: message.offset(),
            timestamp_ms: match self.reads_timestamps {
                true => message.timestamp().to_millis(),
                false => None,
            },
            key: message.key(),
            headers: &headers,
        };
        self.worker
            .step(WorkerEvent::Record { meta, payload }, &mut self.actions)?;
        if self.actions.is_empty() {
            return Ok(true);
        }
        let is_done = self.act_on_record(message);
        self.act(client)?;
        Ok(is_done)
    }

    /// Does the actions that concern the record itself. Returns `false` if the record is to be held.
    #[cold]
    fn act_on_record<M: Message>(&mut self, message: &M) -> bool {
        let mut is_done = true;
        let mut others = Vec::new();
        for action in mem::take(&mut self.actions) {
            match action {
                Action::DeadLetter { reason, epoch } => {
                    self.outbox.add(message, reason, epoch);
                }
                Action::Hold => {
                    // The record is counted when it comes again.
                    self.uncount(message);
                    is_done = false;
                }
                Action::Ignore => self.uncount(message),
                other => others.push(other),
            }
        }
        self.actions = others;
        is_done
    }

    fn uncount<M: Message>(&mut self, message: &M) {
        self.uncounted.put_back(message.payload());
    }

    pub(super) fn act_on(
        &mut self,
        client: &impl MemberClient,
        event: WorkerEvent<'_>,
    ) -> Result<(), MemberError> {
        self.worker.step(event, &mut self.actions)?;
        self.act(client)
    }

    fn act(&mut self, client: &impl MemberClient) -> Result<(), MemberError> {
        for action in mem::take(&mut self.actions) {
            match action {
                Action::Pause(partition) => self.fetching.pause(client, partition)?,
                Action::Resume(partition) => self.resume(client, &partition)?,
                Action::CaughtUp(partition) => {
                    self.count();
                    self.report(Report::CaughtUp(partition));
                }
                Action::BatchFull => {
                    self.count();
                    self.report(Report::BatchFull(self.batches));
                }
                Action::MemoryShort => {
                    self.count();
                    self.report(Report::MemoryShort);
                }
                Action::Compacted {
                    partition,
                    epoch,
                    checkpoint,
                } => {
                    let checkpoints = &self.settings.checkpoints;
                    checkpoints.compact(&partition, epoch, checkpoint);
                    self.has_more = true;
                }
                Action::HandOver {
                    batches,
                    is_deferred,
                } => {
                    self.has_news = false;
                    if is_deferred {
                        self.outbox.send();
                    }
                    self.report(Report::HandedOver {
                        batches,
                        is_deferred,
                    });
                }
                Action::RejectedLetter {
                    record,
                    reason,
                    epoch,
                } => self.outbox.add(&message_of(record), reason, epoch),
                Action::DeadLetter { .. } | Action::Hold | Action::Ignore => {}
            }
        }
        self.uncounted
            .count_paused(self.worker.paused(), &self.settings.counters);
        Ok(())
    }

    /// Hands the held records of the partition to the worker, before any others. Those that the worker does not take
    /// are held again.
    pub(super) fn resume(
        &mut self,
        client: &impl MemberClient,
        partition: &TopicPartition,
    ) -> Result<(), MemberError> {
        while let Some(message) = self.fetching.pop_held(partition) {
            if !self.record(client, &message)? {
                // The worker would not take the records behind this one either.
                self.fetching.put_back(partition, message);
                break;
            }
        }
        match self.worker.next(partition) {
            Some(next) => self.fetching.resume(client, partition, next),
            None => Ok(()),
        }
    }
}

/// Makes of a record the message that librdkafka would give.
fn message_of(record: RawRecord) -> OwnedMessage {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for (key, value) in &record.headers {
        let value = value.as_deref();
        headers = headers.insert(KafkaHeader { key, value });
    }
    OwnedMessage::new(
        Some(record.value),
        record.key,
        record.partition.topic.to_string(),
        record
            .timestamp_ms
            .map_or(Timestamp::NotAvailable, Timestamp::CreateTime),
        record.partition.partition,
        record.offset,
        (!record.headers.is_empty()).then_some(headers),
    )
}

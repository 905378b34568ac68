//! What librdkafka tells a member beside records: partitions that come and go, statistics, errors, ends of partitions.

use std::mem;
use std::slice;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{MemberLoop, SessionEnd};
use crate::checkpoint::TakenOver;
use crate::engine::worker::WorkerEvent;
use crate::event::Level;
use crate::position::{Offset, TopicPartition};
use crate::source::client::{ClientEvent, FetchError, MemberClient};
use crate::source::identity::STATIC_NAME;
use crate::source::member::{MemberError, Report, Subscription};
use crate::source::statistics::Statistics;

impl MemberLoop {
    pub(super) fn saw(
        &mut self,
        client: &impl MemberClient,
        event: ClientEvent,
    ) -> Result<(), MemberError> {
        match event {
            ClientEvent::Assigned(taken) => {
                self.assigned(client, taken)?;
                self.fetching.go_on(client, self.worker.positions())
            }
            ClientEvent::Revoked(partitions) => {
                for partition in &partitions {
                    self.act_on(client, WorkerEvent::Revoked(partition))?;
                    self.outbox.forget(partition);
                    self.fetching.drop_held(partition);
                }
                self.report(Report::Revoked(partitions));
                self.fetching.go_on(client, self.worker.positions())
            }
            ClientEvent::Statistics(statistics) => {
                self.saw_statistics(&statistics);
                Ok(())
            }
            ClientEvent::Error(error, reason) => {
                match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::InvalidSessionTimeout) => {
                        return Err(MemberError::session_timeout());
                    }
                    // Errors of fetching come from polling too. Brokers that come and go are reported one by one.
                    Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::Resolve) => {
                        kafka_access::kafka::error_to_tracing(&error, &reason);
                    }
                    // librdkafka repeats this while it lasts, and it does so for each worker.
                    Some(RDKafkaErrorCode::AllBrokersDown) => {
                        if self.settings.number == 0 && !mem::replace(&mut self.all_down, true) {
                            let text = "no broker answers; waiting for them".to_owned();
                            self.notice(Level::Warning, text);
                        }
                    }
                    _ => self.notice(Level::Warning, kafka_access::kafka::readable(&reason)),
                }
                Ok(())
            }
        }
    }

    fn saw_statistics(&mut self, statistics: &Statistics) {
        let brokers = statistics.brokers(&self.brokers);
        self.all_down &= brokers.iter().all(|broker| !broker.up);
        if brokers != self.brokers {
            self.brokers.clone_from(&brokers);
            self.report(Report::Brokers(brokers));
        }
        self.report(Report::Ends(statistics.ends().collect()));
    }

    /// Notes that all records before `end` have come. It ignores an end that lies before the partition's end at the
    /// query's start: after a leader was lost, a log may end earlier for a while.
    pub(super) fn reached_end(
        &mut self,
        client: &impl MemberClient,
        partition: &TopicPartition,
        end: Offset,
    ) -> Result<(), MemberError> {
        if end < self.end(partition) {
            return Ok(());
        }
        self.told.retain(|(_, of)| of.as_ref() != Some(partition));
        // The worker may answer with dead letters.
        self.act_on(client, WorkerEvent::ReachedEnd(partition, end))?;
        self.outbox.send();
        Ok(())
    }

    pub(super) fn assigned(
        &mut self,
        client: &impl MemberClient,
        taken: Vec<TakenOver>,
    ) -> Result<(), MemberError> {
        if let Some(unknown) = taken.iter().find_map(|taken| taken.unknown.as_ref()) {
            self.broken = Some(unknown.clone());
            return Ok(());
        }
        let partitions = taken.iter().map(|taken| taken.partition.clone());
        self.report(Report::Assigned(partitions.collect()));
        for taken_over in taken {
            for problem in &taken_over.problems {
                let text = format!("a checkpoint cannot be used: {problem}");
                self.notice(Level::Warning, text);
            }
            let next = taken_over.from.next;
            self.fetching.resume(client, &taken_over.partition, next)?;
            let until = self.end(&taken_over.partition);
            self.act_on(client, WorkerEvent::Assigned { taken_over, until })?;
        }
        Ok(())
    }

    pub(super) fn error(
        &mut self,
        client: &impl MemberClient,
        error: KafkaError,
    ) -> Result<Option<SessionEnd>, MemberError> {
        match error {
            KafkaError::MessageConsumptionFatal(code) => {
                if code == RDKafkaErrorCode::FencedInstanceId {
                    // Two members with the same name would throw each other out for ever.
                    self.settings.client.remove(STATIC_NAME);
                }
                Ok(Some(SessionEnd::Anew(code.to_string())))
            }
            KafkaError::MessageConsumption(code) if MemberError::is_loss(code) => {
                // The error names no partition.
                let all: Vec<_> = self
                    .worker
                    .positions()
                    .map(|(own, _)| own.clone())
                    .collect();
                self.lost(client, &all, code.to_string())
            }
            KafkaError::MessageConsumption(code) => match MemberError::refused(code) {
                Some(refused) => Err(refused),
                None => {
                    // The context has reported the error already.
                    tracing::debug!(%code, "while polling");
                    Ok(None)
                }
            },
            other => {
                tracing::debug!(error = %other, "while polling");
                Ok(None)
            }
        }
    }

    /// Handles an error of fetching. Such errors come with the records, and nothing else reports them.
    #[cold]
    pub(super) fn cannot_fetch(
        &mut self,
        client: &impl MemberClient,
        error: FetchError,
    ) -> Result<Option<SessionEnd>, MemberError> {
        let code = error.code;
        if let Some(truncated) = MemberError::truncated(&error) {
            return Err(self.truncated(client, truncated));
        }
        if let Some(partition) = error
            .partition
            .as_ref()
            .filter(|_| MemberError::is_loss(code))
        {
            return self.lost(client, slice::from_ref(partition), code.to_string());
        }
        if MemberError::is_loss(code) || MemberError::refused(code).is_some() {
            return self.error(client, KafkaError::MessageConsumption(code));
        }
        if let Some(unreadable) = MemberError::unreadable(&error) {
            if self.is_wanted(&error) {
                return Err(unreadable);
            }
            return Ok(None);
        }
        let is_group = matches!(self.settings.subscription, Subscription::Group(_));
        let is_quiet = MemberError::passes(code) || is_group && MemberError::is_absence(code);
        let problem = (code, error.partition.clone());
        if is_quiet || self.told.contains(&problem) {
            tracing::debug!(?error, "while fetching");
            return Ok(None);
        }
        self.told.push(problem);
        let reason = kafka_access::kafka::readable(&error.reason);
        let text = match error.partition {
            Some(partition) => format!("{partition} cannot be read for now: {reason}"),
            None => format!("records cannot be read for now: {reason}"),
        };
        self.notice(Level::Warning, text);
        Ok(None)
    }

    /// Returns whether this member still has to read the records that the error is about.
    fn is_wanted(&self, error: &FetchError) -> bool {
        let Some(partition) = &error.partition else {
            return false;
        };
        let is_behind = error.offset >= self.end(partition);
        let is_own = self.worker.next(partition).is_some();
        is_own && !(self.settings.plan.stop_at_end && is_behind)
    }
}

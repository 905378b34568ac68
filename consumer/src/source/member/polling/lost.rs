//! A partition whose next record is gone: retention has deleted it, or the topic was deleted and made anew.

use super::{MemberLoop, SessionEnd};
use crate::engine::worker::WorkerEvent;
use crate::event::Level;
use crate::number::counted;
use crate::position::{Offset, TopicPartition};
use crate::source::client::MemberClient;
use crate::source::member::MemberError;
use crate::source::topic_ids::made_anew;

impl MemberLoop {
    /// Handles partitions at which librdkafka has stopped, for this `reason`. If their records are gone and the
    /// settings allow it, the member goes on where their logs begin. Otherwise the session ends, or the query.
    #[cold]
    pub(super) fn lost(
        &mut self,
        client: &impl MemberClient,
        partitions: &[TopicPartition],
        reason: String,
    ) -> Result<Option<SessionEnd>, MemberError> {
        self.check_topics(client)?;
        let (mut is_explained, mut is_unknown) = (false, false);
        for partition in partitions {
            let Some(next) = self.worker.next(partition) else {
                is_explained = true;
                continue;
            };
            let end = self.end(partition);
            if self.settings.plan.stop_at_end && next >= end {
                is_explained = true;
                continue;
            }
            let ends = client.bounds(partition);
            let first = match ends {
                Ok((first, _)) if next < first => first,
                Ok((_, end)) if end < next => {
                    let shorter = format!("{partition} ends at {end}, before {next}");
                    return Err(MemberError::Shorter(shorter));
                }
                // The next offset is in the log. librdkafka could not confirm it, for instance while leaders change.
                Ok(_) => continue,
                Err(error) => {
                    tracing::debug!(%error, %partition, "where it begins");
                    is_unknown = true;
                    continue;
                }
            };
            if !self.settings.goes_on_without_lost {
                let lost = self.what_is_lost(client);
                return Err(lost.unwrap_or_else(|| gone(partition, next, first)));
            }
            is_explained = true;
            if self.fetching.stopped(partition) {
                // Records that were fetched before are still held. The partition goes on behind them, and then comes
                // here again.
                continue;
            }
            self.pass_over(client, partition, next, first)?;
        }
        Ok((is_unknown || !is_explained).then_some(SessionEnd::Anew(reason)))
    }

    /// Goes on at `first`, the first offset that is left in the log.
    fn pass_over(
        &mut self,
        client: &impl MemberClient,
        partition: &TopicPartition,
        next: Offset,
        first: Offset,
    ) -> Result<(), MemberError> {
        self.act_on(client, WorkerEvent::Gone(partition, first))?;
        // With available-now nothing that came after the start is read, so none of it is counted as lost.
        let on = self.worker.next(partition).unwrap_or(first);
        let text = format!(
            "{} gone of {partition} from offset {next} on, and not in the result: retention has deleted what was still to \
             be read",
            counted(on.since(next), "record")
        );
        self.notice(Level::Warning, text);
        self.fetching.restart(client, partition, first)
    }

    /// Returns the error for a log that librdkafka says another one has replaced. It names what the brokers know, if
    /// they know more.
    pub(super) fn truncated(
        &self,
        client: &impl MemberClient,
        truncated: MemberError,
    ) -> MemberError {
        if let Err(made_anew) = self.check_topics(client) {
            return made_anew;
        }
        match self.what_is_lost(client) {
            Some(shorter @ MemberError::Shorter(_)) => shorter,
            _ => truncated,
        }
    }

    /// Checks that the topics have the ids that they had at the start.
    fn check_topics(&self, client: &impl MemberClient) -> Result<(), MemberError> {
        let known = &self.settings.topic_ids;
        if known.is_empty() {
            return Ok(());
        }
        let topics: Vec<_> = known.keys().cloned().collect();
        let told = client.topic_ids(&topics);
        match made_anew(known, &told.ids) {
            Some(made_anew) => Err(MemberError::MadeAnew(made_anew)),
            None => Ok(()),
        }
    }

    /// Returns the error that names all partitions that begin later, or end earlier, than where reading goes on; `None`
    /// if the brokers know of none.
    fn what_is_lost(&self, client: &impl MemberClient) -> Option<MemberError> {
        let (mut begin_later, mut end_earlier) = (Vec::new(), Vec::new());
        for (partition, next) in self.worker.positions() {
            let ends = client.bounds(partition);
            match ends {
                Ok((first, _)) if next < first => {
                    begin_later.push(gone_words(partition, next, first));
                }
                Ok((_, end)) if end < next => {
                    end_earlier.push(format!("{partition} ends at {end}, before {next}"));
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, %partition, "where it begins"),
            }
        }
        MemberError::lost(begin_later, end_earlier)
    }
}

fn gone(partition: &TopicPartition, next: Offset, first: Offset) -> MemberError {
    MemberError::RecordsLost(gone_words(partition, next, first))
}

fn gone_words(partition: &TopicPartition, next: Offset, first: Offset) -> String {
    let count = first.since(next);
    format!("{partition} begins at {first}, not at {next}: {count} records")
}

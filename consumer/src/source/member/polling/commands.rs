//! What a member does with a command.

use super::{MemberLoop, SessionEnd};
use crate::engine::worker::WorkerEvent;
use crate::position::{Offset, TopicPartition};
use crate::source::client::MemberClient;
use crate::source::member::{MemberCommand, MemberError, Report};

impl MemberLoop {
    /// Obeys a command while there is no client. Returns `true` if the member is to stop.
    pub fn obey_without_client(&mut self, command: MemberCommand) -> bool {
        match command {
            MemberCommand::Stop => return true,
            MemberCommand::Trigger => self.report(Report::HandedOver {
                batches: Vec::new(),
                is_deferred: false,
            }),
            MemberCommand::Proceed(batches) => self.batches = batches,
            _ => {}
        }
        false
    }

    /// Obeys a command. Returns why the session ends, if it does.
    pub(super) fn obey(
        &mut self,
        client: &impl MemberClient,
        command: MemberCommand,
    ) -> Result<Option<SessionEnd>, MemberError> {
        match &command {
            MemberCommand::Stop => return Ok(Some(SessionEnd::Stopped)),
            // librdkafka may report assignments in another order than the group made them. Then another worker may have
            // taken over last a partition that the group has since given to this one.
            MemberCommand::Refused(partition, epoch) if self.worker.has(partition, *epoch) => {
                let reason = format!("another worker has taken {partition} over");
                return Ok(Some(SessionEnd::Anew(reason)));
            }
            _ => {}
        }
        (self.turn.is_busy, self.turn.is_drained) = (true, false);
        self.command(client, command)?;
        Ok(None)
    }

    fn command(
        &mut self,
        client: &impl MemberClient,
        command: MemberCommand,
    ) -> Result<(), MemberError> {
        match command {
            MemberCommand::Trigger => self.act_on(client, WorkerEvent::Trigger),
            MemberCommand::Proceed(batches) => {
                self.batches = batches;
                self.act_on(client, WorkerEvent::Proceed)
            }
            MemberCommand::LettersSettled(partition, epoch, count) => self.act_on(
                client,
                WorkerEvent::LettersSettled(&partition, epoch, count),
            ),
            MemberCommand::LetterRefused(partition, epoch, refusal)
                if self.settings.plan.stop_at_end && self.worker.has(&partition, epoch) =>
            {
                // The query must read everything that is there, and this record can never be taken.
                Err(MemberError::refused_letter(partition, &refusal))
            }
            MemberCommand::LettersStuck(partition, epoch)
            | MemberCommand::LetterRefused(partition, epoch, _) => {
                self.act_on(client, WorkerEvent::LettersStuck(&partition, epoch))
            }
            MemberCommand::Commit(partition, next) => {
                self.commit(client, &partition, next);
                Ok(())
            }
            MemberCommand::Stop | MemberCommand::Refused(..) => Ok(()),
        }
    }

    /// Tells the group the durable offset for those who watch its lag. No part of this program reads it.
    fn commit(&self, client: &impl MemberClient, partition: &TopicPartition, next: Offset) {
        if self.worker.next(partition).is_none() {
            return;
        }
        if let Err(error) = client.commit(partition, next) {
            // This fails while the group moves partitions, for instance. The next checkpoint brings the next commit.
            tracing::debug!(%error, %partition, "offset not committed");
        }
    }
}

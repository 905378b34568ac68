//! Which checkpoints are handed to the writer, and when.

use std::mem;

use crossbeam_channel::{Receiver, never, select};

use super::Driver;
use crate::checkpoint::writer::NewState;
use crate::command::QueryCommand;
use crate::event::{Delivery, Level};
use crate::runtime::StreamingError;

impl Driver {
    /// Has a checkpoint made durable, if any is kept.
    pub(super) fn keep(&self, state: NewState) -> Result<(), StreamingError> {
        match &self.writer {
            Some(writer) if !writer.keep(state) => Err(StreamingError::Panicked),
            _ => Ok(()),
        }
    }

    /// Has those made durable whose rows are written by now.
    pub(super) fn keep_written(&mut self) -> Result<(), StreamingError> {
        let Some(deliveries) = &mut self.deliveries else {
            return Ok(());
        };
        let written = deliveries.take_written();
        if deliveries.is_lost() && !self.told_of_dropped {
            self.told_of_dropped = true;
            let text = "rows were dropped that nobody has acknowledged: checkpoints stay before them, and a restart \
                        reads on from there";
            self.tell.notice(Level::Warning, text.to_owned());
        }
        written.into_iter().try_for_each(|state| self.keep(state))
    }

    pub(super) fn settle(&mut self, delivery: Option<Delivery>) {
        if let (Some(deliveries), Some(delivery)) = (&mut self.deliveries, delivery) {
            deliveries.settle(delivery);
        }
    }

    /// Waits until all rows that were given out are written, or dropped, or the query is to end at once. Partitions
    /// stay with this process: whoever had them would read these rows again.
    pub(super) fn await_written(
        &mut self,
        inbox: &Receiver<QueryCommand>,
    ) -> Result<(), StreamingError> {
        // What members tell counts no longer.
        let mut reports = self.workers.reports.clone();
        loop {
            self.keep_written()?;
            if !self.deliveries.as_ref().is_some_and(|all| all.is_waiting()) {
                return Ok(());
            }
            select! {
                recv(self.delivered) -> delivery => self.settle(delivery.ok()),
                recv(reports) -> report => if report.is_err() {
                    reports = never();
                },
                recv(inbox) -> command => match command {
                    Ok(QueryCommand::SetInterval(_)) => {}
                    Ok(QueryCommand::Stop) if !mem::replace(&mut self.is_stopping, true) => {}
                    Ok(QueryCommand::Stop) | Err(_) => return Ok(()),
                },
            }
        }
    }
}

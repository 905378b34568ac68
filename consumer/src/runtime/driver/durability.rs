//! What makes a query's checkpoints durable, and when: at once, or when the rows before them are written.

use std::io;
use std::mem;

use crossbeam_channel::{Receiver, never, select};

use crate::checkpoint::writer::{NewState, WriterEvent, WriterThread};
use crate::command::QueryCommand;
use crate::event::{Delivery, Level, Receipt};
use crate::runtime::StreamingError;
use crate::runtime::delivery::Deliveries;
use crate::runtime::event_sender::EventSender;
use crate::runtime::startup::restore::StoredAt;
use crate::source::member::Report;

/// The thread that writes checkpoints, and the checkpoints that wait for their rows.
pub(super) struct Durability {
    /// `None` without a location: then no checkpoint becomes durable.
    writer: Option<WriterThread>,
    /// Checkpoints that wait for their rows, if the query has no aggregate. A query with an aggregate makes its rows
    /// again from its state.
    deliveries: Option<Deliveries>,
    /// Reports what becomes of those rows.
    delivered: Receiver<Delivery>,
    /// Whether a notice has said that rows were dropped.
    told_of_dropped: bool,
}

impl Durability {
    /// Starts the writer of a query, which `appends` rows or has an aggregate; `tell` gets what becomes of checkpoints.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub(super) fn start(
        stored: Option<StoredAt>,
        appends: bool,
        tell: impl Fn(WriterEvent) + Send + 'static,
    ) -> io::Result<Self> {
        let writer = match stored {
            Some(at) => Some(WriterThread::start(at.repository, tell)?),
            None => None,
        };
        let deliveries = (writer.is_some() && appends).then(Deliveries::default);
        let delivered = deliveries.as_ref();
        let delivered = delivered.map_or_else(never, |all| all.told().clone());
        Ok(Self {
            writer,
            deliveries,
            delivered,
            told_of_dropped: false,
        })
    }

    /// Whether checkpoints become durable at all.
    pub(super) fn has_store(&self) -> bool {
        self.writer.is_some()
    }

    /// Reports what becomes of rows. Every report that is taken from here must be given to `settle`.
    pub(super) fn delivered(&self) -> &Receiver<Delivery> {
        &self.delivered
    }

    /// Takes the report of what became of a batch's rows.
    pub(super) fn settle(&mut self, delivery: Option<Delivery>) {
        if let (Some(deliveries), Some(delivery)) = (&mut self.deliveries, delivery) {
            deliveries.settle(delivery);
        }
    }

    /// Whether as many batches wait to be written as may.
    pub(super) fn is_full(&self) -> bool {
        self.deliveries.as_ref().is_some_and(Deliveries::is_full)
    }

    /// Has a batch's checkpoint made durable, or adds it to those that are `held` until the batch's rows are written.
    ///
    /// # Errors
    /// If the writer has broken down.
    pub(super) fn add(
        &self,
        state: NewState,
        held: &mut Vec<NewState>,
    ) -> Result<(), StreamingError> {
        match &self.deliveries {
            Some(_) => {
                held.push(state);
                Ok(())
            }
            None => self.write(state),
        }
    }

    /// Holds the checkpoints behind a batch's rows until the receipt, which goes with the batch, is acknowledged.
    pub(super) fn hold(&mut self, held: Vec<NewState>) -> Receipt {
        match &mut self.deliveries {
            Some(deliveries) => deliveries.hold(held),
            None => Receipt::default(),
        }
    }

    /// Holds checkpoints that pass over no rows, for which only the batches before are waited for.
    pub(super) fn pass(&mut self, held: Vec<NewState>) {
        if let Some(deliveries) = &mut self.deliveries {
            deliveries.pass(held);
        }
    }

    /// Has those checkpoints made durable whose rows are written by now.
    pub(super) fn write_delivered(&mut self, tell: &EventSender) -> Result<(), StreamingError> {
        let Some(deliveries) = &mut self.deliveries else {
            return Ok(());
        };
        let written = deliveries.take_written();
        if deliveries.is_lost() && !mem::replace(&mut self.told_of_dropped, true) {
            let text = "rows were dropped that nobody has acknowledged: checkpoints stay before them, and a restart \
                        reads on from there";
            tell.notice(Level::Warning, text.to_owned());
        }
        written.into_iter().try_for_each(|state| self.write(state))
    }

    /// Waits until all rows that were given out are written, or dropped, or the query is to end at once: at a stop, if
    /// it `is_stopping` already. Members, whose `reports` count no longer, still have their partitions: whoever had
    /// them would read these rows again.
    pub(super) fn await_delivered(
        &mut self,
        mut is_stopping: bool,
        inbox: &Receiver<QueryCommand>,
        mut reports: Receiver<(usize, Report)>,
        tell: &EventSender,
    ) -> Result<(), StreamingError> {
        loop {
            self.write_delivered(tell)?;
            if !self.deliveries.as_ref().is_some_and(Deliveries::is_waiting) {
                return Ok(());
            }
            select! {
                recv(self.delivered) -> delivery => self.settle(delivery.ok()),
                recv(reports) -> report => if report.is_err() {
                    reports = never();
                },
                recv(inbox) -> command => match command {
                    Ok(QueryCommand::SetInterval(_)) => {}
                    Ok(QueryCommand::Stop) if !mem::replace(&mut is_stopping, true) => {}
                    Ok(QueryCommand::Stop) | Err(_) => return Ok(()),
                },
            }
        }
    }

    /// Waits until all checkpoints that the writer has are durable, or cannot be for too long.
    pub(super) fn finish(self, tell: &EventSender) -> Result<(), StreamingError> {
        match self.writer.map_or(Ok(true), WriterThread::finish) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let text = "the last checkpoints could not be written in time; what they would have \
                            is read again after a restart";
                tell.notice(Level::Warning, text.to_owned());
                Ok(())
            }
            Err(_panic) => Err(StreamingError::Panicked),
        }
    }

    /// Has a checkpoint made durable, if there is a store.
    fn write(&self, state: NewState) -> Result<(), StreamingError> {
        match &self.writer {
            Some(writer) if !writer.keep(state) => Err(StreamingError::Panicked),
            _ => Ok(()),
        }
    }
}

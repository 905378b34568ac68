//! The user interfaces, which show a query to people and programs: the dashboard in a terminal, tables and lines of
//! JSON.
//!
//! Each printed format is one [`Output`], which gets the query's events in order. An output writes only to what it is
//! given, and never decides what is computed. The reader at the other end may leave at any time (`| head`): the output
//! then returns [`OutputError::Closed`], which is an end and not a failure.

use std::io;

use arrow::error::ArrowError;
use thiserror::Error;

use crate::event::QueryEvent;

pub mod cell;
pub mod checkpoints;
mod grid;
mod instant;
pub mod json;
mod json_text;
pub mod json_value;
pub mod notes;
pub mod regular_file;
pub mod table;
pub mod terminal;

/// Takes a query's events and shows them in its own way.
pub trait Output {
    /// Shows `event`; when this returns, the event has been written out.
    fn event(&mut self, event: &QueryEvent) -> Result<(), OutputError>;
}

/// Shows `event` with `output`. Rows that a checkpoint waits for are acknowledged when they are written and `sync` has
/// returned.
///
/// # Errors
/// Fails if the event cannot be shown; then its rows are not acknowledged.
pub fn deliver(
    output: &mut impl Output,
    event: &QueryEvent,
    sync: impl FnOnce() -> io::Result<()>,
) -> Result<(), OutputError> {
    output.event(event)?;
    if let QueryEvent::Batch(batch) = event
        && batch.receipt.is_awaited()
    {
        sync()?;
        batch.acknowledge();
    }
    Ok(())
}

/// Why an output takes no more events.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The reader of the output is gone. The query may stop; nothing is wrong.
    #[error("the reader of the output has gone")]
    Closed,
    /// The output cannot be written.
    #[error("cannot write the result: {0}")]
    Write(io::Error),
    /// A value of the result cannot be shown.
    #[error("cannot print the result: {0}")]
    Value(#[from] ArrowError),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Write(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use crossbeam_channel::unbounded;

    use super::*;
    use crate::event::samples::{ClosedPipe, brands};
    use crate::event::{Batch, Delivery, Receipt};
    use crate::ui::json::Json;

    /// Returns what is reported of a batch that is written to `out`.
    fn told(out: impl Write, sync: impl FnOnce() -> io::Result<()>) -> Vec<Delivery> {
        let (tell, told) = unbounded();
        let batch = Batch {
            receipt: Receipt::new(7, tell),
            ..(*brands(0, &[("Visa", 1, 1)])).clone()
        };
        let event = QueryEvent::Batch(Arc::new(batch));
        let written = deliver(&mut Json::new(out, io::sink()), &event, sync);
        drop(event);
        let told: Vec<_> = told.iter().collect();
        assert_eq!(written.is_ok(), told == [Delivery::Written(7)]);
        told
    }

    #[test]
    fn rows_are_acknowledged_when_they_are_written_and_safe() {
        assert_eq!(told(Vec::new(), || Ok(())), [Delivery::Written(7)]);
        let full = || Err(io::ErrorKind::StorageFull.into());
        assert_eq!(told(Vec::new(), full), [Delivery::Dropped(7)]);
        let unreached = || panic!("there is nothing to be synced");
        assert_eq!(told(ClosedPipe, unreached), [Delivery::Dropped(7)]);
    }
}

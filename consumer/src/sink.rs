//! Where bad records go ([`dead_letters`]) and results that are printed: one [`Output`] a format, fed with the query's events in order.
//!
//! An output writes to whatever it is given, and to nothing else; it never decides what is computed. The
//! reader at the other end may leave at any time (`| head`): that is [`OutputError::Closed`], an end like
//! any other and not a failure.

use std::io;

use arrow::error::ArrowError;
use thiserror::Error;

use crate::event::Event;

pub mod cell;
pub mod checkpoints;
pub mod dead_letters;
mod grid;
pub mod json;
mod json_text;
pub mod json_value;
pub mod notes;
#[cfg(test)]
pub(crate) mod samples;
pub mod table;

/// Takes a query's events and shows them in its own way.
pub trait Output {
    /// Shows `event`, and has written it out when it returns.
    fn event(&mut self, event: &Event) -> Result<(), OutputError>;
}

/// Why an output takes no more events.
#[derive(Debug, Error)]
pub enum OutputError {
    /// Whoever read the output has gone. The query may stop; nothing is wrong.
    #[error("the reader of the output has gone")]
    Closed,
    /// It cannot be written.
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

//! How far a turn of a member's loop has come, and what is to be done after each step.

use std::time::{Duration, Instant};

/// Why a session with the brokers ended.
#[derive(Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The member was told to stop.
    Stopped,
    /// The client cannot go on, for this reason. A new one joins the group in its place.
    Anew(String),
}

/// What is to be done after a step of the loop.
#[derive(Debug, PartialEq, Eq)]
pub enum AfterStep {
    /// The next step, at once.
    Go,
    /// Nothing is there: the next step when the member is woken, or after so long.
    Sleep(Duration),
    /// No step with this client any more.
    Leave(SessionEnd),
}

/// The stages of a turn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// Records that are there go to the worker.
    Records,
    /// The client calls back: partitions are taken over and released.
    Poll,
    /// The worker hears what the client saw.
    Events,
    /// The worker hears that nothing is there, if that is so.
    Idle,
    /// Commands are obeyed, one a step.
    Commands,
    /// Letters that have waited for long go on their way.
    Letters,
    /// The turn is over.
    Rest,
}

/// How far a turn has come.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) stage: Stage,
    /// When it began; `None` before its first step.
    pub(super) began: Option<Instant>,
    /// Whether nothing has been there so far.
    pub(super) is_drained: bool,
    /// Whether something has been done with records so far.
    pub(super) is_busy: bool,
}

impl Turn {
    /// One that begins.
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Records,
            began: None,
            is_drained: true,
            is_busy: false,
        }
    }
}

//! How far a turn of a member's loop has come, and what its caller does after each step.

use std::time::{Duration, Instant};

/// Why a session with the brokers ended.
#[derive(Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The member was told to stop.
    Stopped,
    /// The client cannot go on, for this reason. A new one joins the group in its place.
    Anew(String),
}

/// What the caller of the loop does after a step.
#[derive(Debug, PartialEq, Eq)]
pub enum AfterStep {
    /// Make the next step at once.
    Go,
    /// Nothing is there: make the next step when the member is woken, or after this time.
    Sleep(Duration),
    /// Make no more steps with this client.
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
    /// The worker hears that nothing is there, if the turn has found nothing.
    Idle,
    /// Commands are obeyed, one in each step.
    Commands,
    /// Letters that have waited for long are sent.
    Letters,
    /// The turn is over.
    Rest,
}

/// How far a turn has come.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) stage: Stage,
    /// When the turn began; `None` before its first step.
    pub(super) began: Option<Instant>,
    /// Whether the turn has found nothing so far.
    pub(super) is_drained: bool,
    /// Whether the turn has done something with records so far.
    pub(super) is_busy: bool,
}

impl Turn {
    /// Makes a turn that has not begun.
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Records,
            began: None,
            is_drained: true,
            is_busy: false,
        }
    }
}

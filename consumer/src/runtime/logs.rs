//! What is known of the logs beside their records: whether the topics are still those of the start, and what waits
//! behind open transactions.

mod monitor;
pub(super) mod open_transactions;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use crossbeam_channel::{Receiver, never};

use self::monitor::{LogLook, Monitor, MonitorSettings};
use self::open_transactions::OpenTransactions;
use super::assignment::Assignment;
use super::event_sender::EventSender;
use super::offsets::Offsets;
use super::startup::Startup;
use crate::config::Config;
use crate::position::TopicPartition;
use crate::source::member::MemberError;

/// What is known of the logs. In the demo nobody looks at them.
pub(super) struct Logs {
    monitor: Option<Monitor>,
    looks: Receiver<LogLook>,
    transactions: OpenTransactions,
}

impl Logs {
    /// Starts the thread that looks at the logs.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub(super) fn start(config: &Config, startup: &Startup) -> io::Result<Self> {
        let topics = config.topics.iter();
        let monitor = match config.demo.is_empty() {
            true => Some(Monitor::start(MonitorSettings {
                client: startup.membership.client.clone(),
                topics: topics.map(|topic| topic.as_str().into()).collect(),
                ids: startup.topic_ids.as_ref().clone(),
                repository: startup.stored.as_ref().map(|at| Arc::clone(&at.repository)),
            })?),
            false => None,
        };
        Ok(Self {
            looks: monitor
                .as_ref()
                .map_or_else(never, |monitor| monitor.looks.clone()),
            monitor,
            transactions: OpenTransactions::default(),
        })
    }

    /// Delivers what looks have found.
    pub(super) fn looks(&self) -> &Receiver<LogLook> {
        &self.looks
    }

    /// Asks for a look at the logs whose lag is known, if it is time for one.
    pub(super) fn ask(&mut self, offsets: &Offsets, assignment: &Assignment, now: Instant) {
        if let Some(monitor) = &mut self.monitor {
            monitor.ask(|| offsets.counted(assignment), now);
        }
    }

    /// Takes what a look has found at `now`, and says what a person would want to know of it.
    ///
    /// # Errors
    /// If a topic was made anew.
    pub(super) fn saw(
        &mut self,
        look: LogLook,
        assignment: &Assignment,
        now: DateTime<Utc>,
        tell: &EventSender,
    ) -> Result<(), MemberError> {
        if let Some(made_anew) = look.made_anew {
            return Err(MemberError::MadeAnew(made_anew));
        }
        if let Some(behind) = look.behind {
            let reads = |partition: &TopicPartition| assignment.reads(partition);
            for (level, text) in self.transactions.saw(behind, reads, now) {
                tell.notice(level, text);
            }
        }
        Ok(())
    }

    /// No look comes any more. The thread has logged the reason.
    pub(super) fn end(&mut self) {
        self.looks = never();
    }

    /// What waits behind open transactions.
    pub(super) fn transactions(&self) -> &OpenTransactions {
        &self.transactions
    }
}

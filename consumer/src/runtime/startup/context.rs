//! What every step of the startup works with.

use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::pending_commands::PendingCommands;
use crate::command::QueryCommand;
use crate::config::{Config, TriggerMode};
use crate::event::Level;
use crate::runtime::StreamingError;
use crate::runtime::kafka_client::{QuietContext, client, quiet_client};
use crate::source::closing::Closing;

/// The settings, a client that asks the brokers, the commands that come meanwhile, and where notices go.
pub(in crate::runtime) struct StartupContext<'a> {
    pub config: &'a Config,
    /// A client that asks and reads nothing for the result. It is closed when the startup is over.
    pub consumer: Closing<QuietContext>,
    pub pending: PendingCommands<'a>,
    /// Takes what a person would want to know.
    pub tell: &'a mut dyn FnMut(Level, String),
}

impl<'a> StartupContext<'a> {
    /// Makes the client.
    ///
    /// # Errors
    /// If librdkafka does not take the settings.
    pub(in crate::runtime) fn new(
        config: &'a Config,
        inbox: &'a Receiver<QueryCommand>,
        tell: &'a mut dyn FnMut(Level, String),
    ) -> Result<Self, StreamingError> {
        Ok(Self {
            config,
            consumer: quiet_client(&client(config))?,
            pending: PendingCommands::new(inbox),
            tell,
        })
    }

    /// Whether the query waits for what is not there yet. With available-now it does not.
    pub(in crate::runtime) fn waits(&self) -> bool {
        self.config.trigger != TriggerMode::AvailableNow
    }

    /// Whether the brokers are the demo's own, which live as long as this process.
    pub(in crate::runtime) fn is_demo(&self) -> bool {
        !self.config.demo.is_empty()
    }

    /// The names of the topics that are read.
    pub(in crate::runtime) fn topics(&self) -> Vec<Arc<str>> {
        let topics = self.config.topics.iter();
        topics.map(|topic| topic.as_str().into()).collect()
    }
}

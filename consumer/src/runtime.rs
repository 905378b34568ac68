//! A running query: start it, get each batch's result and progress, stop it.
//!
//! ```no_run
//! # fn config() -> consumer::config::Config { unimplemented!() }
//! use consumer::event::{NamedEvent, QueryEvent};
//!
//! let (sender, events) = crossbeam_channel::unbounded();
//! let query = consumer::runtime::start(config(), sender)?;
//! for NamedEvent { event, .. } in &events {
//!     match event {
//!         QueryEvent::Batch(batch) => {
//!             // … batch.rows, batch.progress …
//!             batch.acknowledge();
//!         }
//!         QueryEvent::Stopped => break,
//!         _ => {}
//!     }
//! }
//! query.join()?;
//! # Ok::<(), consumer::runtime::StreamingError>(())
//! ```

mod assignment;
mod backpressure;
mod changelog;
pub mod delivery;
mod driver;
mod event_sender;
mod group_guard;
mod kafka_client;
mod logs;
mod offsets;
mod peers;
mod report;
mod startup;
mod trigger;
mod worker_pool;

use std::io;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, unbounded};
use kafka_access::SettingsError;
use kafka_access::topic::TopicError;
use rdkafka::error::KafkaError;
use thiserror::Error;

use crate::command::QueryCommand;
use crate::config::Config;
use crate::event::{NamedEvent, QueryEvent};
use crate::number;
use crate::schema::infer::InferError;
use crate::source::member::MemberError;
use crate::source::topics::TopicsError;

use self::event_sender::EventSender;

pub use self::startup::restore::RestoreError;

/// Why a query cannot start, or has ended.
#[derive(Debug, Error)]
pub enum StreamingError {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// No broker answers.
    #[error(transparent)]
    Unreachable(#[from] TopicError),
    /// The topics cannot be read.
    #[error(transparent)]
    Topics(#[from] TopicsError),
    /// The Kafka client cannot be made.
    #[error("the Kafka client cannot be started: {0}")]
    Client(#[from] KafkaError),
    /// The group is another program's, or another query's.
    #[error(
        "GROUP_ID={group}: {client_id} at {host} reads in this group and shares no checkpoints with this \
         process, so neither would have the whole result; give both the same CHECKPOINT_LOCATION, \
         or this one another GROUP_ID"
    )]
    ForeignMember {
        /// The name of the group.
        group: String,
        /// The member's `client.id`.
        client_id: String,
        /// The host that it runs on.
        host: String,
    },
    /// --reset would forget what is in use.
    #[error(
        "--reset would forget what another process goes on with: {host} reads in GROUP_ID={group}; stop it \
         first"
    )]
    InUse {
        /// The name of the group.
        group: String,
        /// The host that the process runs on.
        host: String,
    },
    /// The brokers do not tell whether --reset would forget what is in use.
    #[error(
        "--reset would forget what another process may go on with: brokers do not tell who reads in \
         GROUP_ID={group} ({reason}); start again when all of them answer"
    )]
    UnknownGroup {
        /// The name of the group.
        group: String,
        /// The reason, in librdkafka's words.
        reason: String,
    },
    /// The query cannot go on from its checkpoints.
    #[error(transparent)]
    Resume(#[from] RestoreError),
    /// The query does not fit the schema that is stored with the checkpoints.
    #[error("{0}; SCHEMA is as it is kept with the checkpoints: set it, or --reset infers it anew")]
    KeptSchema(Box<StreamingError>),
    /// The first records tell no schema.
    #[error(transparent)]
    NoSchema(#[from] InferError),
    /// A worker has failed.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// The result cannot be computed.
    #[error("the query's result cannot be computed: {0}")]
    Result(String),
    /// The query's state takes more memory than it may.
    #[error(
        "MEMORY_LIMIT ({}) does not hold this query: its groups are {}, counted in each partition, and take \
         {}, and merging them and computing the result takes more than the rest; set a larger MEMORY_LIMIT, \
         or group by what has fewer values{}",
        number::bytes(*.limit),
        number::count(*.groups),
        number::bytes(*.bytes),
        if *.is_kept { "; its checkpoints are good, and with a larger limit it goes on from them" } else { "" }
    )]
    StateTooLarge {
        /// The number of groups in the state; a group of two partitions is counted twice.
        groups: u64,
        /// The bytes that they take.
        bytes: u64,
        /// The bytes that the query may hold in all.
        limit: u64,
        /// Whether there are checkpoints.
        is_kept: bool,
    },
    /// The rows of one batch of a query without an aggregate take more memory than it may.
    #[error(
        "MEMORY_LIMIT ({}) does not hold the rows of one batch; set a larger MEMORY_LIMIT, or have fewer \
         partitions read at a time",
        number::bytes(*.limit)
    )]
    RowsTooLarge {
        /// The bytes that the query may hold in all.
        limit: u64,
    },
    /// The operating system gives no thread.
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] io::Error),
    /// The query's thread has panicked, which is a bug.
    #[error("the query's thread broke down")]
    Panicked,
}

impl StreamingError {
    /// Whether the user wrote something wrong, as opposed to something having failed. That is so, too,
    /// when librdkafka takes properties one by one but not together, or does not find the files that
    /// they name.
    pub fn is_wrong_usage(&self) -> bool {
        match self {
            Self::Settings(_)
            | Self::ForeignMember { .. }
            | Self::InUse { .. }
            | Self::Unreachable(TopicError::Client(_))
            | Self::Client(KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_)) => true,
            Self::KeptSchema(error) => error.is_wrong_usage(),
            Self::Resume(error) => error.is_wrong_usage(),
            _ => false,
        }
    }
}

/// A query that has been started. It stops when this, and with it the way to command it, is dropped.
pub struct StreamingQuery {
    commands: Sender<QueryCommand>,
    thread: JoinHandle<Result<(), StreamingError>>,
}

impl StreamingQuery {
    /// Takes commands to the query.
    pub fn commands(&self) -> &Sender<QueryCommand> {
        &self.commands
    }

    /// Waits for the query's end.
    ///
    /// # Errors
    /// If the query has failed: the reason.
    pub fn join(self) -> Result<(), StreamingError> {
        self.thread.join().unwrap_or(Err(StreamingError::Panicked))
    }
}

/// Starts a query; what happens to it, from [`QueryEvent::Started`] to [`QueryEvent::Stopped`], goes to `events` under
/// its name, so that several queries may share a channel. The query, if its schema is given, and whether
/// brokers answer are checked before this returns.
///
/// # Errors
/// If the query cannot be started. What fails later ends the query, and [`StreamingQuery::join`] returns it.
pub fn start(config: Config, events: Sender<NamedEvent>) -> Result<StreamingQuery, StreamingError> {
    startup::plan::check(&config)?;
    let (commands, inbox) = unbounded();
    startup::reach(&config)?;
    let thread = thread::Builder::new()
        .name("query".to_owned())
        .spawn(move || {
            let query = config.group_id.as_str().into();
            let tell = TellStopped(EventSender::new(query, events));
            driver::run(&config, tell.0.clone(), &inbox)
        })?;
    Ok(StreamingQuery { commands, thread })
}

/// Tells that the query has ended, whatever ends it.
struct TellStopped(EventSender);

impl Drop for TellStopped {
    fn drop(&mut self) {
        self.0.event(QueryEvent::Stopped);
    }
}

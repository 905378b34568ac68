//! Why a member cannot go on.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use thiserror::Error;

use crate::engine::worker::WorkerError;

/// Why a member, and with it the query, stops.
#[derive(Debug, Error)]
pub enum MemberError {
    /// The query fails.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The client refuses something.
    #[error("{doing} failed: {reason}")]
    Client {
        /// What it was asked to do.
        doing: &'static str,
        /// librdkafka's word for what is wrong.
        reason: String,
    },
    /// The brokers refuse.
    #[error("the brokers refuse {what}: {reason}; {mend}")]
    Refused {
        /// What they were asked for.
        what: &'static str,
        /// Kafka's word for it.
        reason: String,
        /// What to do.
        mend: &'static str,
    },
    /// Records that were to be read are gone.
    #[error(
        "records that were still to be read are gone from the topic ({0}): retention has deleted them, \
         or the topic was made anew; start again to read what is there, with CHECKPOINT_LOCATION by \
         ON_DATA_LOSS=continue or --reset"
    )]
    RecordsLost(String),
    /// A panic, which is a bug.
    #[error("the worker's thread broke down")]
    Panicked,
}

impl MemberError {
    /// What is made of librdkafka's error about `doing`.
    pub(crate) fn client(doing: &'static str) -> impl FnOnce(KafkaError) -> Self {
        move |error| Self::Client {
            doing,
            reason: error.to_string(),
        }
    }

    /// What brokers will go on refusing; `None` of errors that pass.
    pub(crate) fn refused(code: RDKafkaErrorCode) -> Option<Self> {
        let (what, mend) = match code {
            RDKafkaErrorCode::TopicAuthorizationFailed => (
                "this user the topic",
                "let them allow READ and DESCRIBE, or name another user with -X",
            ),
            RDKafkaErrorCode::GroupAuthorizationFailed => (
                "this user the consumer group",
                "let them allow READ of the group, or name another with GROUP_ID",
            ),
            RDKafkaErrorCode::SaslAuthenticationFailed => (
                "the user or the password",
                "correct sasl.username and sasl.password in -X or KAFKA_PROPERTIES",
            ),
            RDKafkaErrorCode::InvalidGroupId => {
                ("the consumer group's name", "name another with GROUP_ID")
            }
            _ => return None,
        };
        Some(Self::Refused {
            what,
            reason: code.to_string(),
            mend,
        })
    }

    /// librdkafka goes on asking; the brokers go on refusing.
    pub(crate) fn session_timeout() -> Self {
        Self::Refused {
            what: "session.timeout.ms",
            reason: RDKafkaErrorCode::InvalidSessionTimeout.to_string(),
            mend: "correct it in -X or KAFKA_PROPERTIES; brokers allow 6000 to 1800000 unless set \
                   otherwise",
        }
    }

    /// Whether an error of fetching says that the next offset is not there.
    pub(crate) fn is_loss(code: RDKafkaErrorCode) -> bool {
        matches!(
            code,
            RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange
        )
    }
}

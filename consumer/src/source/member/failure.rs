//! The errors that end a member.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use thiserror::Error;

use crate::engine::worker::WorkerError;
use crate::number;
use crate::position::{Offset, TopicPartition};
use crate::sink::dead_letters::Refusal;
use crate::source::client::FetchError;
use crate::source::topic_ids::MadeAnew;

/// librdkafka's text for `RD_KAFKA_RESP_ERR__LOG_TRUNCATION`. The error's code names only what librdkafka would do
/// next, which is to reset.
const TRUNCATED: &str = "Partition log truncation detected";

/// The error that stops a member, and the query with it.
#[derive(Debug, Error)]
pub enum MemberError {
    /// The query failed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The client refused a call.
    #[error("{doing} failed: {reason}")]
    Client {
        /// What the client was asked to do.
        doing: &'static str,
        /// librdkafka's reason.
        reason: String,
    },
    /// The brokers refused a request.
    #[error("the brokers refuse {what}: {reason}; {mend}")]
    Refused {
        /// What the brokers were asked for.
        what: &'static str,
        /// Kafka's reason.
        reason: String,
        /// What the user can do.
        mend: &'static str,
    },
    /// Records that were still to be read are gone: the logs begin behind them.
    #[error(
        "records that were still to be read are gone from the topic ({0}): retention has deleted them; \
         ON_DATA_LOSS=continue goes on without them, --reset begins anew"
    )]
    RecordsLost(String),
    /// Records that were read are gone: the logs end before them.
    #[error(
        "records that were read are gone from the topic ({0}): it was made anew, or its brokers have lost \
         them; start again to read what is there, with CHECKPOINT_LOCATION by --reset"
    )]
    Shorter(String),
    /// The topic was deleted, and another one of the same name was made.
    #[error(
        "the topic {0}: it was made anew while it was read; start again to read what is there, with \
         CHECKPOINT_LOCATION by --reset"
    )]
    MadeAnew(MadeAnew),
    /// Records are in the log and cannot be read. Reading on behind them would give a result without them.
    #[error("{partition} cannot be read from offset {offset} on: {what} ({reason}); {mend}")]
    Unreadable {
        /// The partition.
        partition: TopicPartition,
        /// The offset of the first of these records.
        offset: Offset,
        /// What is wrong with the records.
        what: &'static str,
        /// librdkafka's reason.
        reason: String,
        /// What the user can do.
        mend: &'static str,
    },
    /// A bad record can never be written to the dead-letter topic as things stand.
    #[error(
        "{partition} cannot be read to its end: the bad record at offset {offset} ({}) cannot be written to the \
         dead-letter topic {topic} ({reason}); {mend}, name another topic with DEAD_LETTER_TOPIC, or go on without \
         such records by ON_DEAD_LETTER_FAILURE=drop",
        number::bytes(*.bytes)
    )]
    DeadLetter {
        /// The partition.
        partition: TopicPartition,
        /// The record's offset.
        offset: Offset,
        /// The bytes of the record's key and value.
        bytes: u64,
        /// The dead-letter topic.
        topic: String,
        /// Kafka's reason.
        reason: String,
        /// What the user can do.
        mend: &'static str,
    },
    /// The member's thread panicked, which is a bug.
    #[error("the worker's thread broke down")]
    Panicked,
}

impl MemberError {
    /// Returns a function that turns librdkafka's error about `doing` into a member's error.
    pub(crate) fn client(doing: &'static str) -> impl FnOnce(KafkaError) -> Self {
        move |error| Self::Client {
            doing,
            reason: error.to_string(),
        }
    }

    /// Returns the error for a refusal that brokers will repeat, and `None` for errors that pass.
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

    /// Returns the error for a dead letter that brokers will always refuse.
    pub(crate) fn refused_letter(partition: TopicPartition, refusal: &Refusal) -> Self {
        Self::DeadLetter {
            partition,
            offset: refusal.offset,
            bytes: refusal.bytes as u64,
            topic: refusal.topic.clone(),
            reason: refusal.obstacle.reason.clone(),
            mend: refusal.obstacle.mend.unwrap_or("let the brokers take it"),
        }
    }

    /// Returns the error for logs that begin later, or end earlier, than where reading goes on; each log is described
    /// in words. Returns `None` if there is none. If there are both kinds, the error is the one for logs that end
    /// earlier: what mends it mends the other too.
    pub(crate) fn lost(begin_later: Vec<String>, end_earlier: Vec<String>) -> Option<Self> {
        let is_shorter = !end_earlier.is_empty();
        let all = [end_earlier, begin_later].concat().join(", ");
        match (is_shorter, all.is_empty()) {
            (_, true) => None,
            (true, _) => Some(Self::Shorter(all)),
            (false, _) => Some(Self::RecordsLost(all)),
        }
    }

    /// Returns the error for a log that another one has replaced, and `None` for other errors. The new log may be
    /// longer than the old one by now: librdkafka notices the change by the epochs of the leaders.
    pub(crate) fn truncated(error: &FetchError) -> Option<Self> {
        let is_truncated = Self::is_loss(error.code) && error.reason.contains(TRUNCATED);
        let partition = error.partition.as_ref().filter(|_| is_truncated)?;
        // The text behind this says what librdkafka would do with other settings.
        let reason = error.reason.split(". Reset").next().unwrap_or_default();
        Some(Self::Shorter(format!("{partition}: {reason}")))
    }

    /// Returns the error for records that no fetch brings, and `None` for other errors.
    pub(crate) fn unreadable(error: &FetchError) -> Option<Self> {
        let (what, mend) = why_unreadable(error.code)?;
        Some(Self::Unreadable {
            partition: error.partition.clone()?,
            offset: error.offset,
            what,
            reason: error.reason.clone(),
            mend,
        })
    }

    /// Returns the error for records that no fetch brings when it is unknown which records they are; `doing` says what
    /// needs them.
    pub(crate) fn unreadable_while(doing: &'static str, code: RDKafkaErrorCode) -> Option<Self> {
        let (what, mend) = why_unreadable(code)?;
        let reason = format!("{what} ({code}); {mend}");
        Some(Self::Client { doing, reason })
    }

    /// Returns whether an error of fetching passes by itself. The loss of a broker has its own notice.
    pub(crate) fn passes(code: RDKafkaErrorCode) -> bool {
        matches!(
            code,
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::BrokerDestroy
                | RDKafkaErrorCode::DestroyBroker
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::TimedOutQueue
                | RDKafkaErrorCode::WaitingForCoordinator
                | RDKafkaErrorCode::WaitCache
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::BrokerNotAvailable
                | RDKafkaErrorCode::ReplicaNotAvailable
                | RDKafkaErrorCode::NetworkException
                | RDKafkaErrorCode::FetchSessionIdNotFound
                | RDKafkaErrorCode::InvalidFetchSessionEpoch
                | RDKafkaErrorCode::FencedLeaderEpoch
                | RDKafkaErrorCode::UnknownLeaderEpoch
                | RDKafkaErrorCode::OffsetNotAvailable
                | RDKafkaErrorCode::UnknownTopicId
        )
    }

    /// Returns whether an error of fetching says that its partition does not exist. The group's coordinator gets the
    /// same answer, and so do the group's members.
    pub(crate) fn is_absence(code: RDKafkaErrorCode) -> bool {
        matches!(
            code,
            RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopicOrPartition
        )
    }

    /// Returns the error for a session timeout that the brokers refuse: librdkafka would ask again and again, in vain.
    pub(crate) fn session_timeout() -> Self {
        Self::Refused {
            what: "session.timeout.ms",
            reason: RDKafkaErrorCode::InvalidSessionTimeout.to_string(),
            mend: "correct it in -X or KAFKA_PROPERTIES; brokers allow 6000 to 1800000 unless set \
                   otherwise",
        }
    }

    /// Returns whether an error of fetching says that the next offset is not in the log.
    pub(crate) fn is_loss(code: RDKafkaErrorCode) -> bool {
        matches!(
            code,
            RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange
        )
    }
}

/// Returns what is wrong with records that no fetch brings, and what the user can do; `None` for other errors.
/// librdkafka skips records with a wrong checksum or an unknown format, and fetches the other ones again without end.
fn why_unreadable(code: RDKafkaErrorCode) -> Option<(&'static str, &'static str)> {
    const DAMAGED: &str = "let a replica lead whose log is whole, or go on without them: \
                           kafka-delete-records.sh deletes up to behind them, and \
                           ON_DATA_LOSS=continue goes on there";
    Some(match code {
        RDKafkaErrorCode::BadMessage => {
            ("records there do not have their checksum or form", DAMAGED)
        }
        RDKafkaErrorCode::BadCompression => ("records there cannot be decompressed", DAMAGED),
        RDKafkaErrorCode::NotImplemented => (
            "records there have a format or compression that librdkafka does not know",
            "have them written with gzip, snappy, lz4, zstd or none",
        ),
        RDKafkaErrorCode::MessageSizeTooLarge => (
            "a record there is larger than what may be fetched at once",
            "set a larger receive.message.max.bytes in -X or KAFKA_PROPERTIES",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: RDKafkaErrorCode) -> FetchError {
        FetchError {
            code,
            partition: Some(TopicPartition::new("t", 3)),
            offset: Offset(77),
            reason: "failed CRC32C check".to_owned(),
        }
    }

    #[test]
    fn what_cannot_be_read_names_its_place_and_what_to_do() {
        for (code, mend) in [
            (RDKafkaErrorCode::BadMessage, "kafka-delete-records"),
            (RDKafkaErrorCode::BadCompression, "kafka-delete-records"),
            (RDKafkaErrorCode::NotImplemented, "zstd"),
            (
                RDKafkaErrorCode::MessageSizeTooLarge,
                "receive.message.max.bytes",
            ),
        ] {
            assert!(!MemberError::passes(code));
            let text = MemberError::unreadable(&error(code)).unwrap().to_string();
            for word in ["t-3", "offset 77", "failed CRC32C check", mend] {
                assert!(text.contains(word), "{text}");
            }
            assert!(!text.contains('\n') && !text.contains("  "), "{text}");
        }
    }

    #[test]
    fn a_log_that_has_become_shorter_is_not_gone_on_with() {
        let later = || vec!["t-0 begins at 9, not at 5".to_owned()];
        let earlier = || vec!["t-1 ends at 3, before 5".to_owned()];
        assert!(MemberError::lost(Vec::new(), Vec::new()).is_none());
        let text = |lost: Option<MemberError>| lost.unwrap().to_string();
        let deleted = text(MemberError::lost(later(), Vec::new()));
        assert!(deleted.contains("(t-0 begins at 9, not at 5)"), "{deleted}");
        assert!(deleted.contains("ON_DATA_LOSS=continue"), "{deleted}");
        // A start with ON_DATA_LOSS=continue would refuse such a log.
        let shorter = text(MemberError::lost(Vec::new(), earlier()));
        assert!(shorter.contains("(t-1 ends at 3, before 5)"), "{shorter}");
        let both = text(MemberError::lost(later(), earlier()));
        assert!(both.contains("t-0") && both.contains("t-1"), "{both}");
        for text in [shorter, both] {
            assert!(!text.contains("ON_DATA_LOSS"), "{text}");
            assert!(text.contains("--reset"), "{text}");
        }
    }

    #[test]
    fn a_log_that_another_has_replaced_is_not_gone_on_with() {
        assert!(
            RDKafkaErrorCode::LogTruncation
                .to_string()
                .contains(TRUNCATED)
        );
        // librdkafka 2.12.1 gave this text with real brokers.
        let reason = "Partition log truncation detected at offset 600 (leader epoch 0): broker end offset is 100 (offset \
                      leader epoch 0). Reset to INVALID.: Local: Partition log truncation detected (broker 2)";
        let truncated = FetchError {
            reason: reason.to_owned(),
            ..error(RDKafkaErrorCode::AutoOffsetReset)
        };
        let text = MemberError::truncated(&truncated).unwrap().to_string();
        assert!(
            text.contains(
                "(t-3: Partition log truncation detected at offset 600 (leader epoch 0): broker end offset is 100 \
                 (offset leader epoch 0)): it was made anew"
            ),
            "{text}"
        );
        assert!(MemberError::truncated(&error(RDKafkaErrorCode::AutoOffsetReset)).is_none());
        assert!(MemberError::truncated(&error(RDKafkaErrorCode::BadMessage)).is_none());
    }

    #[test]
    fn what_passes_ends_nothing() {
        for code in [
            RDKafkaErrorCode::BrokerTransportFailure,
            RDKafkaErrorCode::AllBrokersDown,
            RDKafkaErrorCode::NotLeaderForPartition,
        ] {
            assert!(MemberError::passes(code));
            assert!(MemberError::unreadable(&error(code)).is_none());
        }
        for code in [
            RDKafkaErrorCode::InvalidMessage,
            RDKafkaErrorCode::KafkaStorageError,
            RDKafkaErrorCode::Unknown,
        ] {
            assert!(!MemberError::passes(code));
        }
    }
}

//! The reasons why a letter cannot be written. Some pass by themselves; others are refusals that brokers will repeat.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Why a letter has not been written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Kafka's code, if there is one.
    pub code: Option<RDKafkaErrorCode>,
    /// The reason in the words of Kafka or librdkafka.
    pub reason: String,
    /// What the user can do about it; `None` if it passes by itself.
    pub mend: Option<&'static str>,
}

impl Obstacle {
    /// Makes an obstacle of the error with which brokers or librdkafka refuse a letter.
    pub(super) fn of(error: &KafkaError) -> Self {
        let code = error.rdkafka_error_code();
        let mend = match (code, error) {
            (Some(code), _) => mend(code),
            (None, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_)) => {
                Some("correct -X or KAFKA_PROPERTIES")
            }
            (None, _) => None,
        };
        Self {
            code,
            reason: code.map_or_else(|| error.to_string(), |code| code.to_string()),
            mend,
        }
    }

    /// Makes an obstacle of the error with which brokers refuse to create the topic.
    pub(super) fn not_created(code: RDKafkaErrorCode) -> Self {
        Self {
            code: Some(code),
            reason: format!("it is not there, and is not created: {code}"),
            mend: why_not_created(code),
        }
    }

    /// Returns whether the error is about one of several letters that were sent together, without saying which.
    pub(super) fn is_of_some(&self) -> bool {
        matches!(
            self.code,
            Some(
                RDKafkaErrorCode::MessageSizeTooLarge
                    | RDKafkaErrorCode::InvalidRecord
                    | RDKafkaErrorCode::InvalidTimestamp
                    | RDKafkaErrorCode::PolicyViolation
            )
        )
    }

    /// Returns whether the fault lies with another letter that was sent in the same request.
    pub(super) fn is_of_another(&self) -> bool {
        self.code == Some(RDKafkaErrorCode::InvalidDifferentRecord)
    }

    /// Returns whether the topic does not exist.
    pub(super) fn is_absence(&self) -> bool {
        matches!(
            self.code,
            Some(
                RDKafkaErrorCode::UnknownTopic
                    | RDKafkaErrorCode::UnknownPartition
                    | RDKafkaErrorCode::UnknownTopicOrPartition
            )
        )
    }
}

/// Returns what the user can do about a refusal that brokers will repeat, and `None` for errors that may pass: brokers
/// that are away or slow, leaders that move, replicas that lag behind, full disks, and every error that is unknown
/// here.
fn mend(code: RDKafkaErrorCode) -> Option<&'static str> {
    Some(match code {
        RDKafkaErrorCode::MessageSizeTooLarge => "set a larger max.message.bytes for it",
        RDKafkaErrorCode::InvalidRecord => {
            "let its cleanup.policy be delete: a compacted topic takes no record without a key"
        }
        RDKafkaErrorCode::InvalidTimestamp => {
            "set message.timestamp.type=LogAppendTime for it, or the clock of this machine"
        }
        RDKafkaErrorCode::TopicAuthorizationFailed
        | RDKafkaErrorCode::ClusterAuthorizationFailed => {
            "let the brokers allow this user WRITE and DESCRIBE of it, and CREATE where it is not there yet"
        }
        RDKafkaErrorCode::InvalidTopic => "it is not for records of yours",
        RDKafkaErrorCode::PolicyViolation => "let the brokers' policy allow it",
        RDKafkaErrorCode::UnsupportedForMessageFormat => {
            "set a message.format.version of 0.11.0 or later for it, which has headers"
        }
        RDKafkaErrorCode::UnsupportedCompressionType => {
            "set another compression.type in -X or KAFKA_PROPERTIES"
        }
        _ => return None,
    })
}

/// Returns what the user can do if brokers do not create the topic, and `None` for errors that may pass.
fn why_not_created(code: RDKafkaErrorCode) -> Option<&'static str> {
    match code {
        RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::InvalidReplicationFactor
        | RDKafkaErrorCode::InvalidPartitions
        | RDKafkaErrorCode::InvalidConfig
        | RDKafkaErrorCode::InvalidRequest
        | RDKafkaErrorCode::UnsupportedVersion => Some("create it"),
        RDKafkaErrorCode::PolicyViolation => Some("create it as the brokers' policy wants it"),
        other => mend(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: RDKafkaErrorCode) -> Obstacle {
        Obstacle::of(&KafkaError::MessageProduction(code))
    }

    #[test]
    fn what_brokers_go_on_refusing_is_told_from_what_passes() {
        for code in [
            RDKafkaErrorCode::MessageSizeTooLarge,
            RDKafkaErrorCode::InvalidRecord,
            RDKafkaErrorCode::TopicAuthorizationFailed,
            RDKafkaErrorCode::ClusterAuthorizationFailed,
            RDKafkaErrorCode::InvalidTopic,
        ] {
            assert!(of(code).mend.is_some(), "{code}");
            assert!(Obstacle::not_created(code).mend.is_some(), "{code}");
        }
        for code in [
            RDKafkaErrorCode::MessageTimedOut,
            RDKafkaErrorCode::BrokerTransportFailure,
            RDKafkaErrorCode::AllBrokersDown,
            RDKafkaErrorCode::RequestTimedOut,
            RDKafkaErrorCode::NotEnoughReplicas,
            RDKafkaErrorCode::NotEnoughReplicasAfterAppend,
            RDKafkaErrorCode::NotLeaderForPartition,
            RDKafkaErrorCode::LeaderNotAvailable,
            RDKafkaErrorCode::KafkaStorageError,
            RDKafkaErrorCode::Unknown,
        ] {
            assert_eq!(of(code).mend, None, "{code}");
            assert_eq!(Obstacle::not_created(code).mend, None, "{code}");
        }
        // It may just have been created; that creation is refused is told there.
        let unknown = RDKafkaErrorCode::UnknownTopicOrPartition;
        assert_eq!(of(unknown).mend, None);
        assert!(Obstacle::not_created(unknown).mend.is_some());
    }
}

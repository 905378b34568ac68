//! A record as it came from Kafka.

use crate::position::TopicPartition;

/// An owned copy of a record as it came from Kafka, made because the client's own copy is gone by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord {
    /// The record's partition.
    pub partition: TopicPartition,
    /// The record's offset in its partition.
    pub offset: i64,
    /// The record's timestamp in milliseconds since 1970 in UTC, if it has one.
    pub timestamp_ms: Option<i64>,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value.
    pub value: Vec<u8>,
    /// The record's headers, in their order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

//! A bad record that is to be written to the dead-letter topic, and the member that hears what becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::message::{Header, Headers, Message, OwnedHeaders};

use super::obstacle::Obstacle;
use crate::checkpoint::Epoch;
use crate::position::{Offset, TopicPartition};

/// What has become of letters of one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// This many letters are written or given up.
    Settled(u64),
    /// Some letters cannot be written for now.
    Stuck,
    /// A letter can never be written as things stand.
    Refused(Refusal),
}

/// A letter that the brokers will always refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The offset of its record.
    pub offset: Offset,
    /// The topic to which it was to be written.
    pub topic: String,
    /// The bytes of its record, without headers.
    pub bytes: usize,
    /// Why it is refused, and what to do.
    pub obstacle: Obstacle,
}

/// A partition that a member has taken over, and from which letters come.
pub struct Origin {
    partition: TopicPartition,
    epoch: Epoch,
    is_over: AtomicBool,
    tell: Box<dyn Fn(Fate) + Send + Sync>,
}

impl Origin {
    /// Makes an origin for `partition`, taken over under `epoch`. `tell` hears what becomes of its letters.
    pub fn new(
        partition: TopicPartition,
        epoch: Epoch,
        tell: impl Fn(Fate) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            partition,
            epoch,
            is_over: AtomicBool::new(false),
            tell: Box::new(tell),
        })
    }

    /// Returns the partition.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// Returns the epoch under which the partition was taken over.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Marks that the member has lost the partition. Its letters need not be written any more: their records are in no
    /// checkpoint, so the partition's next owner reads them again.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Returns whether the member has lost the partition.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Tells the member what has become of letters of this origin.
    pub fn tell(&self, fate: Fate) {
        (self.tell)(fate);
    }
}

/// A bad record that is to be written: a copy of the record that librdkafka has fetched.
pub struct Letter {
    origin: Arc<Origin>,
    offset: Offset,
    timestamp_ms: Option<i64>,
    key: Option<Box<[u8]>>,
    value: Option<Box<[u8]>>,
    headers: Vec<(String, Option<Box<[u8]>>)>,
    reason: String,
}

impl Letter {
    /// Makes a letter of `record`, which comes from `origin`, with the `reason` why it is bad.
    pub fn new<M: Message>(origin: &Arc<Origin>, record: &M, reason: String) -> Self {
        let headers = record.headers().map_or_else(Vec::new, |headers| {
            let copy = headers
                .iter()
                .map(|header| (header.key.to_owned(), header.value.map(Box::from)));
            copy.collect()
        });
        Self {
            origin: Arc::clone(origin),
            offset: Offset(record.offset()),
            timestamp_ms: record.timestamp().to_millis(),
            key: record.key().map(Box::from),
            value: record.payload().map(Box::from),
            headers,
            reason,
        }
    }

    /// Returns the bytes of the key and the value.
    pub fn bytes(&self) -> usize {
        let len = |bytes: &Option<Box<[u8]>>| bytes.as_ref().map_or(0, |bytes| bytes.len());
        len(&self.key) + len(&self.value)
    }

    /// Returns the origin from which the record comes.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Returns the record's offset in its partition.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    pub(super) fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// Returns the record's value.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// Returns the record's own headers, and behind them those that tell where it stood and what is wrong with it.
    pub(super) fn headers(&self) -> OwnedHeaders {
        let Origin { partition, .. } = &*self.origin;
        let mut headers = OwnedHeaders::new_with_capacity(self.headers.len() + 5);
        for (key, value) in &self.headers {
            headers = headers.insert(Header {
                key,
                value: value.as_deref(),
            });
        }
        let partition_number = partition.partition.to_string();
        let offset = self.offset.0.to_string();
        let timestamp = self.timestamp_ms.map(|at| at.to_string());
        for (key, value) in [
            ("cardstream.topic", Some(&*partition.topic)),
            ("cardstream.partition", Some(partition_number.as_str())),
            ("cardstream.offset", Some(offset.as_str())),
            ("cardstream.timestamp", timestamp.as_deref()),
            ("cardstream.reason", Some(self.reason.as_str())),
        ] {
            headers = headers.insert(Header { key, value });
        }
        headers
    }
}

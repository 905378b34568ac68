//! A bad record that is to be written to the dead-letter topic, and who hears what becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::message::{Header, Headers, Message, OwnedHeaders};

use super::obstacle::Obstacle;
use crate::checkpoint::Epoch;
use crate::position::{Offset, TopicPartition};

/// What becomes of letters of one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// So many are written, or given up.
    Settled(u64),
    /// Some cannot be written for now.
    Stuck,
    /// One can never be written as things stand.
    Refused(Refusal),
}

/// A letter that the brokers will go on refusing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where its record stands.
    pub offset: Offset,
    /// Where it was to be written.
    pub topic: String,
    /// Bytes of its record, headers not counted.
    pub bytes: usize,
    /// Why, and what to do.
    pub obstacle: Obstacle,
}

/// A partition in the hands of a member, whose letters those are that name it.
pub struct Origin {
    partition: TopicPartition,
    epoch: Epoch,
    is_over: AtomicBool,
    tell: Box<dyn Fn(Fate) + Send + Sync>,
}

impl Origin {
    /// `partition`, as it was taken over; `tell` hears what becomes of its letters.
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

    /// Which partition.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// When it was taken over.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The member has lost the partition. Letters that are still to be written need not be: their records
    /// are in no checkpoint, so whoever has the partition next reads them again.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether the member has lost the partition.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Tells the member what has become of letters of this origin.
    pub fn tell(&self, fate: Fate) {
        (self.tell)(fate);
    }
}

/// A bad record on its way, a copy of what librdkafka has fetched.
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
    /// A letter with `record`, which is one of `origin`, and what is wrong with it.
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

    /// Bytes of its key and value.
    pub fn bytes(&self) -> usize {
        let len = |bytes: &Option<Box<[u8]>>| bytes.as_ref().map_or(0, |bytes| bytes.len());
        len(&self.key) + len(&self.value)
    }

    /// The partition that its record is from.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Where its record stands there.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    pub(super) fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// The value of its record.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// The record's own headers, and behind them those that tell where it stood and what is wrong with it.
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

//! A member's dead letters, gathered for a while: to send many at once costs brokers little more than to send one.
//!
//! The letters are sent at the end of a log, when a trigger waits for them, when there are many, and when the first one
//! has waited for long. They are not sent whenever there is nothing to read: if the brokers are slower than this
//! program, that is the case all the time.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::message::Message;

use super::{MemberCommand, MemberRemote};
use crate::checkpoint::Epoch;
use crate::position::TopicPartition;
use crate::sink::dead_letters::{DeadLetters, Fate, Letter, Origin};

/// The number of letters at which they are sent at once.
const MANY: usize = 2_000;
/// The bytes of keys and values at which the letters are sent at once.
const MANY_BYTES: usize = 1 << 20;
/// How long the first letter waits for others.
const LONG: Duration = Duration::from_millis(100);

pub(super) struct Outbox {
    letters: DeadLetters,
    remote: MemberRemote,
    gathered: Vec<Letter>,
    bytes: usize,
    /// When the first gathered letter was first seen to wait.
    since: Option<Instant>,
    /// One origin for each partition that has had a letter.
    origins: Vec<Arc<Origin>>,
}

impl Outbox {
    /// Makes an outbox that sends to `letters`. The dead-letter office tells `remote` what becomes of each letter.
    pub(super) fn new(letters: DeadLetters, remote: MemberRemote) -> Self {
        Self {
            letters,
            remote,
            gathered: Vec::new(),
            bytes: 0,
            since: None,
            origins: Vec::new(),
        }
    }

    /// Adds a bad record of a partition that was taken over under `epoch`.
    pub(super) fn add<M: Message>(&mut self, record: &M, reason: String, epoch: Epoch) {
        let letter = Letter::new(self.origin(record, epoch), record, reason);
        self.bytes += letter.bytes();
        self.gathered.push(letter);
        if self.gathered.len() >= MANY || self.bytes >= MANY_BYTES {
            self.send();
        }
    }

    fn origin<M: Message>(&mut self, record: &M, epoch: Epoch) -> &Arc<Origin> {
        let (topic, number) = (record.topic(), record.partition());
        let is_it = |origin: &Arc<Origin>| {
            let own = origin.partition();
            own.partition == number && origin.epoch() == epoch && *own.topic == *topic
        };
        let index = self.origins.iter().position(is_it);
        let index = index.unwrap_or_else(|| {
            let partition = TopicPartition::new(topic, number);
            self.forget(&partition);
            let (remote, of) = (self.remote.clone(), partition.clone());
            let tell = move |fate| {
                let of = of.clone();
                remote.send(match fate {
                    Fate::Settled(count) => MemberCommand::LettersSettled(of, epoch, count),
                    Fate::Stuck => MemberCommand::LettersStuck(of, epoch),
                    Fate::Refused(refusal) => MemberCommand::LetterRefused(of, epoch, refusal),
                });
            };
            self.origins.push(Origin::new(partition, epoch, tell));
            self.origins.len() - 1
        });
        &self.origins[index]
    }

    /// Sends all gathered letters.
    pub(super) fn send(&mut self) {
        if !self.gathered.is_empty() {
            self.letters.send(mem::take(&mut self.gathered));
            self.bytes = 0;
        }
        self.since = None;
    }

    /// Sends the gathered letters if the first one has waited for long by `now`.
    pub(super) fn send_in_time(&mut self, now: Instant) {
        if self.gathered.is_empty() {
            self.since = None;
            return;
        }
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= LONG {
            self.send();
        }
    }

    /// Returns how long a member that has nothing else to do may sleep, at most `longest`.
    pub(super) fn wait(&self, longest: Duration) -> Duration {
        match self.gathered.is_empty() {
            true => longest,
            false => LONG.min(longest),
        }
    }

    /// Forgets a partition that the member no longer has. The member that has it next reads the records again.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        let gone = self
            .origins
            .extract_if(.., |origin| origin.partition() == partition);
        for origin in gone {
            origin.end();
        }
    }

    /// Forgets all partitions, and drops all gathered letters.
    pub(super) fn clear(&mut self) {
        for origin in self.origins.drain(..) {
            origin.end();
        }
        self.gathered.clear();
        self.bytes = 0;
    }
}

//! A member's dead letters, gathered for a while: brokers take many at once for little more than one.
//!
//! They go on their way at the end of a log, when a trigger waits for them, when they are many, and when the first has
//! waited for long. Not whenever there is nothing to read: that is so all the time where brokers are slower than this.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::message::Message;

use super::{MemberCommand, MemberRemote};
use crate::checkpoint::Epoch;
use crate::position::TopicPartition;
use crate::sink::dead_letters::{DeadLetters, Fate, Letter, Origin};

/// So many are not gathered, but sent.
const MANY: usize = 2_000;
/// So many bytes of keys and values are not gathered, but sent.
const MANY_BYTES: usize = 1 << 20;
/// How long the first waits for others.
const LONG: Duration = Duration::from_millis(100);

pub(super) struct Outbox {
    letters: DeadLetters,
    remote: MemberRemote,
    gathered: Vec<Letter>,
    bytes: usize,
    /// When the first of those gathered was first seen to wait.
    since: Option<Instant>,
    /// Each partition that has had a letter.
    origins: Vec<Arc<Origin>>,
}

impl Outbox {
    /// Sends to `letters`; what becomes of them is told to `remote`.
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

    /// Adds a bad record of a partition that was taken over as `epoch`.
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

    /// Sends all that are gathered on their way.
    pub(super) fn send(&mut self) {
        if !self.gathered.is_empty() {
            self.letters.send(mem::take(&mut self.gathered));
            self.bytes = 0;
        }
        self.since = None;
    }

    /// Sends them if the first has waited for long by `now`.
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

    /// How long the member may sleep that has nothing else to do, at most `longest`.
    pub(super) fn wait(&self, longest: Duration) -> Duration {
        match self.gathered.is_empty() {
            true => longest,
            false => LONG.min(longest),
        }
    }

    /// The partition is no longer the member's: whoever has it next reads the records again.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        let gone = self
            .origins
            .extract_if(.., |origin| origin.partition() == partition);
        for origin in gone {
            origin.end();
        }
    }

    /// None of the partitions is the member's any more.
    pub(super) fn clear(&mut self) {
        for origin in self.origins.drain(..) {
            origin.end();
        }
        self.gathered.clear();
        self.bytes = 0;
    }
}

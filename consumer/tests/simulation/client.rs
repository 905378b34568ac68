//! The client of one member: what librdkafka does between the brokers and the production loop.
//!
//! It does whatever librdkafka may do; if librdkafka does one of several things, chance decides.
//!
//! - What has been fetched waits in a queue, and goes to the loop in the order of each partition.
//! - A few records of a paused or revoked partition may still come, and the others are dropped. After that the client
//!   goes on anywhere between the last record that was taken and the last that was fetched, unless it is told where.
//! - Whenever the group moves partitions, the client does the same to all others that it has.
//! - A lost connection makes records come again.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;

use consumer::checkpoint::TakenOver;
use consumer::position::{Offset, TopicPartition};
use consumer::source::client::{ClientEvent, FetchError, Fetched, MemberClient, Polled};
use consumer::source::own_partitions::OwnPartitions;
use consumer::source::topic_ids::Told;
use rdkafka::Timestamp;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::OwnedMessage;

use super::dice::Dice;
use super::settings::Sabotage;
use super::topic::Topic;

/// What the group tells a client.
#[derive(Clone, Debug)]
pub enum Rebalance {
    Assign(Vec<TopicPartition>),
    Revoke(Vec<TopicPartition>),
    /// The client has not been in the group for a while.
    Lost,
}

/// What the loop has done with the client, so that the world can check it.
#[derive(Debug, Default)]
pub struct Done {
    /// The group's messages that were served.
    pub rebalances: Vec<Rebalance>,
    pub taken_over: Vec<TakenOver>,
    pub committed: Vec<(TopicPartition, Offset)>,
}

/// How far a partition is fetched.
#[derive(Clone, Copy, Debug)]
struct Fetch {
    /// The offset behind the last record that the loop has taken.
    taken: i64,
    /// The next offset that is fetched.
    next: i64,
    /// The last end that was reported since the client was told where to go on.
    told_end: Option<i64>,
}

impl Fetch {
    fn from(next: i64) -> Self {
        Self {
            taken: next,
            next,
            told_end: None,
        }
    }
}

/// One of the things in the queue.
enum Queued {
    Record(OwnedMessage),
    End(Offset),
    Error(FetchError),
}

struct State {
    dice: Dice,
    sabotage: Option<Sabotage>,
    fetches: BTreeMap<TopicPartition, Fetch>,
    paused: BTreeSet<TopicPartition>,
    queue: VecDeque<(TopicPartition, Queued)>,
    /// The group's messages on their way.
    rebalances: VecDeque<Rebalance>,
    /// The number of these messages that have come, and are served when the client is polled.
    come: usize,
    error: Option<KafkaError>,
    events: Vec<ClientEvent>,
    done: Done,
}

pub struct SimulatedClient {
    own: OwnPartitions,
    state: RefCell<State>,
}

impl SimulatedClient {
    pub fn new(own: OwnPartitions, dice: Dice, sabotage: Option<Sabotage>) -> Self {
        Self {
            own,
            state: RefCell::new(State {
                dice,
                sabotage,
                fetches: BTreeMap::new(),
                paused: BTreeSet::new(),
                queue: VecDeque::new(),
                rebalances: VecDeque::new(),
                come: 0,
                error: None,
                events: Vec::new(),
                done: Done::default(),
            }),
        }
    }

    fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }

    /// Sends a message of the group.
    pub fn tell(&self, rebalance: Rebalance) {
        self.state().rebalances.push_back(rebalance);
    }

    /// Returns whether the client is going to learn that it is no longer in the group.
    pub fn is_told_of_loss(&self) -> bool {
        let state = self.state();
        let mut rebalances = state.rebalances.iter();
        rebalances.any(|told| matches!(told, Rebalance::Lost))
    }

    /// Lets one more of the group's messages arrive.
    pub fn hear(&self) {
        let mut state = self.state();
        state.come = (state.come + 1).min(state.rebalances.len());
    }

    /// Lets all of the group's messages arrive. Returns whether there were any.
    pub fn hear_all(&self) -> bool {
        let mut state = self.state();
        state.come = state.rebalances.len();
        state.come > 0
    }

    /// Breaks the client: the next poll reports it.
    pub fn break_down(&self) {
        let code = RDKafkaErrorCode::UnknownMemberId;
        self.state().error = Some(KafkaError::MessageConsumptionFatal(code));
    }

    /// Loses the connection: what has been fetched since some offset comes again.
    pub fn lose_connection(&self) {
        let mut state = self.state();
        let State { dice, fetches, .. } = &mut *state;
        for fetch in fetches.values_mut() {
            fetch.next = (fetch.next - dice.between(0, 4)).max(0);
            fetch.taken = fetch.taken.min(fetch.next);
        }
    }

    /// Stops the client at a partition that it has. Its broker does not know the next offset, because it has just
    /// become the leader, or was read from as a follower.
    pub fn stop(&self) {
        let mut state = self.state();
        let all: Vec<_> = state.fetches.keys().cloned().collect();
        let Some(partition) = state.dice.pick(&all) else {
            return;
        };
        let fetch = state.fetches.remove(&partition);
        let error = FetchError {
            code: RDKafkaErrorCode::AutoOffsetReset,
            partition: Some(partition.clone()),
            offset: Offset(fetch.map_or(0, |fetch| fetch.next)),
            reason: "fetch failed due to requested offset not available on the broker".to_owned(),
        };
        state.queue.push_back((partition, Queued::Error(error)));
    }

    /// Returns the partitions that have something to fetch: records, or an end that has not been reported.
    pub fn fetchable(&self, topic: &Topic) -> Vec<TopicPartition> {
        let state = self.state();
        let fetches = state.fetches.iter();
        let fetchable = fetches.filter(|(partition, fetch)| {
            let log = topic.log(partition);
            let has_more = !log.read(fetch.next).is_empty();
            let has_end = fetch.told_end != Some(log.end().0);
            !state.paused.contains(*partition) && (has_more || has_end)
        });
        fetchable.map(|(partition, _)| partition.clone()).collect()
    }

    /// Puts `records` records of a partition into the queue, and behind the last record the end of the log.
    pub fn fetch(&self, partition: &TopicPartition, records: usize, topic: &Topic) {
        let mut state = self.state();
        let State { fetches, queue, .. } = &mut *state;
        let Some(fetch) = fetches.get_mut(partition) else {
            return;
        };
        let log = topic.log(partition);
        let come = log.read(fetch.next).iter().take(records);
        for record in come {
            fetch.next = record.offset + 1;
            let message = OwnedMessage::new(
                record.payload.clone().map(String::into_bytes),
                None,
                partition.topic.to_string(),
                Timestamp::NotAvailable,
                partition.partition,
                record.offset,
                None,
            );
            queue.push_back((partition.clone(), Queued::Record(message)));
        }
        let end = log.end();
        if log.read(fetch.next).is_empty() && fetch.told_end != Some(end.0) {
            // Markers and compacted records are passed over.
            fetch.next = fetch.next.max(end.0);
            fetch.told_end = Some(end.0);
            queue.push_back((partition.clone(), Queued::End(end)));
        }
    }

    /// Returns what the loop has done since the last call.
    pub fn take_done(&self) -> Done {
        mem::take(&mut self.state().done)
    }

    fn assign(&self, partitions: &[TopicPartition]) -> Vec<TakenOver> {
        let taken = self.own.take_over(partitions);
        let mut state = self.state();
        for taken_over in &taken {
            let partition = &taken_over.partition;
            state.queue.retain(|(of, _)| of != partition);
            let fetch = Fetch::from(taken_over.from.next.0);
            state.fetches.insert(partition.clone(), fetch);
            if taken_over.unknown.is_none() {
                state.done.taken_over.push(taken_over.clone());
            }
        }
        taken
    }

    fn revoke(&self, partitions: Vec<TopicPartition>) {
        self.own.release(&partitions);
        let mut state = self.state();
        for partition in &partitions {
            state.interrupt(partition);
            state.fetches.remove(partition);
        }
        state.events.push(ClientEvent::Revoked(partitions));
    }
}

impl State {
    /// Drops what is queued of the partition, except for a few records that may still come. Chance decides where it
    /// goes on.
    fn interrupt(&mut self, partition: &TopicPartition) {
        let mut left = self.dice.below(3);
        self.queue.retain(|(of, queued)| match queued {
            _ if of != partition => true,
            Queued::Record(_) if left > 0 => {
                left -= 1;
                true
            }
            Queued::Error(_) => true,
            _ => {
                left = 0;
                false
            }
        });
        if let Some(fetch) = self.fetches.get_mut(partition) {
            let next = self.dice.between(fetch.taken, fetch.next.max(fetch.taken));
            *fetch = Fetch {
                taken: fetch.taken,
                next,
                told_end: None,
            };
        }
    }
}

impl MemberClient for SimulatedClient {
    type Record = OwnedMessage;

    fn join(&self, _topics: &[&str]) -> KafkaResult<()> {
        Ok(())
    }

    fn take(&self, partitions: &[TopicPartition]) -> KafkaResult<Vec<TakenOver>> {
        Ok(self.assign(partitions))
    }

    fn serve<B>(
        &self,
        mut each: impl FnMut(Fetched<'_, OwnedMessage>) -> ControlFlow<B>,
    ) -> (usize, Option<B>) {
        let mut served = 0;
        loop {
            let next = self.state().queue.pop_front();
            let Some((partition, queued)) = next else {
                return (served, None);
            };
            served += 1;
            let taken = match &queued {
                Queued::Record(record) => rdkafka::Message::offset(record) + 1,
                Queued::End(end) => end.0,
                Queued::Error(_) => 0,
            };
            if let Some(fetch) = self.state().fetches.get_mut(&partition) {
                fetch.taken = fetch.taken.max(taken);
            }
            let done = match queued {
                Queued::Record(record) => each(Fetched::Record(&record)),
                Queued::End(end) => each(Fetched::End(partition, end)),
                Queued::Error(error) => each(Fetched::Error(Box::new(error))),
            };
            if let ControlFlow::Break(with) = done {
                return (served, Some(with));
            }
        }
    }

    fn poll(&self) -> Polled {
        let mut state = self.state();
        if let Some(error) = state.error.take() {
            return Polled::Failed(error);
        }
        if state.come == 0 {
            return Polled::Nothing;
        }
        state.come -= 1;
        let Some(rebalance) = state.rebalances.pop_front() else {
            return Polled::Nothing;
        };
        state.done.rebalances.push(rebalance.clone());
        let others: Vec<_> = state.fetches.keys().cloned().collect();
        for partition in &others {
            state.interrupt(partition);
        }
        drop(state);
        match rebalance {
            Rebalance::Assign(partitions) => {
                let taken = self.assign(&partitions);
                self.state().events.push(ClientEvent::Assigned(taken));
            }
            Rebalance::Revoke(partitions) => self.revoke(partitions),
            Rebalance::Lost => self.revoke(others),
        }
        Polled::Nothing
    }

    fn events(&self) -> Vec<ClientEvent> {
        mem::take(&mut self.state().events)
    }

    fn pause(&self, partition: &TopicPartition) -> KafkaResult<()> {
        let mut state = self.state();
        state.paused.insert(partition.clone());
        state.interrupt(partition);
        Ok(())
    }

    fn resume(&self, partition: &TopicPartition) -> KafkaResult<()> {
        let mut state = self.state();
        state.paused.remove(partition);
        state.interrupt(partition);
        Ok(())
    }

    fn seek<'p>(
        &self,
        positions: impl IntoIterator<Item = (&'p TopicPartition, Offset)>,
    ) -> KafkaResult<()> {
        let mut state = self.state();
        if state.sabotage == Some(Sabotage::NoSeek) {
            return Ok(());
        }
        for (partition, next) in positions {
            // A partition that is not fetched begins where it is assigned.
            if let Some(fetch) = state.fetches.get_mut(partition) {
                *fetch = Fetch::from(next.0);
                state.queue.retain(|(of, _)| of != partition);
            }
        }
        Ok(())
    }

    fn restart(&self, partition: &TopicPartition, next: Offset) -> KafkaResult<()> {
        let fetch = Fetch::from(next.0);
        self.state().fetches.insert(partition.clone(), fetch);
        Ok(())
    }

    fn commit(&self, partition: &TopicPartition, next: Offset) -> KafkaResult<()> {
        let committed = (partition.clone(), next);
        self.state().done.committed.push(committed);
        Ok(())
    }

    /// Answers what a broker may answer: the offset that it did not know is there by now, or nobody answers.
    fn bounds(&self, _partition: &TopicPartition) -> KafkaResult<(Offset, Offset)> {
        match self.state().dice.chance(50) {
            true => Ok((Offset(0), Offset(i64::MAX))),
            false => Err(KafkaError::MetadataFetch(
                RDKafkaErrorCode::OperationTimedOut,
            )),
        }
    }

    fn topic_ids(&self, _topics: &[Arc<str>]) -> Told {
        Told::default()
    }
}

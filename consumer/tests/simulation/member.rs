//! One member of the group: what `source/member` does around a worker, on a simulated client.
//!
//! Rebalances are served while polling, and the worker hears of them before the next record; a partition
//! that is paused is not fetched, but what was fetched before may still come; what the worker did not
//! take comes first when the partition is resumed; a lost connection makes records come again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;

use consumer::checkpoint::{Checkpoints, Epoch, TakenOver};
use consumer::engine::worker::{
    Action, PartitionBatch, Worker, WorkerError, WorkerEvent, WorkerPlan,
};
use consumer::format::metadata::RecordMeta;
use consumer::position::{Offset, TopicPartition};
use consumer::source::topics::Extent;

use super::dice::Dice;
use super::settings::Sabotage;
use super::topic::{Record, Topic};

/// From the group.
#[derive(Clone, Debug)]
pub enum Rebalance {
    Assign(Vec<TopicPartition>),
    Revoke(Vec<TopicPartition>),
    /// It has not been in the group for a while.
    Lost,
}

/// What a callback has left for the loop.
#[derive(Debug)]
enum Seen {
    Assigned(Vec<TakenOver>),
    Revoked(Vec<TopicPartition>),
}

/// From the thread that triggers, and from the one that writes dead letters.
#[derive(Clone, Debug)]
pub enum Command {
    Trigger,
    Proceed,
    LettersSettled(TopicPartition, Epoch, u64),
    LettersStuck(TopicPartition, Epoch),
    Refused(TopicPartition, Epoch),
}

/// To the process.
#[derive(Debug)]
pub enum Report {
    HandedOver(Vec<PartitionBatch>, bool),
    BatchFull,
    /// What it has gathered goes on its way.
    Letters(Vec<Letter>),
    /// It has taken this over, at this checkpoint.
    TookOver(TakenOver),
}

/// A bad record on its way.
#[derive(Clone, Debug)]
pub struct Letter {
    pub partition: TopicPartition,
    pub offset: i64,
    pub epoch: Epoch,
}

/// So many letters are not gathered, but sent.
const MANY: usize = 3;

/// What a member has of the world around it.
pub struct Around<'a> {
    pub topic: &'a Topic,
    pub checkpoints: &'a Checkpoints,
    pub extents: &'a BTreeMap<TopicPartition, Extent>,
    pub reports: &'a mut Vec<Report>,
}

pub struct Member {
    worker: Worker,
    actions: Vec<Action>,
    pub rebalances: VecDeque<Rebalance>,
    seen: VecDeque<Seen>,
    pub commands: VecDeque<Command>,
    owned: BTreeMap<TopicPartition, Epoch>,
    /// The next offset that the client fetches.
    fetched: BTreeMap<TopicPartition, i64>,
    paused: BTreeSet<TopicPartition>,
    /// Another worker has taken over what it has, or it is not known where to go on.
    pub is_broken: bool,
    held: Vec<(TopicPartition, Record)>,
    /// Letters that go on their way together.
    gathered: Vec<Letter>,
    sabotage: Option<Sabotage>,
}

type Done = Result<(), WorkerError>;

impl Member {
    pub fn new(plan: WorkerPlan, sabotage: Option<Sabotage>) -> Self {
        Self {
            worker: Worker::new(plan),
            actions: Vec::new(),
            rebalances: VecDeque::new(),
            seen: VecDeque::new(),
            commands: VecDeque::new(),
            owned: BTreeMap::new(),
            fetched: BTreeMap::new(),
            paused: BTreeSet::new(),
            is_broken: false,
            held: Vec::new(),
            gathered: Vec::new(),
            sabotage,
        }
    }

    /// Serves the next callback, inside `poll`, and tells which it was.
    pub fn serve(&mut self, around: &mut Around<'_>) -> Option<Rebalance> {
        if !self.seen.is_empty() {
            return None;
        }
        let rebalance = self.rebalances.pop_front()?;
        match &rebalance {
            Rebalance::Assign(partitions) => {
                let taken = partitions.iter().filter_map(|partition| {
                    let extent = around.extents.get(partition);
                    let start = extent.map_or(Offset(0), |extent| extent.start);
                    let taken = around.checkpoints.take_over(partition.clone(), start);
                    if taken.unknown.is_some() {
                        around.checkpoints.release(partition, taken.epoch);
                        self.is_broken = true;
                        return None;
                    }
                    self.owned.insert(partition.clone(), taken.epoch);
                    self.fetched.insert(partition.clone(), taken.from.next.0);
                    around.reports.push(Report::TookOver(taken.clone()));
                    Some(taken)
                });
                self.seen.push_back(Seen::Assigned(taken.collect()));
            }
            Rebalance::Revoke(partitions) => self.release(partitions.clone(), around),
            Rebalance::Lost => self.release(self.owned.keys().cloned().collect(), around),
        }
        Some(rebalance)
    }

    fn release(&mut self, partitions: Vec<TopicPartition>, around: &Around<'_>) {
        for partition in &partitions {
            self.fetched.remove(partition);
            if let Some(epoch) = self.owned.remove(partition) {
                around.checkpoints.release(partition, epoch);
            }
        }
        self.seen.push_back(Seen::Revoked(partitions));
    }

    /// Its client breaks, and another takes its place: all of it is forgotten.
    pub fn begin_anew(&mut self, around: &Around<'_>) {
        self.release(self.owned.keys().cloned().collect(), around);
        self.worker.clear();
        self.actions.clear();
        self.seen.clear();
        self.rebalances.clear();
        self.paused.clear();
        self.is_broken = false;
        self.held.clear();
        self.gathered.clear();
    }

    /// Looks at what a callback has left; nothing else is done before.
    pub fn look(&mut self, around: &mut Around<'_>) -> Result<bool, WorkerError> {
        match self.seen.pop_front() {
            None => return Ok(false),
            Some(Seen::Assigned(taken)) => {
                for taken_over in taken {
                    let partition = taken_over.partition.clone();
                    self.fetch_again(&partition);
                    let extent = around.extents.get(&partition);
                    let until = extent.map_or(Offset(0), |extent| extent.end);
                    self.step(WorkerEvent::Assigned { taken_over, until }, around)?;
                }
            }
            Some(Seen::Revoked(partitions)) => {
                for partition in &partitions {
                    self.step(WorkerEvent::Revoked(partition), around)?;
                    self.take_held(partition);
                }
            }
        }
        Ok(true)
    }

    /// Partitions that have something to fetch.
    pub fn fetchable(&self, topic: &Topic) -> Vec<TopicPartition> {
        let fetched = self.fetched.iter();
        fetched
            .filter(|(partition, _)| !self.paused.contains(partition))
            .filter(|(partition, next)| !topic.log(partition).read(**next).is_empty())
            .map(|(partition, _)| partition.clone())
            .collect()
    }

    /// Reads so many records of a partition. `late` ones come after it has been paused.
    pub fn fetch(
        &mut self,
        partition: &TopicPartition,
        records: usize,
        mut late: usize,
        around: &mut Around<'_>,
    ) -> Done {
        let from = self.fetched.get(partition).copied().unwrap_or_default();
        let log = around.topic.log(partition).read(from);
        for record in log.iter().take(records) {
            if self.paused.contains(partition) {
                if late == 0 {
                    break;
                }
                late -= 1;
            }
            self.fetched.insert(partition.clone(), record.offset + 1);
            self.record(partition, record, around)?;
        }
        Ok(())
    }

    /// The connection is lost: what has been fetched since some offset comes again.
    pub fn lose_connection(&mut self, dice: &mut Dice) {
        for next in self.fetched.values_mut() {
            *next = (*next - dice.between(0, 4)).max(0);
        }
    }

    /// All that was fetched has been seen, and perhaps ends of logs with it.
    pub fn drained(&mut self, around: &mut Around<'_>) -> Done {
        for (partition, next) in self.fetched.clone() {
            let log = around.topic.log(&partition);
            let extent = around.extents.get(&partition);
            let until = extent.map_or(Offset(0), |extent| extent.end);
            let is_read = log.read(next).is_empty() && !self.paused.contains(&partition);
            if is_read && log.end() >= until {
                self.step(WorkerEvent::ReachedEnd(&partition, log.end()), around)?;
                self.send_letters(around);
            }
        }
        self.step(WorkerEvent::Idle, around)
    }

    fn gather(
        &mut self,
        partition: TopicPartition,
        offset: i64,
        epoch: Epoch,
        around: &mut Around<'_>,
    ) {
        self.gathered.push(Letter {
            partition,
            offset,
            epoch,
        });
        if self.gathered.len() >= MANY {
            self.send_letters(around);
        }
    }

    /// Its letters go on their way: they are many, have waited for long, or are waited for.
    pub fn send_letters(&mut self, around: &mut Around<'_>) {
        if !self.gathered.is_empty() {
            let gathered = mem::take(&mut self.gathered);
            around.reports.push(Report::Letters(gathered));
        }
    }

    /// Whether it has the partition, as it was taken over then.
    pub fn has(&self, partition: &TopicPartition, epoch: Epoch) -> bool {
        self.owned.get(partition) == Some(&epoch)
    }

    pub fn command(&mut self, around: &mut Around<'_>) -> Done {
        match self.commands.pop_front() {
            None => Ok(()),
            Some(Command::Refused(partition, epoch)) => {
                self.is_broken |= self.worker.has(&partition, epoch);
                Ok(())
            }
            Some(Command::Trigger) => self.step(WorkerEvent::Trigger, around),
            Some(Command::Proceed) => self.step(WorkerEvent::Proceed, around),
            Some(Command::LettersSettled(partition, epoch, count)) => self.step(
                WorkerEvent::LettersSettled(&partition, epoch, count),
                around,
            ),
            Some(Command::LettersStuck(partition, epoch)) => {
                self.step(WorkerEvent::LettersStuck(&partition, epoch), around)
            }
        }
    }

    fn record(
        &mut self,
        partition: &TopicPartition,
        record: &Record,
        around: &mut Around<'_>,
    ) -> Done {
        let meta = RecordMeta {
            topic: &partition.topic,
            partition: partition.partition,
            offset: record.offset,
            timestamp_ms: None,
            key: None,
            headers: &[],
        };
        let payload = record.payload.as_ref().map(String::as_bytes);
        let event = WorkerEvent::Record { meta, payload };
        self.worker.step(event, &mut self.actions)?;
        let mut others = Vec::new();
        for action in mem::take(&mut self.actions) {
            match action {
                Action::DeadLetter { reason: _, epoch } => {
                    self.gather(partition.clone(), record.offset, epoch, around);
                }
                Action::Hold => {
                    self.paused.insert(partition.clone());
                    self.held.push((partition.clone(), record.clone()));
                }
                Action::Ignore => {}
                other => others.push(other),
            }
        }
        self.actions = others;
        self.act(around)
    }

    fn step(&mut self, event: WorkerEvent<'_>, around: &mut Around<'_>) -> Done {
        self.worker.step(event, &mut self.actions)?;
        self.act(around)
    }

    fn act(&mut self, around: &mut Around<'_>) -> Done {
        for action in mem::take(&mut self.actions) {
            match action {
                Action::Pause(partition) => {
                    self.paused.insert(partition);
                }
                Action::Resume(partition) => {
                    let held = self.take_held(&partition).into_iter();
                    let lost = self.sabotage == Some(Sabotage::HeldLost);
                    for (partition, record) in held.filter(|_| !lost) {
                        self.record(&partition, &record, around)?;
                    }
                    self.fetch_again(&partition);
                }
                Action::BatchFull | Action::MemoryShort => around.reports.push(Report::BatchFull),
                Action::Compacted {
                    partition,
                    epoch,
                    checkpoint,
                } => around.checkpoints.compact(&partition, epoch, checkpoint),
                Action::HandOver {
                    batches,
                    is_deferred,
                } => {
                    if is_deferred {
                        self.send_letters(around);
                    }
                    let handed_over = Report::HandedOver(batches, is_deferred);
                    around.reports.push(handed_over);
                }
                Action::RejectedLetter { record, epoch, .. } => {
                    // It is the record that was read there, as it came.
                    let log = around.topic.log(&record.partition);
                    let read = log.read(record.offset).first();
                    let value = read.and_then(|read| read.payload.as_ref());
                    assert_eq!(value.map(String::as_bytes), Some(record.value.as_slice()));
                    self.gather(record.partition, record.offset, epoch, around);
                }
                Action::CaughtUp(_) | Action::DeadLetter { .. } | Action::Hold | Action::Ignore => {
                }
            }
        }
        Ok(())
    }

    fn take_held(&mut self, partition: &TopicPartition) -> Vec<(TopicPartition, Record)> {
        self.held
            .extract_if(.., |(of, _)| of == partition)
            .collect()
    }

    /// Unless some of it is held once more.
    fn fetch_again(&mut self, partition: &TopicPartition) {
        if !self.held.iter().any(|(of, _)| of == partition) {
            self.paused.remove(partition);
        }
    }
}

//! One process: members that run the production loop, and around them what `runtime/driver` and the threads of the writer
//! and of dead letters do, step by step.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use consumer::checkpoint::commit::{Committed, commit};
use consumer::checkpoint::lease;
use consumer::checkpoint::repository::Repository;
use consumer::checkpoint::store::Store;
use consumer::checkpoint::writer::{CheckpointWriter, NewState, WriterEvent};
use consumer::checkpoint::{Checkpoint, Checkpoints};
use consumer::engine::query::{OnRecordError, Query};
use consumer::engine::worker::{Allowance, Output as Made, PartitionBatch, WorkerPlan};
use consumer::position::{Offset, TopicPartition};
use consumer::runtime::delivery::Deliveries;
use consumer::sink::dead_letters::{DeadLetters, Letter};
use consumer::source::member::{Counters, MemberCommand, MemberSettings, Report, Subscription};
use consumer::source::topic_ids::TopicIds;
use consumer::source::topics::Extent;
use crossbeam_channel::{Receiver, unbounded};
use object_store::memory::InMemory;
use object_store::path::Path;
use rdkafka::ClientConfig;

use super::client::{Done, Rebalance};
use super::dice::Dice;
use super::member::{Member, Stepped};
use super::objects::{Trouble, line};
use super::output::Output;
use super::settings::{Sabotage, Settings};
use super::topic::{TOPIC, Topic};
use super::totals::Totals;

pub fn store(objects: &Arc<InMemory>, trouble: &Arc<Mutex<Trouble>>) -> Store {
    let line = line(Arc::clone(objects), Arc::clone(trouble));
    Store::new(Arc::new(line), Path::from("x"), "memory:///x").unwrap()
}

/// The stage of a batch.
#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    /// This many members have not handed over yet.
    Gathering {
        awaited: usize,
        more: bool,
    },
    /// The batch waits for dead letters.
    AwaitingLetters,
    PendingCheckpoints,
}

/// A batch of one partition, with the number of the member that has made it.
type Handed = (usize, PartitionBatch);

pub struct Process {
    pub serial: u64,
    query: Query,
    checkpoints: Checkpoints,
    writer: CheckpointWriter,
    told: Arc<Mutex<Vec<WriterEvent>>>,
    /// The checkpoints that wait for their rows, if the query has no aggregate.
    deliveries: Option<Deliveries>,
    pub output: Output,
    pub trouble: Arc<Mutex<Trouble>>,
    pub members: Vec<Member>,
    reports: Receiver<(usize, Report)>,
    /// The channel to which members send dead letters.
    sent: Receiver<Vec<Letter>>,
    /// The dead letters on their way.
    pub letters: Vec<Letter>,
    /// The number of batches that are done.
    batches: u64,
    allowance: Allowance,
    phase: Phase,
    handed: Vec<Handed>,
    full: bool,
    /// The offset at which each partition's checkpoint must be, as seen from outside.
    at: BTreeMap<TopicPartition, Offset>,
    /// The last member that has taken each partition over.
    owners: BTreeMap<TopicPartition, usize>,
    sabotage: Option<Sabotage>,
}

/// The properties of a process that chance decides.
pub struct DrawnProcess {
    /// The number of the process, counted from the first that was started.
    pub serial: u64,
    /// How many group members the process has.
    pub workers: usize,
    /// The dice of its members.
    pub dice: Dice,
    /// The most records of a batch, where batches are limited.
    pub allowed: Option<u64>,
}

pub type Checked<T = ()> = Result<T, String>;

impl Process {
    /// Starts a process as the program does. Returns `None` if the store does not let it.
    pub fn start(
        drawn: DrawnProcess,
        settings: &Settings,
        objects: &Arc<InMemory>,
        trouble: Arc<Mutex<Trouble>>,
        topic: &Topic,
    ) -> Checked<Option<Self>> {
        let DrawnProcess {
            serial,
            workers,
            mut dice,
            allowed,
        } = drawn;
        let store = store(objects, &trouble);
        let Ok(fingerprint) = lease::take(&store, &settings.identity, &settings.table) else {
            return Ok(None);
        };
        let kept = Arc::new(Repository::new(store, fingerprint, settings.query.clone()));
        let checkpoints = Checkpoints::of(Arc::clone(&kept));
        let mut at = BTreeMap::new();
        let mut extents = BTreeMap::new();
        for (partition, log) in topic.logs() {
            let Ok(found) = kept.newest(partition) else {
                return Ok(None);
            };
            let checkpoint = match found.checkpoint {
                Some(checkpoint) => checkpoint,
                None => match kept.begin(partition, Offset(0)) {
                    Ok(start) => Checkpoint::at(start),
                    Err(_) => return Ok(None),
                },
            };
            let start = checkpoint.next;
            if start > log.end() {
                return Err(format!("{partition} is kept at {start}, behind its log"));
            }
            at.insert(partition.clone(), start);
            let end = log.end();
            extents.insert(partition.clone(), Extent { start, end });
            checkpoints.begin(partition.clone(), checkpoint);
        }
        let allowance = Allowance::new(allowed);
        let told = Arc::new(Mutex::new(Vec::new()));
        let teller = Arc::clone(&told);
        let plan = WorkerPlan {
            query: settings.query.clone(),
            table: settings.table.clone(),
            stop_at_end: false,
            allowance: allowance.clone(),
            on_record_error: OnRecordError::DeadLetter,
        };
        let (report, reports) = unbounded();
        let (send, sent) = unbounded();
        let (extents, counters) = (Arc::new(extents), Arc::new(Counters::default()));
        let sabotage = settings.sabotage;
        let member = |number| {
            let settings = MemberSettings {
                number,
                client: ClientConfig::new(),
                subscription: Subscription::Group(vec![TOPIC.to_owned()]),
                plan: plan.clone(),
                checkpoints: checkpoints.clone(),
                extents: Arc::clone(&extents),
                reports: report.clone(),
                letters: DeadLetters::to(send.clone()),
                counters: Arc::clone(&counters),
                goes_on_without_lost: false,
                topic_ids: Arc::new(TopicIds::new()),
            };
            Member::new(settings, dice.split(), sabotage)
        };
        let members = (0..workers).map(member).collect();
        let process = Self {
            serial,
            query: settings.query.clone(),
            checkpoints,
            writer: CheckpointWriter::new(kept, move |event| teller.lock().unwrap().push(event)),
            told,
            deliveries: settings.query.appends().then(Deliveries::default),
            output: Output::default(),
            trouble,
            members,
            reports,
            sent,
            letters: Vec::new(),
            batches: 0,
            allowance,
            phase: Phase::Idle,
            handed: Vec::new(),
            full: false,
            at,
            owners: BTreeMap::new(),
            sabotage: settings.sabotage,
        };
        for partition in extents.keys() {
            process.check_state(partition, topic)?;
        }
        Ok(Some(process))
    }

    /// Returns the offset of this process's checkpoint of `partition`, if it has one.
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        self.at.get(partition).copied()
    }

    /// Checks that a partition's state is what its records make.
    fn check_state(&self, partition: &TopicPartition, topic: &Topic) -> Checked {
        let next = self.at[partition];
        let newest = self.checkpoints.newest(|held| held == partition);
        let batches = newest.values().flat_map(|at| at.state.batches());
        let expected = match self.query.appends() {
            true => Totals::default(),
            false => topic.log(partition).totals(next),
        };
        let held = Totals::of_state(batches);
        if held == expected {
            return Ok(());
        }
        Err(format!(
            "the state of {partition} at {next} is {held:?}, its records make {expected:?}"
        ))
    }

    /// Makes a member's next step, and handles its reports.
    pub fn step(&mut self, number: usize, now: Instant, topic: &Topic) -> Checked<Stepped> {
        let stepped = self.members[number].step(now)?;
        self.see(number, &stepped.done, topic)?;
        while let Ok((number, report)) = self.reports.try_recv() {
            self.report(number, report)?;
        }
        for letter in self.sent.try_iter().flatten() {
            // The letter must hold the record of that place, unchanged.
            let log = topic.log(letter.origin().partition());
            let read = log.read(letter.offset().0).first();
            let value = read.and_then(|read| read.payload.as_ref());
            assert_eq!(value.map(String::as_bytes), letter.value());
            self.letters.push(letter);
        }
        Ok(stepped)
    }

    fn see(&mut self, number: usize, done: &Done, topic: &Topic) -> Checked {
        for taken in &done.taken_over {
            let next = taken.from.next;
            let before = self.at.insert(taken.partition.clone(), next);
            if before.is_some_and(|before| next < before) {
                return Err(format!("{} goes back to {next}", taken.partition));
            }
            self.owners.insert(taken.partition.clone(), number);
            self.check_state(&taken.partition, topic)?;
        }
        Ok(())
    }

    fn report(&mut self, number: usize, report: Report) -> Checked {
        match report {
            Report::BatchFull(batches) => self.full |= batches == self.batches,
            Report::MemoryShort => self.full = true,
            Report::HandedOver {
                batches,
                is_deferred,
            } => {
                let handed = batches.into_iter().map(|part| (number, part));
                self.handed.extend(handed);
                if let Phase::Gathering { awaited, more } = &mut self.phase {
                    *awaited -= 1;
                    *more |= is_deferred;
                }
            }
            Report::Failed(error) => return Err(error.to_string()),
            Report::Assigned(_)
            | Report::Revoked(_)
            | Report::CaughtUp(_)
            | Report::Waiting
            | Report::Ends(_)
            | Report::Brokers(_)
            | Report::Notice(..) => {}
        }
        Ok(())
    }

    /// Makes the next step of the batch, or the first step of another one. Returns what has been handed over, if that
    /// was the last step.
    pub fn drive(&mut self, is_late: bool) -> Option<Vec<Handed>> {
        match self.phase {
            Phase::Idle => self.trigger(),
            Phase::Gathering { awaited: 0, more } => {
                self.phase = if more {
                    Phase::AwaitingLetters
                } else {
                    Phase::PendingCheckpoints
                };
            }
            Phase::Gathering { .. } => {}
            Phase::AwaitingLetters if self.full => self.trigger(),
            Phase::AwaitingLetters if is_late => self.phase = Phase::PendingCheckpoints,
            Phase::AwaitingLetters => {}
            Phase::PendingCheckpoints => {
                self.phase = Phase::Idle;
                return Some(mem::take(&mut self.handed));
            }
        }
        None
    }

    /// Returns whether no batch is running.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    fn trigger(&mut self) {
        self.full = false;
        self.phase = Phase::Gathering {
            awaited: self.members.len(),
            more: false,
        };
        self.tell_all(|| MemberCommand::Trigger);
    }

    fn tell_all(&self, command: impl Fn() -> MemberCommand) {
        for member in &self.members {
            member.remote.send(command());
        }
    }

    /// Moves the checkpoints on. Returns the parts that moved one.
    pub fn advance(&mut self, handed: Vec<Handed>, topic: &Topic) -> Checked<Vec<PartitionBatch>> {
        let from =
            |(number, part): &Handed| (*number, part.partition.clone(), part.start, part.end);
        let made: Vec<_> = handed.iter().map(from).collect();
        let parts: Vec<_> = handed.into_iter().map(|(_, part)| part).collect();
        let taken = parts.iter().map(|part| part.allowed).sum();
        let gathered = self.writer.gathered();
        let holds_back = self.deliveries.is_some() && self.sabotage != Some(Sabotage::RowsLast);
        let mut held = Vec::new();
        let offset_first = self.sabotage == Some(Sabotage::OffsetFirst);
        let Committed { parts, refused } = commit(&self.checkpoints, parts, |mut state| {
            if offset_first {
                state.checkpoint.next = state.checkpoint.next.next();
            }
            match holds_back {
                true => held.push(state),
                false => gathered.add(state),
            }
            Ok::<_, String>(())
        })?;
        self.allowance.give_back(taken);
        for (partition, epoch) in refused {
            self.tell_all(|| MemberCommand::Refused(partition.clone(), epoch));
        }
        self.batches += 1;
        self.tell_all(|| MemberCommand::Proceed(self.batches));
        for part in &parts {
            let PartitionBatch {
                partition,
                start,
                end,
                ..
            } = part;
            let by_owner =
                made.contains(&(self.owners[partition], partition.clone(), *start, *end));
            if !by_owner {
                return Err(format!("{partition} was advanced by one that has lost it"));
            }
            let before = self.at.insert(partition.clone(), *end);
            if before != Some(*start) || start >= end {
                return Err(format!("{partition} from {before:?} by {start} to {end}"));
            }
            let records = topic.log(partition).between(*start, *end);
            let of_log = records.fold((0, 0, 0), |(records, bad, tombstones), record| {
                (
                    records + 1,
                    bad + u64::from(record.is_bad()),
                    tombstones + u64::from(record.is_tombstone()),
                )
            });
            let counted = (part.records, part.bad, part.tombstones);
            if of_log != counted {
                return Err(format!(
                    "{partition} has {of_log:?} records, bad ones and tombstones from {start} to {end}; counted are \
                     {counted:?}"
                ));
            }
        }
        // A partition may have come twice, before and after it waited for its dead letters.
        for part in &parts {
            self.check_state(&part.partition, topic)?;
        }
        self.give_out(&parts, held)?;
        Ok(parts)
    }

    /// Gives the rows to the output. The checkpoints that pass these rows are stored after them.
    fn give_out(&mut self, parts: &[PartitionBatch], held: Vec<NewState>) -> Checked {
        let Some(deliveries) = &mut self.deliveries else {
            return Ok(());
        };
        if parts.iter().all(|part| part.records == 0) {
            deliveries.pass(held);
            return Ok(());
        }
        let rows = parts.iter().flat_map(|part| match &part.output {
            Made::Rows(rows) => rows.clone(),
            Made::State(..) => Vec::new(),
        });
        let result = self.query.result(rows.collect::<Vec<_>>());
        let rows = result.map_err(|error| error.to_string())?.rows;
        self.output.give(rows, deliveries.hold(held));
        Ok(())
    }

    /// Checks that the shown result counts each record once.
    pub fn check_result(&self, partitions: &[TopicPartition], topic: &Topic) -> Checked {
        if self.query.appends() {
            return Ok(());
        }
        let mut expected = Totals::default();
        for partition in partitions {
            if let Some(next) = self.at.get(partition) {
                expected.merge(topic.log(partition).totals(*next));
            }
        }
        let newest = self.checkpoints.newest(|held| partitions.contains(held));
        let batches: Vec<_> = newest.values().flat_map(|at| at.state.batches()).collect();
        let result = self
            .query
            .result(batches)
            .map_err(|error| error.to_string())?;
        let shown = Totals::of_rows(&result.rows);
        if shown == expected && shown.len() == result.rows.num_rows() {
            return Ok(());
        }
        Err(format!(
            "the result is {shown:?}, the records make {expected:?}"
        ))
    }

    /// Looks for checkpoints that other processes have stored of a partition that no member here has.
    pub fn follow(&mut self, partition: &TopicPartition, topic: &Topic) -> Checked {
        let Ok(newer) = self.checkpoints.follow(partition) else {
            return Ok(());
        };
        let at = self.at.entry(partition.clone()).or_default();
        if let Some(newer) = newer.map(|followed| followed.next) {
            if newer < *at {
                return Err(format!("{partition} follows from {at} back to {newer}"));
            }
            *at = newer;
        }
        self.check_state(partition, topic)
    }

    /// Writes what has been gathered, as the writer's thread does. Returns the offsets that are durable then.
    pub fn keep(&mut self) -> Vec<(TopicPartition, Offset)> {
        let written = self
            .deliveries
            .iter_mut()
            .flat_map(Deliveries::take_written);
        written.for_each(|state| self.writer.gathered().add(state));
        self.writer.write();
        let told = mem::take(&mut *self.told.lock().unwrap());
        let durable = told.into_iter().filter_map(|told| match told {
            WriterEvent::Durable(partition, next) => Some((partition, next)),
            WriterEvent::Notice(..) => None,
        });
        let durable: Vec<_> = durable.collect();
        for (partition, next) in &durable {
            self.tell_all(|| MemberCommand::Commit(partition.clone(), *next));
        }
        durable
    }

    /// Returns whether some states are not durable.
    pub fn has_unwritten(&self) -> bool {
        self.writer.has_pending()
    }

    /// Takes one of the letters on their way, chosen by chance, and those others of its origin that chance adds.
    pub fn take_letters(&mut self, dice: &mut Dice) -> Vec<Letter> {
        let chosen = dice.below(self.letters.len());
        if self.letters.is_empty() {
            return Vec::new();
        }
        let first = self.letters.swap_remove(chosen);
        let is_of_it = |letter: &Letter| Arc::ptr_eq(letter.origin(), first.origin());
        let others = self
            .letters
            .extract_if(.., |other| is_of_it(other) && dice.chance(50));
        let mut taken: Vec<_> = others.collect();
        taken.push(first);
        taken
    }

    pub fn tell(&mut self, number: usize, rebalance: Rebalance) {
        if let Some(member) = self.members.get(number) {
            member.tell(rebalance);
        }
    }
}

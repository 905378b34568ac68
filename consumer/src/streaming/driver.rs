//! The thread that triggers: starts the workers, decides when a batch comes, makes its result and
//! tells of it.
//!
//! One trigger at a time: all workers hand over at it, what they hand over advances the checkpoints,
//! and the result is computed from the states of all partitions, while the workers read on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::Utc;
use crossbeam_channel::{Receiver, Sender, never, select};
use datafusion::arrow::array::RecordBatch;

use super::advancing::{Advanced, advance};
use super::coverage::Coverage;
use super::freshness::Freshness;
use super::members::Members;
use super::opening::{self, Opened};
use super::others::{Look, Others, OthersSettings};
use super::report::{BatchFacts, Reporter};
use super::room::{Relief, Room};
use super::telling::{Teller, names, passing_on};
use super::{MemberError, StreamingError};
use crate::checkpoint::Checkpoints;
use crate::checkpoint::keeper::Keeper;
use crate::command::Command;
use crate::config::{Config, TriggerMode};
use crate::engine::memory::is_exhausted;
use crate::engine::query::{Query, error_text};
use crate::engine::state::State;
use crate::engine::trigger::Trigger;
use crate::engine::worker::{Allowance, Contribution, Output, WorkerError};
use crate::event::{Batch, Event, Level, OthersPart, Pulse, Started};
use crate::position::{Offset, TopicPartition};
use crate::source::identity::Identity;
use crate::source::member::{Command as MemberCommand, Report};
use crate::source::topics::Extent;

/// Between two pulses.
const PULSE: Duration = Duration::from_millis(250);
/// How long a batch waits for dead letters that are on their way: without them it would lack whatever
/// their partitions have read.
const LETTERS: Duration = Duration::from_millis(200);
/// The same of the last batch: what it lacks is lost to the result.
const LAST_LETTERS: Duration = Duration::from_secs(5);
/// Between two looks at what others keep, as between two batches, but within these bounds.
const OFTENEST_LOOK: Duration = Duration::from_millis(500);
const RAREST_LOOK: Duration = Duration::from_secs(5);

/// Runs a query until it is stopped, done, or fails.
pub(super) fn run(
    config: &Config,
    events: &Sender<Event>,
    inbox: &Receiver<Command>,
) -> Result<(), StreamingError> {
    let tell = Teller(events.clone());
    let interval = match config.trigger {
        TriggerMode::Interval(interval) => Some(interval),
        TriggerMode::AvailableNow => None,
    };
    tell.event(Event::Started(Arc::new(Started {
        name: config.group_id.clone(),
        topics: config.topics.clone(),
        query: config.query.clone(),
        workers: config.workers,
        interval,
        demo: config.demo.clone(),
    })));
    let opened = opening::open(config, inbox, |level, text| tell.notice(level, text))?;
    let Some(opened) = opened else {
        return Ok(());
    };
    let mut driver = Driver::start(config, opened, interval, tell)?;
    let outcome = driver.run(inbox);
    let kept = match driver.keeper.map_or(Ok(true), Keeper::finish) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let text = "the last checkpoints could not be written in time; what they would have \
                        is read again after a restart";
            driver.tell.notice(Level::Warning, text.to_owned());
            Ok(())
        }
        Err(_panic) => Err(StreamingError::Panicked),
    };
    // Last, since the checkpoints' offsets are committed by members.
    outcome.and(kept).and(driver.members.stop())
}

struct Driver {
    tell: Teller,
    /// As long as it runs, nobody else has its members' names.
    _identity: Option<Identity>,
    query: Query,
    available_now: bool,
    limited: bool,
    members: Members,
    checkpoints: Checkpoints,
    keeper: Option<Keeper>,
    /// Whether to show what was kept, at once.
    shows_kept: bool,
    /// Whether something was kept, and no trigger has fired yet: the first needs no records then.
    has_kept: bool,
    allowance: Allowance,
    trigger: Trigger,
    reporter: Reporter,
    coverage: Coverage,
    brokers_up: bool,
    told_of_others: bool,
    /// The logs when the query was started.
    extents: Arc<BTreeMap<TopicPartition, Extent>>,
    /// Looks at what other processes keep, where this one keeps anything.
    others: Option<Others>,
    looks: Receiver<Look>,
    look_at: Instant,
    freshness: Freshness,
    /// Whether others have moved on since the last batch.
    others_moved: bool,
    /// What was wrong at the last look.
    problem: Option<String>,
    /// Next offsets after the last batch.
    ends: BTreeMap<TopicPartition, Offset>,
    /// Ends of the logs.
    latest: BTreeMap<TopicPartition, Offset>,
    /// Whether some partition waits for a batch.
    full: bool,
    room: Room,
    records_at_batch: u64,
    /// Bad records in all batches: what was read and then lost to another member is read again.
    dead_letters: u64,
    pulse_at: Instant,
}

impl Driver {
    fn start(
        config: &Config,
        opened: Opened,
        interval: Option<Duration>,
        tell: Teller,
    ) -> Result<Self, StreamingError> {
        let room = Room::new(opened.query.clone());
        let allowance = Allowance::new(config.max_records_per_batch);
        let teller = tell.clone();
        let tell_notice = move |level, text| teller.notice(level, text);
        let members = Members::start(config, &opened, &allowance, tell_notice)?;
        let others = match &opened.kept {
            // Rows without an aggregate are kept by nobody.
            Some(_) if config.trigger != TriggerMode::AvailableNow && !opened.query.appends() => {
                Some(Others::start(OthersSettings {
                    client: opened.client.clone(),
                    servers: config.kafka.bootstrap_servers().to_owned(),
                    topics: config.topics.clone(),
                    checkpoints: opened.checkpoints.clone(),
                })?)
            }
            _ => None,
        };
        let keeper = match opened.kept {
            Some(kept) => Some(Keeper::start(kept, passing_on(&tell, members.remotes()))?),
            None => None,
        };
        let extents = opened.extents;
        let unread = extents
            .iter()
            .filter(|(_, extent)| extent.start < extent.end)
            .map(|(partition, _)| partition.clone())
            .collect();
        let interval = opened.asked_interval.or(interval);
        Ok(Self {
            tell,
            _identity: opened.identity,
            reporter: Reporter::new(&config.group_id, &config.query, opened.query.appends()),
            query: opened.query,
            available_now: config.trigger == TriggerMode::AvailableNow,
            limited: config.max_records_per_batch.is_some(),
            members,
            checkpoints: opened.checkpoints,
            keeper,
            shows_kept: opened.has_kept && config.trigger != TriggerMode::AvailableNow,
            has_kept: opened.has_kept,
            allowance,
            trigger: Trigger::new(interval.unwrap_or_default()),
            coverage: Coverage::new(extents.len(), unread),
            brokers_up: false,
            told_of_others: false,
            looks: others
                .as_ref()
                .map_or_else(never, |others| others.looks.clone()),
            others,
            look_at: Instant::now(),
            freshness: Freshness::new(Instant::now()),
            others_moved: false,
            problem: None,
            ends: extents
                .iter()
                .map(|(of, at)| (of.clone(), at.start))
                .collect(),
            latest: extents
                .iter()
                .map(|(of, at)| (of.clone(), at.end))
                .collect(),
            extents,
            full: false,
            room,
            records_at_batch: 0,
            dead_letters: 0,
            pulse_at: Instant::now(),
        })
    }

    fn run(&mut self, inbox: &Receiver<Command>) -> Result<(), StreamingError> {
        loop {
            let now = Instant::now();
            // Also while one batch follows another.
            self.send_pulse(now);
            let waits = self.make_room(now);
            if std::mem::take(&mut self.shows_kept) {
                self.batch(now, true, LETTERS)?;
                continue;
            }
            if !waits && self.is_due(now) {
                let done = self.available_now && self.coverage.has_read_all();
                if !self.available_now {
                    self.trigger.fired(now);
                }
                self.has_kept = false;
                self.batch(now, done, LETTERS)?;
                if done {
                    return Ok(());
                }
                continue;
            }
            let mut until = self.pulse_at;
            if let Some(next) = self.trigger.next().filter(|_| !waits) {
                until = until.min(next);
            }
            select! {
                recv(self.members.reports) -> report => match report {
                    Ok((number, report)) => self.report(number, report)?,
                    Err(_) => return Err(MemberError::Panicked.into()),
                },
                recv(self.looks) -> look => match look {
                    Ok(look) => self.saw_others(&look),
                    // It has told why.
                    Err(_) => self.looks = never(),
                },
                recv(inbox) -> command => match command {
                    Ok(Command::SetInterval(interval)) if !self.available_now => {
                        self.trigger.set_interval(interval, Instant::now());
                    }
                    Ok(Command::SetInterval(_)) => {}
                    // What has been read is shown before the end.
                    Ok(Command::Stop) | Err(_) => {
                        return self.batch(Instant::now(), false, LAST_LETTERS);
                    }
                },
                default(until.saturating_duration_since(now)) => {}
            }
        }
    }

    /// Whether there may be something to hand over.
    fn has_records(&self) -> bool {
        let read = self.members.counters.records.load(Ordering::Relaxed);
        self.full || self.others_moved || read > self.records_at_batch
    }

    /// Whether a batch is due. A grid point without records passes.
    fn is_due(&mut self, now: Instant) -> bool {
        // A user's limit is a limit a batch and so a rate; our own only bounds memory.
        let cannot_wait = self.full && !self.limited;
        if self.available_now {
            return self.full || self.coverage.has_read_all();
        }
        if self.trigger.next().is_none() {
            let has_news = self.has_records() || self.has_kept;
            // What is kept of all partitions needs no reader.
            let is_complete = self.keeper.is_some() && self.coverage.has_read_all();
            return has_news && (self.full || is_complete || self.coverage.has_read_own(now));
        }
        if self.trigger.is_due(now) && !self.has_records() {
            self.trigger.fired(now);
            return false;
        }
        cannot_wait || self.trigger.is_due(now)
    }

    /// What others read is in the result as far as they have kept it.
    fn saw_others(&mut self, look: &Look) {
        if look.problem.is_some() && look.problem != self.problem {
            let problem = look.problem.as_deref().unwrap_or_default();
            let text = format!("what others have kept cannot be read: {problem}");
            self.tell.notice(Level::Warning, text);
        }
        self.problem.clone_from(&look.problem);
        if look.problem.is_some() {
            return;
        }
        self.freshness.saw(look);
        for (partition, reach) in &look.partitions {
            let latest = self.latest.entry(partition.clone()).or_default();
            *latest = reach.end.max(*latest);
            if !self.coverage.reads(partition) {
                let end = self.ends.entry(partition.clone()).or_default();
                self.others_moved |= *end < reach.next;
                *end = reach.next.max(*end);
                let at_start = self.extents.get(partition);
                if at_start.is_none_or(|extent| reach.next >= extent.end) {
                    self.coverage.caught_up(partition);
                }
            }
        }
        self.coverage.grow(self.latest.len());
    }

    fn report(&mut self, number: usize, report: Report) -> Result<(), StreamingError> {
        match report {
            Report::CaughtUp(partition) => self.coverage.caught_up(&partition),
            Report::BatchFull => self.full = true,
            Report::MemoryShort => self.room.is_crowded(),
            Report::Assigned(partitions) => {
                // Of a rebalance that changes nothing for it a member hears too.
                let news = !partitions.is_empty() || !self.coverage.has_any(number);
                if news && !self.available_now {
                    let text = format!("worker {number} reads {}", names(&partitions));
                    self.tell.notice(Level::Info, text);
                }
                self.coverage.assigned(number, partitions, Instant::now());
            }
            Report::Revoked(partitions) => {
                let text = format!("worker {number} gives up {}", names(&partitions));
                self.tell.notice(Level::Info, text);
                self.coverage.revoked(number, &partitions, Instant::now());
            }
            Report::Ends(ends) => {
                for (partition, end) in ends {
                    let latest = self.latest.entry(partition).or_default();
                    *latest = end.max(*latest);
                }
                self.coverage.grow(self.latest.len());
            }
            // All see the same brokers.
            Report::Brokers(brokers) if number == 0 => {
                let up = brokers.iter().any(|broker| broker.up);
                if up && !self.brokers_up {
                    self.coverage.unsettle(Instant::now());
                }
                self.brokers_up = up;
                self.tell.event(Event::Brokers(brokers));
            }
            Report::Brokers(_) | Report::Waiting | Report::HandedOver { .. } => {}
            Report::Notice(level, text) => self.tell.notice(level, text),
            Report::Failed(MemberError::Worker(WorkerError::OutOfMemory { .. })) => {
                return Err(self.out_of_memory());
            }
            Report::Failed(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// One micro-batch, which waits so long for dead letters. Without records none results, unless
    /// `always`.
    fn batch(
        &mut self,
        started: Instant,
        always: bool,
        letters: Duration,
    ) -> Result<(), StreamingError> {
        let timestamp = Utc::now();
        self.query.clock().set(timestamp);
        self.records_at_batch = self.members.counters.records.load(Ordering::Relaxed);
        let contributions = self.hand_over(started + letters)?;
        let gathered = started.elapsed();
        let records: u64 = contributions.iter().map(|part| part.records).sum();
        let starts = self.ends.clone();
        for part in &contributions {
            self.ends.insert(part.partition.clone(), part.end);
        }
        let others_moved = std::mem::take(&mut self.others_moved);
        if records == 0 && !always && !others_moved {
            return Ok(());
        }
        let mut facts = BatchFacts {
            timestamp,
            records,
            bad: contributions.iter().map(|part| part.bad).sum(),
            starts,
            ..BatchFacts::default()
        };
        self.dead_letters += facts.bad;
        let mut rows = Vec::new();
        for part in contributions {
            facts
                .starts
                .entry(part.partition.clone())
                .or_insert(part.start);
            *facts.records_of.entry(part.partition.topic).or_default() += part.records;
            match part.output {
                Output::State(_, groups) => facts.touched += rows_of(&groups),
                Output::Rows(batches) => rows.extend(batches),
            }
        }
        // While a partition moves between workers its state stays in the result; what others of the
        // group have read on from does not, unless they keep it where this process finds it.
        let states = self.checkpoints.states(|partition| {
            self.keeper.is_some() || !self.told_of_others || self.coverage.reads(partition)
        });
        if !self.query.appends() {
            rows.extend(states.iter().flat_map(State::batches));
        }
        if self.room.is_filled_by(&states) {
            return Err(self.out_of_memory());
        }
        let outcome = self.query.result(rows).map_err(|error| {
            if is_exhausted(&error) {
                return self.out_of_memory();
            }
            StreamingError::Result(error_text(&error))
        })?;
        facts.groups = outcome.groups as u64;
        facts.state_bytes = states.iter().map(|state| state.bytes() as u64).sum();
        facts.gathering = gathered;
        facts.duration = started.elapsed();
        let busy = self.members.counters.busy_nanos.swap(0, Ordering::Relaxed);
        facts.busy =
            Duration::from_nanos(busy) / u32::try_from(self.members.len().max(1)).unwrap_or(1);
        let progress = self
            .reporter
            .progress(&facts, &self.ends, &self.latest, started);
        let batch = Arc::new(Batch {
            rows: outcome.rows,
            append: self.query.appends(),
            sorted_by: self.query.sorted_by(),
            others: self.others_part(Instant::now()),
            progress,
        });
        self.room.give_out(&batch, Instant::now());
        self.tell.event(Event::Batch(batch));
        self.pulse_at = Instant::now();
        Ok(())
    }

    /// Lets every worker hand over, and moves the checkpoints on. What comes from one that has lost
    /// the partition meanwhile is dropped: its successor reads it again.
    fn hand_over(&mut self, deadline: Instant) -> Result<Vec<Contribution>, StreamingError> {
        let mut contributions = Vec::new();
        while self.gather(&mut contributions)? && self.await_full(deadline)? {}
        let taken = contributions.iter().map(|part| part.allowed).sum();
        let Advanced { parts, refused } = advance(&self.checkpoints, contributions, |state| {
            match &self.keeper {
                Some(keeper) if !keeper.keep(state) => Err(StreamingError::Panicked),
                _ => Ok(()),
            }
        })?;
        self.allowance.give_back(taken);
        for (partition, epoch) in refused {
            self.members
                .tell(|| MemberCommand::Refused(partition.clone(), epoch));
        }
        self.members.tell(|| MemberCommand::Proceed);
        Ok(parts)
    }

    /// Takes what the workers have read; whether there is more that waits for dead letters.
    fn gather(&mut self, into: &mut Vec<Contribution>) -> Result<bool, StreamingError> {
        self.full = false;
        self.room.begin();
        self.members.tell(|| MemberCommand::Trigger);
        let mut awaited = self.members.len();
        let mut more = false;
        while awaited > 0 {
            match self.members.report()? {
                (
                    _,
                    Report::HandedOver {
                        contributions,
                        kept_back,
                    },
                ) => {
                    into.extend(contributions);
                    more |= kept_back;
                    awaited -= 1;
                }
                (number, report) => self.report(number, report)?,
            }
        }
        Ok(more)
    }

    /// Helps partitions that wait for memory; whether the next batch has to wait for it, too.
    fn make_room(&mut self, now: Instant) -> bool {
        match self.room.relief() {
            Some(Relief::Batch) => self.full = true,
            Some(Relief::Proceed) => self.members.tell(|| MemberCommand::Proceed),
            None => {}
        }
        let (waits, is_news) = self.room.results_pile_up(now);
        if is_news {
            let text =
                "memory is short, and results are not shown as fast as they are made: waiting";
            self.tell.notice(Level::Warning, text.to_owned());
        }
        waits
    }

    fn out_of_memory(&self) -> StreamingError {
        let states = self.checkpoints.states(|_all| true);
        let states = (!self.query.appends()).then_some(states.as_slice());
        self.room.is_exceeded(states, self.keeper.is_some())
    }

    /// Waits until some partition can hand over; `false` if none can before `deadline`.
    fn await_full(&mut self, deadline: Instant) -> Result<bool, StreamingError> {
        while !self.full {
            match self.members.report_before(deadline)? {
                Some((number, report)) => self.report(number, report)?,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn others_part(&self, now: Instant) -> Option<OthersPart> {
        let reads = |partition: &TopicPartition| self.coverage.reads(partition);
        self.freshness.at(now, reads)
    }

    fn send_pulse(&mut self, now: Instant) {
        if now < self.pulse_at {
            return;
        }
        self.pulse_at = now + PULSE;
        self.tell_of_others(now);
        if let Some(others) = &self.others
            && self.coverage.missing() > 0
            && now >= self.look_at
        {
            self.look_at = now + self.trigger.interval().clamp(OFTENEST_LOOK, RAREST_LOOK);
            others.look();
        }
        let counters = &self.members.counters;
        let read = counters.records.load(Ordering::Relaxed);
        let behind: u64 = self
            .latest
            .iter()
            .map(|(partition, latest)| {
                latest.since(self.ends.get(partition).copied().unwrap_or_default())
            })
            .sum();
        let pulse = Pulse {
            records: read,
            bytes: counters.bytes.load(Ordering::Relaxed),
            dead_letters: self.dead_letters,
            lag: behind.saturating_sub(read.saturating_sub(self.records_at_batch)),
            partitions: self.coverage.len(),
            others: self.others_part(now),
            paused: usize::try_from(counters.paused.load(Ordering::Relaxed)).unwrap_or(0),
            memory_short: self.room.is_short(),
            next_trigger: self
                .trigger
                .next()
                .map(|next| next.saturating_duration_since(now)),
            interval: (!self.available_now).then(|| self.trigger.interval()),
        };
        self.tell.event(Event::Pulse(pulse));
    }

    /// Partitions that others of the group read are not in the result shown here.
    fn tell_of_others(&mut self, now: Instant) {
        let missing = self.coverage.missing();
        let are_others = self.brokers_up && missing > 0 && self.coverage.is_settled(now);
        if are_others && !self.told_of_others {
            let told = format!(
                "{missing} of {} partitions are read by other members of the group {}",
                self.coverage.partitions(),
                self.reporter.name()
            );
            let (level, consequence) = match (&self.others, &self.keeper) {
                (Some(_), _) => (Level::Info, "the result has what they have kept"),
                (None, Some(_)) => (Level::Info, "they show the rows of these"),
                (None, None) => (
                    Level::Warning,
                    "the result is without them; give this process a GROUP_ID of its own",
                ),
            };
            self.tell.notice(level, format!("{told}: {consequence}"));
        }
        self.told_of_others = are_others;
    }
}

fn rows_of(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}

//! The thread that triggers: starts the workers, decides when a batch comes, makes its result and
//! tells of it.
//!
//! One trigger at a time: all workers hand over at it, what they hand over advances the checkpoints,
//! and the result is computed from the states of all partitions, while the workers read on.

mod batch;
mod watching;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, never, select};

use super::coverage::Coverage;
use super::freshness::Freshness;
use super::members::Members;
use super::opening::{self, Opened};
use super::others::{Look, Others, OthersSettings};
use super::positions::Positions;
use super::report::Reporter;
use super::room::{Relief, Room};
use super::telling::{Teller, passing_on};
use super::updates::Updates;
use super::{MemberError, StreamingError};
use crate::checkpoint::Checkpoints;
use crate::checkpoint::keeper::Keeper;
use crate::command::Command;
use crate::config::{Config, TriggerMode};
use crate::engine::query::Query;
use crate::engine::trigger::Trigger;
use crate::engine::worker::{Allowance, WorkerError};
use crate::event::{Event, Level, Started};
use crate::position::names;
use crate::source::identity::Identity;
use crate::source::member::{Command as MemberCommand, Report};

/// How long a batch waits for dead letters that are on their way: without them it would lack whatever
/// their partitions have read.
const LETTERS: Duration = Duration::from_millis(200);
/// The same of the last batch: what it lacks is lost to the result.
const LAST_LETTERS: Duration = Duration::from_secs(5);

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
    driver.tell.event(Event::Reading);
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
    told_of_stranger: bool,
    positions: Positions,
    /// Looks at what other processes keep, where this one keeps anything.
    others: Option<Others>,
    looks: Receiver<Look>,
    look_at: Instant,
    freshness: Freshness,
    /// Whether others have moved on since the last batch.
    others_moved: bool,
    /// What was wrong at the last look.
    problem: Option<String>,
    /// Whether some partition waits for a batch.
    full: bool,
    /// Batches that are done.
    batches: u64,
    room: Room,
    /// In update mode.
    updates: Option<Updates>,
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
        let updates = Updates::of(&opened.query);
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
                    group: config.group_id.clone(),
                    location: opened.location_id.clone().unwrap_or_default(),
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
            positions: Positions::new(extents, others.is_some()),
            brokers_up: false,
            told_of_others: false,
            told_of_stranger: false,
            looks: others
                .as_ref()
                .map_or_else(never, |others| others.looks.clone()),
            others,
            look_at: Instant::now(),
            freshness: Freshness::new(Instant::now()),
            others_moved: false,
            problem: None,
            full: false,
            batches: 0,
            room,
            updates,
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
                // A member that went before it had handed over reads again.
                if done && self.coverage.has_read_all() {
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
                    Err(_) => {
                        self.looks = never();
                        self.positions.end_looks();
                        let text = "what others read is no longer followed: its thread has ended";
                        self.tell.notice(Level::Warning, text.to_owned());
                    }
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
        self.full || self.others_moved || self.positions.has_records(read)
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

    fn report(&mut self, number: usize, report: Report) -> Result<(), StreamingError> {
        match report {
            Report::CaughtUp(partition) => self.coverage.caught_up(&partition),
            Report::BatchFull(batches) => self.full |= batches == self.batches,
            Report::MemoryShort => self.room.crowd(),
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
                    self.positions.saw_end(partition, end);
                }
                self.coverage.grow(self.positions.partitions());
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

    /// Helps partitions that wait for memory; whether the next batch has to wait for it, too.
    fn make_room(&mut self, now: Instant) -> bool {
        match self.room.relief() {
            Some(Relief::Batch) => self.full = true,
            Some(Relief::Proceed) => self.members.tell(|| MemberCommand::Proceed(self.batches)),
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
}

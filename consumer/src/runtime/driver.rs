//! The thread that triggers: it starts the workers, decides when a batch comes, makes its result and reports it.
//!
//! All workers hand over at a trigger, what they hand over moves the checkpoints on, and the result is computed from
//! the states of all partitions, while the workers read on. There is one trigger at a time.

mod batch;
mod durability;
mod heartbeat;
mod query_run;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use crossbeam_channel::{Receiver, select};

use self::durability::Durability;
use self::heartbeat::HeartbeatTimer;
use self::query_run::QueryRun;
use super::assignment::Assignment;
use super::backpressure::{Backpressure, Relief};
use super::event_sender::{EventSender, passing_on};
use super::logs::Logs;
use super::offsets::Offsets;
use super::peers::Peers;
use super::report::Reporter;
use super::startup::{self, Startup};
use super::trigger::{Trigger, TriggerSettings};
use super::worker_pool::WorkerPool;
use super::{MemberError, StreamingError};
use crate::command::QueryCommand;
use crate::config::{Config, TriggerMode};
use crate::engine::worker::WorkerError;
use crate::event::{Level, QueryEvent, Started};
use crate::position::names;
use crate::source::member::Report;

/// How long a batch waits for dead letters that are on their way: without them it would lack whatever
/// their partitions have read.
const LETTERS: Duration = Duration::from_millis(200);
/// How long the last batch waits for them: what it lacks is lost to the result.
const LAST_LETTERS: Duration = Duration::from_secs(5);

/// Runs a query until it is stopped, done, or fails.
pub(super) fn run(
    config: &Config,
    tell: EventSender,
    inbox: &Receiver<QueryCommand>,
) -> Result<(), StreamingError> {
    let interval = match config.trigger {
        TriggerMode::Interval(interval) => Some(interval),
        TriggerMode::AvailableNow => None,
    };
    tell.event(QueryEvent::Started(Arc::new(Started {
        name: config.group_id.clone(),
        topics: config.topics.clone(),
        query: config.query.clone(),
        workers: config.workers,
        interval,
        demo: config.demo.clone(),
    })));
    let startup = startup::start_up(config, inbox, |level, text| tell.notice(level, text))?;
    let Some(startup) = startup else {
        return Ok(());
    };
    let shows_checkpoints = startup.has_checkpoints() && interval.is_some();
    let mut driver = Driver::start(config, startup, tell)?;
    driver.tell.event(QueryEvent::Reading);
    let outcome = driver.run(inbox, shows_checkpoints);
    // A query that has failed waits, too: its rows are written all the same, and would come once more.
    let delivered = driver.query.durability.await_delivered(
        driver.is_stopping,
        inbox,
        driver.workers.reports.clone(),
        &driver.tell,
    );
    let stored = driver.query.durability.finish(&driver.tell);
    // The members end last, since they commit the checkpoints' offsets.
    outcome
        .and(delivered)
        .and(stored)
        .and(driver.workers.stop())
}

/// The query that is driven, and what the process reads for it with.
struct Driver {
    tell: EventSender,
    query: QueryRun,
    workers: WorkerPool,
    trigger: Trigger,
    assignment: Assignment,
    offsets: Offsets,
    peers: Peers,
    logs: Logs,
    backpressure: Backpressure,
    heartbeat: HeartbeatTimer,
    /// Whether a stop has been asked for.
    is_stopping: bool,
}

impl Driver {
    /// Starts the threads, workers first.
    fn start(config: &Config, startup: Startup, tell: EventSender) -> Result<Self, StreamingError> {
        let sender = tell.clone();
        let tell_notice = move |level, text| sender.notice(level, text);
        let workers = WorkerPool::start(config, &startup, tell_notice)?;
        let peers = Peers::start(config, &startup, Instant::now())?;
        let logs = Logs::start(config, &startup)?;
        let trigger = trigger(config, &startup, Instant::now());
        let Startup { query, extents, .. } = startup;
        let tell_written = passing_on(&tell, workers.remotes());
        let durability = Durability::start(startup.stored, query.appends(), tell_written)?;
        let reporter = Reporter::new(&config.group_id, &config.query, query.appends());
        Ok(Self {
            tell,
            workers,
            trigger,
            assignment: Assignment::at_start(&extents),
            offsets: Offsets::new(extents, peers.are_looked_up()),
            peers,
            logs,
            backpressure: Backpressure::new(query.clone()),
            query: QueryRun::new(query, startup.checkpoints, reporter, durability),
            heartbeat: HeartbeatTimer::new(Instant::now()),
            is_stopping: false,
        })
    }

    /// Runs until the end. With `shows_checkpoints` the result of the checkpoints is shown first.
    fn run(
        &mut self,
        inbox: &Receiver<QueryCommand>,
        shows_checkpoints: bool,
    ) -> Result<(), StreamingError> {
        if shows_checkpoints {
            let now = Instant::now();
            self.send_heartbeat(now);
            self.batch(now, true, LETTERS)?;
        }
        loop {
            let now = Instant::now();
            // A heartbeat comes also while one batch follows another.
            self.send_heartbeat(now);
            self.query.durability.write_delivered(&self.tell)?;
            let waits = self.relieve(now);
            if !waits && self.is_due(now) {
                let is_last = self.trigger.fired(now, &self.assignment);
                self.batch(now, is_last, LETTERS)?;
                // What a member has read and not handed over before it left is read again.
                if is_last && self.assignment.has_read_all() {
                    return Ok(());
                }
                continue;
            }
            let mut until = self.heartbeat.next();
            if let Some(next) = self.trigger.next().filter(|_| !waits) {
                until = until.min(next);
            }
            select! {
                recv(self.workers.reports) -> report => match report {
                    Ok((number, report)) => self.report(number, report)?,
                    Err(_) => return Err(MemberError::Panicked.into()),
                },
                recv(self.peers.looks()) -> look => match look {
                    Ok(look) => {
                        let (offsets, assignment) = (&mut self.offsets, &mut self.assignment);
                        self.peers.saw(look, offsets, assignment, &self.tell);
                    }
                    Err(_) => self.peers.end(&mut self.offsets, &self.tell),
                },
                recv(self.query.durability.delivered()) -> delivery => {
                    self.query.durability.settle(delivery.ok());
                }
                recv(self.logs.looks()) -> look => match look {
                    Ok(look) => self.logs.saw(look, &self.assignment, Utc::now(), &self.tell)?,
                    Err(_) => self.logs.end(),
                },
                recv(inbox) -> command => match command {
                    Ok(QueryCommand::SetInterval(interval)) => {
                        self.trigger.set_interval(interval, Instant::now());
                    }
                    // What has been read is shown before the end.
                    Ok(QueryCommand::Stop) | Err(_) => {
                        self.is_stopping = true;
                        return self.batch(Instant::now(), false, LAST_LETTERS);
                    }
                },
                default(until.saturating_duration_since(now)) => {}
            }
        }
    }

    /// Whether a batch is due.
    fn is_due(&mut self, now: Instant) -> bool {
        let read = self.workers.records_read();
        let has_news = self.peers.has_moved() || self.offsets.has_records(read);
        self.trigger.is_due(now, has_news, &self.assignment)
    }

    /// Takes a report of the member with this number.
    fn report(&mut self, number: usize, report: Report) -> Result<(), StreamingError> {
        match report {
            Report::CaughtUp(partition) => self.assignment.caught_up(&partition),
            Report::BatchFull(batches) if self.workers.is_now(batches) => self.trigger.fill(),
            Report::MemoryShort => self.backpressure.memory_is_short(),
            Report::Assigned(partitions) => {
                // A member hears also of a rebalance that changes nothing for it.
                let news = !partitions.is_empty() || !self.assignment.has_any(number);
                if news && self.trigger.interval().is_some() {
                    let text = format!("worker {number} reads {}", names(&partitions));
                    self.tell.notice(Level::Info, text);
                }
                self.assignment.assigned(number, partitions, Instant::now());
            }
            Report::Revoked(partitions) => {
                let text = format!("worker {number} gives up {}", names(&partitions));
                self.tell.notice(Level::Info, text);
                self.assignment.revoked(number, &partitions, Instant::now());
            }
            Report::Ends(ends) => {
                for (partition, end) in ends {
                    self.offsets.saw_end(partition, end);
                }
                self.assignment.grow(self.offsets.partitions());
            }
            // All members see the same brokers.
            Report::Brokers(brokers) if number == 0 => {
                let up = brokers.iter().any(|broker| broker.up);
                self.assignment.saw_brokers(up, Instant::now());
                self.tell.event(QueryEvent::Brokers(brokers));
            }
            // That a batch was full which is over does not matter any more.
            Report::BatchFull(_)
            | Report::Brokers(_)
            | Report::Waiting
            | Report::HandedOver { .. } => {}
            Report::Notice(level, text) => self.tell.notice(level, text),
            Report::Failed(MemberError::Worker(WorkerError::OutOfMemory { .. })) => {
                return Err(self.query.out_of_memory(&self.backpressure));
            }
            Report::Failed(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Helps partitions that wait for memory. Tells whether the next batch has to wait for results to be shown.
    fn relieve(&mut self, now: Instant) -> bool {
        match self.backpressure.relief() {
            Some(Relief::Batch) => self.trigger.fill(),
            Some(Relief::Proceed) => self.workers.proceed(),
            None => {}
        }
        let (waits, is_news) = self.backpressure.results_pile_up(now);
        if is_news {
            let text =
                "memory is short, and results are not shown as fast as they are made: waiting";
            self.tell.notice(Level::Warning, text.to_owned());
        }
        waits || self.query.durability.is_full()
    }
}

/// The trigger of a query that starts now, with the interval that was asked for meanwhile.
fn trigger(config: &Config, startup: &Startup, now: Instant) -> Trigger {
    let mut trigger = Trigger::new(TriggerSettings {
        mode: config.trigger,
        is_limited: config.max_records_per_batch.is_some(),
        has_store: startup.stored.is_some(),
        has_checkpoints: startup.has_checkpoints(),
    });
    if let Some(interval) = startup.asked_interval {
        trigger.set_interval(interval, now);
    }
    trigger
}

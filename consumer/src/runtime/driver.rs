//! The thread that triggers: starts the workers, decides when a batch comes, makes its result and
//! tells of it.
//!
//! One trigger at a time: all workers hand over at it, what they hand over advances the checkpoints,
//! and the result is computed from the states of all partitions, while the workers read on.

mod batch;
mod durability;
mod heartbeat;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::Utc;
use crossbeam_channel::{Receiver, never, select};

use super::assignment::Assignment;
use super::backpressure::{Backpressure, Relief};
use super::changelog::Changelog;
use super::delivery::Deliveries;
use super::event_sender::{EventSender, passing_on};
use super::monitor::{LogLook, Monitor, MonitorSettings};
use super::offsets::Offsets;
use super::open_transactions::OpenTransactions;
use super::peers::{PeerLookup, PeerLookupSettings, Peers};
use super::report::Reporter;
use super::startup::{self, Startup};
use super::trigger::{Trigger, TriggerSettings};
use super::worker_pool::WorkerPool;
use super::{MemberError, StreamingError};
use crate::checkpoint::Checkpoints;
use crate::checkpoint::writer::WriterThread;
use crate::command::QueryCommand;
use crate::config::{Config, TriggerMode};
use crate::engine::query::Query;
use crate::engine::worker::{Allowance, WorkerError};
use crate::event::{Delivery, Level, QueryEvent, Started};
use crate::position::{TopicPartition, names};
use crate::source::identity::StaticName;
use crate::source::member::{MemberCommand, Report};

/// How long a batch waits for dead letters that are on their way: without them it would lack whatever
/// their partitions have read.
const LETTERS: Duration = Duration::from_millis(200);
/// The same of the last batch: what it lacks is lost to the result.
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
    let shows_kept = startup.has_checkpoints() && interval.is_some();
    let mut driver = Driver::start(config, startup, tell)?;
    driver.tell.event(QueryEvent::Reading);
    let outcome = driver.run(inbox, shows_kept);
    // A query that has failed waits, too: its rows are written all the same, and would come once more.
    let written = driver.await_written(inbox);
    let kept = match driver.writer.map_or(Ok(true), WriterThread::finish) {
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
    outcome.and(written).and(kept).and(driver.workers.stop())
}

struct Driver {
    tell: EventSender,
    /// As long as it runs, nobody else has its members' names.
    _identity: Option<StaticName>,
    query: Query,
    workers: WorkerPool,
    checkpoints: Checkpoints,
    writer: Option<WriterThread>,
    /// Checkpoints that wait for their rows, of a query without an aggregate.
    deliveries: Option<Deliveries>,
    /// What becomes of those rows.
    delivered: Receiver<Delivery>,
    told_of_dropped: bool,
    is_stopping: bool,
    allowance: Allowance,
    trigger: Trigger,
    assignment: Assignment,
    offsets: Offsets,
    /// What other processes keep, where this one keeps anything.
    peers: Peers,
    told_of_peers: bool,
    /// Looks at the logs beside reading; nothing in the demo.
    monitor: Option<Monitor>,
    log_looks: Receiver<LogLook>,
    transactions: OpenTransactions,
    backpressure: Backpressure,
    /// In update mode.
    changelog: Option<Changelog>,
    reporter: Reporter,
    /// Batches that are done.
    batches: u64,
    heartbeat_at: Instant,
}

impl Driver {
    fn start(config: &Config, startup: Startup, tell: EventSender) -> Result<Self, StreamingError> {
        let changelog = Changelog::of(&startup.query);
        let backpressure = Backpressure::new(startup.query.clone());
        let allowance = Allowance::new(config.max_records_per_batch);
        let sender = tell.clone();
        let tell_notice = move |level, text| sender.notice(level, text);
        let workers = WorkerPool::start(config, &startup, &allowance, tell_notice)?;
        let lookup = match &startup.stored {
            // Rows without an aggregate are kept by nobody.
            Some(at) if config.trigger != TriggerMode::AvailableNow && !startup.query.appends() => {
                Some(PeerLookup::start(PeerLookupSettings {
                    client: startup.membership.client.clone(),
                    servers: config.kafka.bootstrap_servers().to_owned(),
                    topics: config.topics.clone(),
                    group: config.group_id.clone(),
                    location: at.location_id.clone(),
                    checkpoints: startup.checkpoints.clone(),
                })?)
            }
            _ => None,
        };
        let peers = Peers::new(lookup, Instant::now());
        let monitor = match config.demo.is_empty() {
            true => Some(Monitor::start(MonitorSettings {
                client: startup.membership.client.clone(),
                topics: config
                    .topics
                    .iter()
                    .map(|topic| topic.as_str().into())
                    .collect(),
                ids: startup.topic_ids.as_ref().clone(),
                repository: startup.stored.as_ref().map(|at| Arc::clone(&at.repository)),
            })?),
            false => None,
        };
        let mut trigger = Trigger::new(TriggerSettings {
            mode: config.trigger,
            is_limited: config.max_records_per_batch.is_some(),
            is_kept: startup.stored.is_some(),
            has_kept: startup.has_checkpoints(),
        });
        if let Some(interval) = startup.asked_interval {
            trigger.set_interval(interval, Instant::now());
        }
        let writer = match startup.stored {
            Some(at) => Some(WriterThread::start(
                at.repository,
                passing_on(&tell, workers.remotes()),
            )?),
            None => None,
        };
        // What has an aggregate makes its rows again from its state.
        let holds_back = writer.is_some() && startup.query.appends();
        let deliveries = holds_back.then(Deliveries::default);
        let delivered = deliveries.as_ref();
        let delivered = delivered.map_or_else(never, |all| all.told().clone());
        let extents = startup.extents;
        let unread = extents
            .iter()
            .filter(|(_, extent)| extent.start < extent.end)
            .map(|(partition, _)| partition.clone())
            .collect();
        Ok(Self {
            tell,
            _identity: startup.membership.static_name,
            reporter: Reporter::new(&config.group_id, &config.query, startup.query.appends()),
            query: startup.query,
            workers,
            checkpoints: startup.checkpoints,
            writer,
            deliveries,
            delivered,
            told_of_dropped: false,
            is_stopping: false,
            allowance,
            trigger,
            assignment: Assignment::new(extents.len(), unread),
            offsets: Offsets::new(extents, peers.are_looked_up()),
            peers,
            told_of_peers: false,
            log_looks: monitor
                .as_ref()
                .map_or_else(never, |monitor| monitor.looks.clone()),
            monitor,
            transactions: OpenTransactions::default(),
            backpressure,
            changelog,
            batches: 0,
            heartbeat_at: Instant::now(),
        })
    }

    /// Runs until the end; whether what was kept is to be shown first.
    fn run(
        &mut self,
        inbox: &Receiver<QueryCommand>,
        shows_kept: bool,
    ) -> Result<(), StreamingError> {
        if shows_kept {
            let now = Instant::now();
            self.send_heartbeat(now);
            self.batch(now, true, LETTERS)?;
        }
        loop {
            let now = Instant::now();
            // Also while one batch follows another.
            self.send_heartbeat(now);
            self.keep_written()?;
            let waits = self.relieve(now);
            if !waits && self.is_due(now) {
                let is_last = self.trigger.fired(now, &self.assignment);
                self.batch(now, is_last, LETTERS)?;
                // A member that went before it had handed over reads again.
                if is_last && self.assignment.has_read_all() {
                    return Ok(());
                }
                continue;
            }
            let mut until = self.heartbeat_at;
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
                        let group = self.reporter.name();
                        self.peers.saw(look, offsets, assignment, group, &self.tell);
                    }
                    Err(_) => self.peers.end(&mut self.offsets, &self.tell),
                },
                recv(self.delivered) -> delivery => self.settle(delivery.ok()),
                recv(self.log_looks) -> look => match look {
                    Ok(look) => self.saw_logs(look)?,
                    // Its thread has told why.
                    Err(_) => self.log_looks = never(),
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

    fn is_due(&mut self, now: Instant) -> bool {
        let read = self.workers.counters.records.load(Ordering::Relaxed);
        let has_news = self.peers.has_moved() || self.offsets.has_records(read);
        self.trigger.is_due(now, has_news, &self.assignment)
    }

    fn report(&mut self, number: usize, report: Report) -> Result<(), StreamingError> {
        match report {
            Report::CaughtUp(partition) => self.assignment.caught_up(&partition),
            Report::BatchFull(batches) if batches == self.batches => self.trigger.fill(),
            Report::MemoryShort => self.backpressure.memory_is_short(),
            Report::Assigned(partitions) => {
                // Of a rebalance that changes nothing for it a member hears too.
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
            // All see the same brokers.
            Report::Brokers(brokers) if number == 0 => {
                let up = brokers.iter().any(|broker| broker.up);
                self.assignment.saw_brokers(up, Instant::now());
                self.tell.event(QueryEvent::Brokers(brokers));
            }
            // One of a batch that is over is no news.
            Report::BatchFull(_)
            | Report::Brokers(_)
            | Report::Waiting
            | Report::HandedOver { .. } => {}
            Report::Notice(level, text) => self.tell.notice(level, text),
            Report::Failed(MemberError::Worker(WorkerError::OutOfMemory { .. })) => {
                return Err(self.out_of_memory());
            }
            Report::Failed(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn saw_logs(&mut self, look: LogLook) -> Result<(), StreamingError> {
        if let Some(made_anew) = look.made_anew {
            return Err(MemberError::MadeAnew(made_anew).into());
        }
        if let Some(behind) = look.behind {
            let reads = |partition: &TopicPartition| self.assignment.reads(partition);
            for (level, text) in self.transactions.saw(behind, reads, Utc::now()) {
                self.tell.notice(level, text);
            }
        }
        Ok(())
    }

    /// Helps partitions that wait for memory; whether the next batch has to wait for it, too.
    fn relieve(&mut self, now: Instant) -> bool {
        match self.backpressure.relief() {
            Some(Relief::Batch) => self.trigger.fill(),
            Some(Relief::Proceed) => self.workers.tell(|| MemberCommand::Proceed(self.batches)),
            None => {}
        }
        let (waits, is_news) = self.backpressure.results_pile_up(now);
        if is_news {
            let text =
                "memory is short, and results are not shown as fast as they are made: waiting";
            self.tell.notice(Level::Warning, text.to_owned());
        }
        waits || self.deliveries.as_ref().is_some_and(Deliveries::is_full)
    }
}

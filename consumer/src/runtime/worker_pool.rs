//! All group members of a query, and the thread that writes their dead letters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};
use datafusion_execution::memory_pool::MemoryReservation;
use rdkafka::config::ClientConfig;

use super::kafka_client::queued_bytes;
use super::startup::Startup;
use super::{MemberError, StreamingError};
use crate::checkpoint::Epoch;
use crate::config::{Config, OnDataLoss, TriggerMode};
use crate::engine::worker::{Allowance, WorkerPlan};
use crate::event::Level;
use crate::position::TopicPartition;
use crate::sink::dead_letters::{self, DeadLetterSettings};
use crate::source::identity::{STATIC_NAME, StaticName};
use crate::source::member::{
    self, Counters, MemberCommand, MemberHandle, MemberRemote, MemberSettings, Report, Subscription,
};
use crate::source::topics::Extent;

/// Running members. They stop when this is dropped, whatever the reason.
pub(super) struct WorkerPool {
    handles: Vec<MemberHandle>,
    dead_letters: Option<JoinHandle<()>>,
    /// The members' reports, each with the member's number.
    pub(super) reports: Receiver<(usize, Report)>,
    /// What all members have counted.
    pub(super) counters: Arc<Counters>,
    /// How many records a batch may still have.
    allowance: Allowance,
    /// The number of batches that are done.
    batches: u64,
    /// The memory of what librdkafka fetches ahead for all members.
    _queued: MemoryReservation,
    /// As long as the members run, nobody else has their names.
    _static_name: Option<Arc<StaticName>>,
}

impl WorkerPool {
    /// Starts the members; `tell` gets the notices about dead letters.
    pub(super) fn start(
        config: &Config,
        startup: &Startup,
        tell: impl Fn(Level, String) + Send + 'static,
    ) -> Result<Self, StreamingError> {
        let (sender, reports) = unbounded();
        let (letters, dead_letters) = dead_letters::spawn(
            DeadLetterSettings {
                client: config.kafka.client_config(),
                topic: config.dead_letter_topic.clone(),
                on_failure: config.on_dead_letter_failure,
            },
            tell,
        )?;
        let mut pool = Self {
            handles: Vec::with_capacity(config.workers),
            dead_letters: Some(dead_letters),
            reports,
            counters: Arc::new(Counters::default()),
            allowance: Allowance::new(config.max_records_per_batch),
            batches: 0,
            _queued: queued(config, startup),
            _static_name: startup.membership.static_name.clone(),
        };
        for number in 0..config.workers {
            pool.handles.push(member::spawn(MemberSettings {
                number,
                client: client(config, startup, number),
                subscription: subscription(config, &startup.extents, number),
                plan: WorkerPlan {
                    query: startup.query.clone(),
                    table: startup.table.clone(),
                    stop_at_end: config.trigger == TriggerMode::AvailableNow,
                    allowance: pool.allowance.clone(),
                    on_record_error: config.on_record_error,
                },
                checkpoints: startup.checkpoints.clone(),
                extents: Arc::clone(&startup.extents),
                reports: sender.clone(),
                letters: letters.clone(),
                counters: Arc::clone(&pool.counters),
                goes_on_without_lost: config.on_data_loss == OnDataLoss::Continue,
                topic_ids: Arc::clone(&startup.topic_ids),
            })?);
        }
        Ok(pool)
    }

    pub(super) fn len(&self) -> usize {
        self.handles.len()
    }

    /// Handles through which members are sent commands.
    pub(super) fn remotes(&self) -> Vec<MemberRemote> {
        self.handles
            .iter()
            .map(|member| member.remote.clone())
            .collect()
    }

    /// Sends every member the same command.
    pub(super) fn tell(&self, command: impl Fn() -> MemberCommand) {
        for member in &self.handles {
            member.remote.send(command());
        }
    }

    /// The number of records that all members have read since the start.
    pub(super) fn records_read(&self) -> u64 {
        self.counters.records.load(Ordering::Relaxed)
    }

    /// How long a worker has been busy with records since this was asked last, on average.
    pub(super) fn take_busy(&self) -> Duration {
        let busy = self.counters.busy_nanos.swap(0, Ordering::Relaxed);
        Duration::from_nanos(busy) / u32::try_from(self.len().max(1)).unwrap_or(1)
    }

    /// Whether a report is about the present batch, if it was made when this many `batches` were done.
    pub(super) fn is_now(&self, batches: u64) -> bool {
        batches == self.batches
    }

    /// Ends a batch: members go on with the next one. The batch gives back its `allowed` records, and members whose
    /// part was `refused` are told that they have lost the partition.
    pub(super) fn end_batch(&mut self, allowed: u64, refused: Vec<(TopicPartition, Epoch)>) {
        self.allowance.give_back(allowed);
        for (partition, epoch) in refused {
            self.tell(|| MemberCommand::Refused(partition.clone(), epoch));
        }
        self.batches += 1;
        self.proceed();
    }

    /// Lets partitions that wait go on.
    pub(super) fn proceed(&self) {
        self.tell(|| MemberCommand::Proceed(self.batches));
    }

    /// The next report.
    pub(super) fn report(&self) -> Result<(usize, Report), MemberError> {
        self.reports.recv().map_err(|_| MemberError::Panicked)
    }

    /// The next report; `None` if none comes until `deadline`.
    pub(super) fn report_before(
        &self,
        deadline: Instant,
    ) -> Result<Option<(usize, Report)>, MemberError> {
        match self.reports.recv_deadline(deadline) {
            Ok(report) => Ok(Some(report)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(MemberError::Panicked),
        }
    }

    /// Stops all members and waits for them.
    pub(super) fn stop(mut self) -> Result<(), StreamingError> {
        self.tell(|| MemberCommand::Stop);
        let mut outcome = Ok(());
        for member in self.handles.drain(..) {
            outcome = outcome.and(member.join().map_err(StreamingError::from));
        }
        if let Some(thread) = self.dead_letters.take()
            && thread.join().is_err()
        {
            outcome = outcome.and(Err(StreamingError::Panicked));
        }
        outcome
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.tell(|| MemberCommand::Stop);
    }
}

/// Counts what librdkafka may fetch ahead, since nothing tells how much it has fetched.
fn queued(config: &Config, startup: &Startup) -> MemoryReservation {
    let reservation = startup.query.memory().reserve("records fetched ahead");
    let client = client(config, startup, 0);
    let of_each = usize::try_from(queued_bytes(&client)).unwrap_or(usize::MAX);
    // While one queue is read the next one is being filled.
    reservation.grow(of_each.saturating_mul(2 * config.workers));
    reservation
}

/// The client settings of one member. Each static member needs a name of its own, or it would throw the others out.
fn client(config: &Config, startup: &Startup, number: usize) -> ClientConfig {
    let mut client = startup.membership.client.clone();
    // An end of a log that comes out of a poll comes behind all records before it.
    client.set("enable.partition.eof", "true");
    let name = match (&startup.membership.static_name, client.get(STATIC_NAME)) {
        (Some(identity), _) => Some(identity.of_member(number)),
        (None, Some(users)) if config.workers > 1 => Some(format!("{users}-{number}")),
        (None, _) => None,
    };
    if let Some(name) = name {
        client.set(STATIC_NAME, name);
    }
    client
}

/// The partitions that one member reads. With available-now members share all partitions without a group, so that
/// nothing waits for a join.
fn subscription(
    config: &Config,
    extents: &BTreeMap<TopicPartition, Extent>,
    number: usize,
) -> Subscription {
    match config.trigger {
        TriggerMode::AvailableNow => {
            let own = extents.keys().skip(number).step_by(config.workers);
            Subscription::Fixed(own.cloned().collect())
        }
        TriggerMode::Interval(_) => Subscription::Group(config.topics.clone()),
    }
}

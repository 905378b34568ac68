//! One member of the consumer group on its own thread: polls Kafka, hands what comes to its worker,
//! and does what the worker says.
//!
//! The thread sleeps only where nothing is there: librdkafka wakes it when something comes, and so does
//! everyone who sends it a command.

mod failure;
mod fetching;
mod held;
mod outbox;
mod polling;
mod session;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded, unbounded};
use rdkafka::config::ClientConfig;

use super::topic_ids::TopicIds;
use super::topics::Extent;
use crate::checkpoint::{Checkpoints, Epoch};
use crate::engine::worker::{PartitionBatch, WorkerPlan};
use crate::event::{Broker, Level};
use crate::position::{Offset, TopicPartition};
use crate::sink::dead_letters::{DeadLetters, Refusal};

pub use self::failure::MemberError;
pub use self::polling::{AfterStep, MemberLoop, SessionEnd};

/// How a member gets its partitions.
#[derive(Clone, Debug)]
pub enum Subscription {
    /// The group that reads these topics assigns them.
    Group(Vec<String>),
    /// They are these, and there is no group.
    Fixed(Vec<TopicPartition>),
}

/// What a member is told.
#[derive(Debug)]
pub enum MemberCommand {
    /// Hand over what has been read.
    Trigger,
    /// The batch is done. The number says how many are, of all members.
    Proceed(u64),
    /// So many dead letters of this partition, as it was taken over under this epoch, have been written or given up.
    LettersSettled(TopicPartition, Epoch, u64),
    /// Dead letters of this partition, as it was taken over under this epoch, cannot be written for now.
    LettersStuck(TopicPartition, Epoch),
    /// One of them can never be written as things stand.
    LetterRefused(TopicPartition, Epoch, Refusal),
    /// What was handed over of this partition, taken over then, moved nothing on: another worker of this
    /// process has it.
    Refused(TopicPartition, Epoch),
    /// The partition's checkpoint is durable up to there: whoever reads it tells the group.
    Commit(TopicPartition, Offset),
    /// Leave the group and end.
    Stop,
}

/// What a member tells.
#[derive(Debug)]
pub enum Report {
    /// The answer to [`MemberCommand::Trigger`].
    HandedOver {
        /// What it has read.
        batches: Vec<PartitionBatch>,
        /// Whether there is more, which waits for dead letters that are on their way;
        /// [`Report::BatchFull`] comes when it does no longer.
        is_deferred: bool,
    },
    /// Partitions that are its own from now on.
    Assigned(Vec<TopicPartition>),
    /// Partitions that are no longer its own.
    Revoked(Vec<TopicPartition>),
    /// What was there at the start has been read from this partition.
    CaughtUp(TopicPartition),
    /// It has records, and nothing more to read for now.
    Waiting,
    /// It waits for a trigger. The last [`MemberCommand::Proceed`]'s number: what was full before a later one is no
    /// longer, or is told again.
    BatchFull(u64),
    /// It waits for a trigger, or for memory.
    MemoryShort,
    /// The ends of the logs.
    Ends(Vec<(TopicPartition, Offset)>),
    /// The brokers.
    Brokers(Vec<Broker>),
    /// A person should know this.
    Notice(Level, String),
    /// It cannot go on.
    Failed(MemberError),
}

/// What a member has read, for whoever watches.
#[derive(Debug, Default)]
pub struct Counters {
    /// Records, bad ones included.
    pub records: AtomicU64,
    /// Bytes of their values.
    pub bytes: AtomicU64,
    /// Partitions that are not fetched for now.
    pub paused: AtomicU64,
    /// Time spent on records, over all members, since it was last set to 0.
    pub busy_nanos: AtomicU64,
}

/// All that a member needs.
pub struct MemberSettings {
    /// The member's number, which is in its thread's name.
    pub number: usize,
    /// The settings of its Kafka client.
    pub client: ClientConfig,
    /// Where its partitions come from.
    pub subscription: Subscription,
    /// What its worker does.
    pub plan: WorkerPlan,
    /// Where partitions are taken up.
    pub checkpoints: Checkpoints,
    /// The partitions when the query was started.
    pub extents: Arc<BTreeMap<TopicPartition, Extent>>,
    /// Where reports go, with the member's number.
    pub reports: Sender<(usize, Report)>,
    /// Where bad records go.
    pub letters: DeadLetters,
    /// Counted up while reading.
    pub counters: Arc<Counters>,
    /// Whether reading goes on without records that are gone before they were read.
    pub goes_on_without_lost: bool,
    /// The ids of the topics, as far as they are known.
    pub topic_ids: Arc<TopicIds>,
}

/// Sends commands to a member and wakes it.
#[derive(Clone, Debug)]
pub struct MemberRemote {
    commands: Sender<MemberCommand>,
    wake: Sender<()>,
}

impl MemberRemote {
    /// Sends a command. One to a member that has ended is lost; it has told why.
    pub fn send(&self, command: MemberCommand) {
        if self.commands.send(command).is_ok() {
            wake(&self.wake);
        }
    }
}

/// Where a member finds what it is told.
#[derive(Debug)]
pub struct MemberInbox {
    commands: Receiver<MemberCommand>,
    woken: Receiver<()>,
}

impl MemberInbox {
    /// The next command, if there is one.
    pub fn take(&self) -> Option<MemberCommand> {
        self.commands.try_recv().ok()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// The next command; waits for it `until` then.
    fn take_until(&self, until: Instant) -> Result<MemberCommand, RecvTimeoutError> {
        self.commands.recv_deadline(until)
    }

    /// Waits until somebody wakes the member, so long at most.
    fn sleep(&self, longest: Duration) {
        // Woken or not, all is looked at again.
        let _ = self.woken.recv_timeout(longest);
    }
}

/// How a member is told something, and where it finds that.
pub fn mailbox() -> (MemberRemote, MemberInbox) {
    let (commands, inbox) = unbounded();
    let (wake, woken) = bounded(1);
    let remote = MemberRemote { commands, wake };
    let inbox = MemberInbox {
        commands: inbox,
        woken,
    };
    (remote, inbox)
}

fn wake(sender: &Sender<()>) {
    match sender.try_send(()) {
        // Full: it is going to wake anyway.
        Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
    }
}

/// A running member.
pub struct MemberHandle {
    /// To command it.
    pub remote: MemberRemote,
    thread: JoinHandle<()>,
}

impl MemberHandle {
    /// Waits for its end.
    ///
    /// # Errors
    /// If its thread panicked.
    pub fn join(self) -> Result<(), MemberError> {
        self.thread.join().map_err(|_| MemberError::Panicked)
    }
}

/// Starts a member.
///
/// # Errors
/// If the operating system gives no thread.
pub fn spawn(settings: MemberSettings) -> std::io::Result<MemberHandle> {
    let (remote, inbox) = mailbox();
    let wake_up = remote.wake.clone();
    let own = remote.clone();
    let thread = thread::Builder::new()
        .name(format!("worker-{}", settings.number))
        .spawn(move || {
            let reports = settings.reports.clone();
            let tell = TellOfPanic(settings.number, settings.reports.clone());
            let number = settings.number;
            let mut member = MemberLoop::new(settings, own);
            if let Err(error) = session::run(&mut member, &inbox, &wake_up) {
                // Nobody listens any more if the query has ended.
                let _ = reports.send((number, Report::Failed(error)));
            }
            drop(tell);
        })?;
    Ok(MemberHandle { remote, thread })
}

/// Tells of a thread that breaks down, so that nobody waits for it.
struct TellOfPanic(usize, Sender<(usize, Report)>);

impl Drop for TellOfPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            let failed = Report::Failed(MemberError::Panicked);
            // Nobody listens any more if the query has ended.
            let _ = self.1.send((self.0, failed));
        }
    }
}

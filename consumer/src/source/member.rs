//! One member of the consumer group on its own thread. It polls Kafka, hands the records to its worker, and does what
//! the worker says.
//!
//! The thread sleeps only when it has nothing to do. librdkafka wakes it when something comes, and so does everyone who
//! sends it a command.

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
    /// The group assigns the member its partitions of these topics.
    Group(Vec<String>),
    /// The member reads exactly these partitions, without a group.
    Fixed(Vec<TopicPartition>),
}

/// A command to a member.
#[derive(Debug)]
pub enum MemberCommand {
    /// The member hands over what it has read.
    Trigger,
    /// The batch is done. The number counts the batches that are done, over all members.
    Proceed(u64),
    /// This many dead letters of the partition, taken over under this epoch, have been written or given up.
    LettersSettled(TopicPartition, Epoch, u64),
    /// Dead letters of the partition, taken over under this epoch, cannot be written for now.
    LettersStuck(TopicPartition, Epoch),
    /// A dead letter of the partition can never be written as things stand.
    LetterRefused(TopicPartition, Epoch, Refusal),
    /// What the member handed over of the partition, taken over under this epoch, was not taken: another worker of this
    /// process has the partition.
    Refused(TopicPartition, Epoch),
    /// The partition's checkpoint is durable up to this offset; the member that reads the partition tells the group.
    Commit(TopicPartition, Offset),
    /// The member leaves the group and ends.
    Stop,
}

/// What a member tells the query.
#[derive(Debug)]
pub enum Report {
    /// The answer to [`MemberCommand::Trigger`].
    HandedOver {
        /// What the member has read.
        batches: Vec<PartitionBatch>,
        /// Whether the member has more to hand over, which waits for dead letters that are on their way.
        /// [`Report::BatchFull`] follows when it waits no longer.
        is_deferred: bool,
    },
    /// Partitions that the member has from now on.
    Assigned(Vec<TopicPartition>),
    /// Partitions that the member no longer has.
    Revoked(Vec<TopicPartition>),
    /// The member has read everything that was in this partition at the start.
    CaughtUp(TopicPartition),
    /// The member has records, and nothing more to read for now.
    Waiting,
    /// The member waits for a trigger. The number is that of the last [`MemberCommand::Proceed`]: when a later one is
    /// sent, the batch is no longer full, or the member reports it again.
    BatchFull(u64),
    /// The member waits for a trigger, or for memory.
    MemoryShort,
    /// The offsets at which the logs end.
    Ends(Vec<(TopicPartition, Offset)>),
    /// The brokers of the cluster.
    Brokers(Vec<Broker>),
    /// A message that a person should see.
    Notice(Level, String),
    /// The member cannot go on.
    Failed(MemberError),
}

/// Counts of what a member has read, for those who watch it.
#[derive(Debug, Default)]
pub struct Counters {
    /// Records read, bad ones included.
    pub records: AtomicU64,
    /// Bytes of the records' values.
    pub bytes: AtomicU64,
    /// Partitions that are not fetched for now.
    pub paused: AtomicU64,
    /// Nanoseconds spent on records, over all members, since the counter was last set to 0.
    pub busy_nanos: AtomicU64,
}

/// All that a member needs.
pub struct MemberSettings {
    /// The member's number, which is in its thread's name.
    pub number: usize,
    /// The settings of its Kafka client.
    pub client: ClientConfig,
    /// How the member gets its partitions.
    pub subscription: Subscription,
    /// What the member's worker does.
    pub plan: WorkerPlan,
    /// Where partitions are taken over from.
    pub checkpoints: Checkpoints,
    /// The partitions and their ends when the query was started.
    pub extents: Arc<BTreeMap<TopicPartition, Extent>>,
    /// The channel of the member's reports, each with the member's number.
    pub reports: Sender<(usize, Report)>,
    /// The dead-letter office that takes bad records.
    pub letters: DeadLetters,
    /// The counters to which the member adds what it reads.
    pub counters: Arc<Counters>,
    /// Whether the member goes on when records are gone that it has not read yet.
    pub goes_on_without_lost: bool,
    /// The ids of the topics whose id is known.
    pub topic_ids: Arc<TopicIds>,
}

/// Sends commands to a member and wakes it.
#[derive(Clone, Debug)]
pub struct MemberRemote {
    commands: Sender<MemberCommand>,
    wake: Sender<()>,
}

impl MemberRemote {
    /// Sends a command. A command to a member that has ended is lost; the member has reported why it ended.
    pub fn send(&self, command: MemberCommand) {
        if self.commands.send(command).is_ok() {
            wake(&self.wake);
        }
    }
}

/// The member's end of its mailbox, from which it takes its commands.
#[derive(Debug)]
pub struct MemberInbox {
    commands: Receiver<MemberCommand>,
    woken: Receiver<()>,
}

impl MemberInbox {
    /// Returns the next command, if there is one.
    pub fn take(&self) -> Option<MemberCommand> {
        self.commands.try_recv().ok()
    }

    /// Returns whether no command is waiting.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Returns the next command, for which it waits `until` that time.
    fn take_until(&self, until: Instant) -> Result<MemberCommand, RecvTimeoutError> {
        self.commands.recv_deadline(until)
    }

    /// Waits until somebody wakes the member, at most for `longest`.
    fn sleep(&self, longest: Duration) {
        // Whether it was woken or not, the member looks at everything again.
        let _ = self.woken.recv_timeout(longest);
    }
}

/// Makes a mailbox: the remote that sends commands to a member, and the inbox from which the member takes them.
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
        // When the channel is full, the member is going to wake anyway.
        Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
    }
}

/// A running member.
pub struct MemberHandle {
    /// Sends commands to the member.
    pub remote: MemberRemote,
    thread: JoinHandle<()>,
}

impl MemberHandle {
    /// Waits until the member's thread has ended.
    ///
    /// # Errors
    /// Returns [`MemberError::Panicked`] if its thread panicked.
    pub fn join(self) -> Result<(), MemberError> {
        self.thread.join().map_err(|_| MemberError::Panicked)
    }
}

/// Starts a member on its own thread.
///
/// # Errors
/// Fails if the operating system gives no thread.
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

/// Reports that the member's thread has panicked, so that nobody waits for it.
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

//! One member of the consumer group on its own thread: polls Kafka, hands what comes to its worker,
//! and does what the worker says.
//!
//! The thread sleeps only where nothing is there: librdkafka wakes it when something comes, and so does
//! everyone who sends it a command.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};
use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers, Message, OwnedMessage};
use thiserror::Error;

use super::group_context::{GroupContext, Seen};
use super::topics::Extent;
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::decode::{Header, RecordMeta};
use crate::engine::worker::{Action, Contribution, Event, Worker, WorkerError, WorkerPlan};
use crate::event::{Broker, Level};
use crate::position::{Offset, TopicPartition};
use crate::sink::dead_letters::{DeadLetters, Letter};

/// Records between two looks at the commands.
const RECORDS_A_TURN: usize = 1024;
/// How long `poll` looks at an empty queue: callbacks that it serves count as empty.
const LOOK: Duration = Duration::from_millis(1);
/// Statistics come once a second: what they say after this time was so after what was done.
const STALE: Duration = Duration::from_secs(2);
/// The longest sleep: librdkafka wants to be polled now and then.
const SLEEP: Duration = Duration::from_secs(1);

/// How a member gets its partitions.
#[derive(Clone, Debug)]
pub enum Assignment {
    /// From the group that reads these topics.
    Group(Vec<String>),
    /// These, without a group.
    Fixed(Vec<TopicPartition>),
}

/// What a member is told.
#[derive(Debug)]
pub enum Command {
    /// Hand over what has been read.
    Trigger,
    /// The batch is done.
    Proceed,
    /// A dead letter of this partition has been written or given up.
    LetterSettled(TopicPartition),
    /// Dead letters of this partition cannot be written for now.
    LettersStuck(TopicPartition),
    /// Leave the group and end.
    Stop,
}

/// What a member tells.
#[derive(Debug)]
pub enum Report {
    /// What it has read, on [`Command::Trigger`], and whether there is more that waits for dead letters.
    HandedOver(Vec<Contribution>, bool),
    /// Partitions that are its own from now on.
    Assigned(Vec<TopicPartition>),
    /// Partitions that are not.
    Revoked(Vec<TopicPartition>),
    /// What was there at the start has been read from this partition.
    CaughtUp(TopicPartition),
    /// It has records and nothing more to read for now, or its batch is full.
    Waiting {
        /// Because its batch is full.
        full: bool,
    },
    /// The ends of the logs.
    Ends(Vec<(TopicPartition, Offset)>),
    /// The brokers.
    Brokers(Vec<Broker>),
    /// For a person.
    Notice(Level, String),
    /// It cannot go on.
    Failed(MemberError),
}

/// Why a member, and with it the query, stops.
#[derive(Debug, Error)]
pub enum MemberError {
    /// The query fails.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The client cannot be made.
    #[error("the Kafka client cannot be started: {0}")]
    Client(String),
    /// The brokers refuse.
    #[error("Kafka refuses: {0}")]
    Refused(String),
    /// Records that were to be read are gone.
    #[error(
        "records that were still to be read are gone from the topic ({0}); retention has deleted them, \
         or the topic was made anew"
    )]
    RecordsLost(String),
    /// A panic, which is a bug.
    #[error("the worker's thread broke down")]
    Panicked,
}

impl From<KafkaError> for MemberError {
    fn from(error: KafkaError) -> Self {
        Self::Client(error.to_string())
    }
}

/// What a member has read, for whoever watches.
#[derive(Debug, Default)]
pub struct Counters {
    /// Records, bad ones included.
    pub records: AtomicU64,
    /// Bytes of their values.
    pub bytes: AtomicU64,
    /// Bad ones.
    pub bad: AtomicU64,
    /// Partitions that are not fetched for now.
    pub paused: AtomicU64,
    /// Time spent on records, over all members, since it was last set to 0.
    pub busy_nanos: AtomicU64,
}

/// All that a member needs.
pub struct MemberSettings {
    /// For the thread's name.
    pub number: usize,
    /// Of the Kafka client.
    pub client: ClientConfig,
    /// Where its partitions come from.
    pub assignment: Assignment,
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
}

/// Sends commands to a member and wakes it.
#[derive(Clone, Debug)]
pub struct MemberRemote {
    commands: Sender<Command>,
    wake: Sender<()>,
}

impl MemberRemote {
    /// Sends a command. One to a member that has ended is lost; it has told why.
    pub fn send(&self, command: Command) {
        if self.commands.send(command).is_ok() {
            wake(&self.wake);
        }
    }
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
    let (commands, inbox) = unbounded();
    let (wake, woken) = bounded(1);
    let remote = MemberRemote {
        commands,
        wake: wake.clone(),
    };
    let own = remote.clone();
    let thread = thread::Builder::new()
        .name(format!("worker-{}", settings.number))
        .spawn(move || {
            let (number, reports) = (settings.number, settings.reports.clone());
            let mut member = Member::new(settings, own);
            if let Err(error) = member.run(&inbox, &wake, &woken) {
                // Nobody listens any more if the query has ended.
                let _ = reports.send((number, Report::Failed(error)));
            }
        })?;
    Ok(MemberHandle { remote, thread })
}

type GroupConsumer = BaseConsumer<GroupContext>;

/// Why a session with the brokers ended.
enum End {
    Stopped,
    /// After a fatal error: a new client joins the group.
    Anew(String),
}

/// Records read and not counted yet.
#[derive(Default)]
struct Read {
    records: u64,
    bytes: u64,
}

struct Member {
    settings: MemberSettings,
    remote: MemberRemote,
    worker: Worker,
    actions: Vec<Action>,
    /// Records that the worker did not take.
    held: Vec<OwnedMessage>,
    paused: u64,
    reads_headers: bool,
    brokers: Vec<Broker>,
    /// Whether it has been said that no broker answers.
    all_down: bool,
    has_news: bool,
    read: Read,
    /// Partitions whose end librdkafka has come to, though perhaps not this thread.
    reached: Vec<TopicPartition>,
    /// When a partition was last assigned or resumed.
    fetching_since: Instant,
}

impl Member {
    fn new(settings: MemberSettings, remote: MemberRemote) -> Self {
        let query = &settings.plan.query;
        let reads_headers = query
            .columns()
            .iter()
            .any(|column| query.table().field(*column).name() == "_headers");
        Self {
            worker: Worker::new(settings.plan.clone()),
            settings,
            remote,
            actions: Vec::new(),
            held: Vec::new(),
            paused: 0,
            reads_headers,
            brokers: Vec::new(),
            all_down: false,
            has_news: false,
            read: Read::default(),
            reached: Vec::new(),
            fetching_since: Instant::now(),
        }
    }

    fn run(
        &mut self,
        inbox: &Receiver<Command>,
        wake_up: &Sender<()>,
        woken: &Receiver<()>,
    ) -> Result<(), MemberError> {
        loop {
            let mut consumer: GroupConsumer =
                self.settings.client.create_with_context(GroupContext::new(
                    self.settings.checkpoints.clone(),
                    Arc::clone(&self.settings.extents),
                ))?;
            let sender = wake_up.clone();
            consumer.set_nonempty_callback(move || wake(&sender));
            self.join(&consumer)?;
            match self.session(&consumer, inbox, woken)? {
                End::Stopped => return Ok(()),
                End::Anew(reason) => {
                    self.notice(
                        Level::Warning,
                        format!("worker {} joins anew: {reason}", self.settings.number),
                    );
                    self.worker.clear();
                    self.held.clear();
                    self.paused = 0;
                }
            }
        }
    }

    fn join(&mut self, consumer: &GroupConsumer) -> Result<(), MemberError> {
        match self.settings.assignment.clone() {
            Assignment::Group(topics) => {
                let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
                consumer.subscribe(&topics)?;
            }
            Assignment::Fixed(partitions) => {
                let (begun, list) = consumer.context().begin(&partitions)?;
                consumer.assign(&list)?;
                self.assigned(consumer, begun)?;
            }
        }
        Ok(())
    }

    fn session(
        &mut self,
        consumer: &GroupConsumer,
        inbox: &Receiver<Command>,
        woken: &Receiver<()>,
    ) -> Result<End, MemberError> {
        loop {
            let turn = Instant::now();
            let mut drained = false;
            for _ in 0..RECORDS_A_TURN {
                match consumer.poll(LOOK) {
                    Some(Ok(message)) => self.record(consumer, &message)?,
                    Some(Err(error)) => {
                        if let Some(end) = self.error(consumer, error)? {
                            return Ok(end);
                        }
                    }
                    None => {
                        drained = true;
                        break;
                    }
                }
            }
            self.count();
            for seen in consumer.context().take_seen() {
                drained = false;
                self.saw(consumer, seen)?;
            }
            if drained {
                // What was fetched before these ends has been seen now.
                for partition in mem::take(&mut self.reached) {
                    self.step(consumer, Event::ReachedEnd(&partition))?;
                }
                self.step(consumer, Event::Idle)?;
                self.tell_waiting(false);
            }
            while let Ok(command) = inbox.try_recv() {
                if matches!(command, Command::Stop) {
                    return Ok(End::Stopped);
                }
                drained = false;
                self.command(consumer, command)?;
            }
            if self.has_news || !drained {
                let busy = u64::try_from(turn.elapsed().as_nanos()).unwrap_or(u64::MAX);
                let counters = &self.settings.counters;
                counters.busy_nanos.fetch_add(busy, Ordering::Relaxed);
            }
            if drained {
                // Woken or not, all is looked at again.
                let _ = woken.recv_timeout(SLEEP);
            }
        }
    }

    fn command(&mut self, consumer: &GroupConsumer, command: Command) -> Result<(), MemberError> {
        match command {
            Command::Trigger => self.step(consumer, Event::Trigger),
            Command::Proceed => self.step(consumer, Event::Proceed),
            Command::LetterSettled(partition) => {
                self.step(consumer, Event::LetterSettled(&partition))
            }
            Command::LettersStuck(partition) => {
                self.step(consumer, Event::LettersStuck(&partition))
            }
            Command::Stop => Ok(()),
        }
    }

    #[inline]
    fn record<M: Message>(
        &mut self,
        consumer: &GroupConsumer,
        message: &M,
    ) -> Result<(), MemberError> {
        let payload = message.payload();
        self.read.records += 1;
        self.read.bytes += payload.map_or(0, <[u8]>::len) as u64;
        self.has_news = true;
        let mut headers = Vec::new();
        if self.reads_headers
            && let Some(all) = message.headers()
        {
            headers.extend(all.iter().map(|header| Header {
                key: header.key,
                value: header.value,
            }));
        }
        let meta = RecordMeta {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis(),
            key: message.key(),
            headers: &headers,
        };
        self.worker
            .step(Event::Record { meta, payload }, &mut self.actions)?;
        if self.actions.is_empty() {
            return Ok(());
        }
        self.act_on_record(consumer, message)?;
        self.act(consumer)
    }

    /// Does those actions that are about the record itself.
    #[cold]
    fn act_on_record<M: Message>(
        &mut self,
        consumer: &GroupConsumer,
        message: &M,
    ) -> Result<(), MemberError> {
        let mut others = Vec::new();
        for action in self.actions.drain(..) {
            match action {
                Action::DeadLetter { reason } => {
                    self.settings.counters.bad.fetch_add(1, Ordering::Relaxed);
                    let letter = Letter::new(message, reason, self.remote.clone());
                    self.settings.letters.send(letter);
                }
                Action::Hold => {
                    // It was counted when it came, and will be when it comes again.
                    self.read.records -= 1;
                    self.read.bytes -= message.payload().map_or(0, <[u8]>::len) as u64;
                    consumer.pause(&one(message.topic(), message.partition()))?;
                    self.paused += 1;
                    self.held.push(owned(message));
                }
                other => others.push(other),
            }
        }
        self.actions = others;
        if !self.held.is_empty() {
            self.has_news = true;
            self.tell_waiting(true);
        }
        Ok(())
    }

    fn step(&mut self, consumer: &GroupConsumer, event: Event<'_>) -> Result<(), MemberError> {
        self.worker.step(event, &mut self.actions)?;
        self.act(consumer)
    }

    fn act(&mut self, consumer: &GroupConsumer) -> Result<(), MemberError> {
        for action in mem::take(&mut self.actions) {
            match action {
                Action::Pause(partition) => {
                    consumer.pause(&one(&partition.topic, partition.partition))?;
                    self.paused += 1;
                }
                Action::Resume(partition) => self.resume(consumer, &partition)?,
                Action::CaughtUp(partition) => self.report(Report::CaughtUp(partition)),
                Action::HandOver {
                    contributions,
                    kept_back,
                } => {
                    self.has_news = false;
                    self.report(Report::HandedOver(contributions, kept_back));
                }
                Action::DeadLetter { .. } | Action::Hold => {}
            }
        }
        self.settings
            .counters
            .paused
            .store(self.paused, Ordering::Relaxed);
        Ok(())
    }

    /// What was kept of the partition comes first; it may be kept again.
    fn resume(
        &mut self,
        consumer: &GroupConsumer,
        partition: &TopicPartition,
    ) -> Result<(), MemberError> {
        let own = |message: &mut OwnedMessage| {
            message.partition() == partition.partition && message.topic() == &*partition.topic
        };
        self.paused = self.paused.saturating_sub(1);
        self.fetching_since = Instant::now();
        let kept: Vec<OwnedMessage> = self.held.extract_if(.., own).collect();
        for message in kept {
            self.record(consumer, &message)?;
        }
        if !self.held.iter_mut().any(own) {
            consumer.resume(&one(&partition.topic, partition.partition))?;
        }
        Ok(())
    }

    fn saw(&mut self, consumer: &GroupConsumer, seen: Seen) -> Result<(), MemberError> {
        match seen {
            Seen::Assigned(begun) => self.assigned(consumer, begun),
            Seen::Revoked(partitions) => {
                for partition in &partitions {
                    self.step(consumer, Event::Revoked(partition))?;
                    self.held.retain(|message| {
                        message.partition() != partition.partition
                            || message.topic() != &*partition.topic
                    });
                }
                self.report(Report::Revoked(partitions));
                Ok(())
            }
            Seen::Statistics(statistics) => {
                let brokers = statistics.brokers(&self.brokers);
                self.all_down &= brokers.iter().all(|broker| !broker.up);
                if brokers != self.brokers {
                    self.brokers.clone_from(&brokers);
                    self.report(Report::Brokers(brokers));
                }
                self.report(Report::Ends(statistics.ends().collect()));
                if self.several_topics() && self.fetching_since.elapsed() >= STALE {
                    let ends = statistics.reached_ends();
                    let context = consumer.context();
                    let reached = ends.filter(|(partition, end)| *end >= context.end(partition));
                    self.reached.extend(reached.map(|(partition, _)| partition));
                }
                Ok(())
            }
            Seen::Error(error, reason) => {
                match error.rdkafka_error_code() {
                    // An end is no error; brokers that come and go are told one by one; and what
                    // is wrong with fetching comes from polling too.
                    Some(
                        RDKafkaErrorCode::PartitionEOF
                        | RDKafkaErrorCode::BrokerTransportFailure
                        | RDKafkaErrorCode::Resolve,
                    ) => tracing::debug!(%error, "{reason}"),
                    // Said again and again while it lasts, and by each worker.
                    Some(RDKafkaErrorCode::AllBrokersDown) => {
                        if self.settings.number == 0 && !mem::replace(&mut self.all_down, true) {
                            let text = "no broker answers; waiting for them".to_owned();
                            self.notice(Level::Warning, text);
                        }
                    }
                    _ => self.notice(Level::Warning, reason),
                }
                Ok(())
            }
        }
    }

    fn assigned(
        &mut self,
        consumer: &GroupConsumer,
        begun: Vec<(TopicPartition, Checkpoint)>,
    ) -> Result<(), MemberError> {
        self.fetching_since = Instant::now();
        let partitions = begun.iter().map(|(partition, _)| partition.clone());
        self.report(Report::Assigned(partitions.collect()));
        for (partition, from) in begun {
            let until = consumer.context().end(&partition);
            self.step(
                consumer,
                Event::Assigned {
                    partition,
                    from,
                    until,
                },
            )?;
        }
        Ok(())
    }

    fn error(
        &mut self,
        consumer: &GroupConsumer,
        error: KafkaError,
    ) -> Result<Option<End>, MemberError> {
        match error {
            KafkaError::PartitionEOF(number) => {
                // It names no topic; with several, the statistics tell.
                if !self.several_topics()
                    && let Some(known) = self.settings.extents.keys().next()
                {
                    let partition = TopicPartition {
                        topic: Arc::clone(&known.topic),
                        partition: number,
                    };
                    self.step(consumer, Event::ReachedEnd(&partition))?;
                }
                Ok(None)
            }
            KafkaError::MessageConsumptionFatal(code) => Ok(Some(End::Anew(code.to_string()))),
            KafkaError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
            ) => Err(MemberError::RecordsLost(error.to_string())),
            KafkaError::MessageConsumption(
                code @ (RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::InvalidGroupId),
            ) => Err(MemberError::Refused(code.to_string())),
            other => {
                tracing::debug!(error = %other, "while polling");
                Ok(None)
            }
        }
    }

    /// Tells all what this thread has read. Not with each record: all members count in one place.
    fn count(&mut self) {
        let read = mem::take(&mut self.read);
        let counters = &self.settings.counters;
        counters.records.fetch_add(read.records, Ordering::Relaxed);
        counters.bytes.fetch_add(read.bytes, Ordering::Relaxed);
    }

    fn several_topics(&self) -> bool {
        let mut topics = self.settings.extents.keys().map(|known| &known.topic);
        let first = topics.next();
        topics.any(|other| Some(other) != first)
    }

    fn tell_waiting(&mut self, full: bool) {
        self.count();
        if self.has_news {
            self.has_news = false;
            self.report(Report::Waiting { full });
        }
    }

    fn notice(&self, level: Level, text: String) {
        self.report(Report::Notice(level, text));
    }

    fn report(&self, report: Report) {
        // Nobody listens any more if the query has ended.
        let _ = self.settings.reports.send((self.settings.number, report));
    }
}

fn one(topic: &str, partition: i32) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition(topic, partition);
    list
}

pub(crate) fn owned<M: Message>(message: &M) -> OwnedMessage {
    OwnedMessage::new(
        message.payload().map(<[u8]>::to_vec),
        message.key().map(<[u8]>::to_vec),
        message.topic().to_owned(),
        message.timestamp(),
        message.partition(),
        message.offset(),
        message.headers().map(|headers| {
            let mut copy = rdkafka::message::OwnedHeaders::new();
            for header in headers.iter() {
                copy = copy.insert(header);
            }
            copy
        }),
    )
}

//! The loop of one member: records from its client to the worker, and what the worker says to whom it concerns.
//!
//! A turn of the loop is made in stages, one a step. Between two steps others may do anything that they may do at any
//! time: move checkpoints on, send commands, write dead letters. No thread, clock or sleep is in here. The thread that
//! calls it has them (`member/session`), or the schedule of a simulation.

mod acting;
mod events;
mod lost;
mod uncounted;

use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;

use self::uncounted::Uncounted;
use super::Subscription;
use super::fetching::Fetching;
use super::outbox::Outbox;
use super::{MemberCommand, MemberError, MemberInbox, MemberRemote, MemberSettings, Report};
use crate::engine::worker::{Action, Worker, WorkerEvent};
use crate::event::{Broker, Level};
use crate::position::{Offset, TopicPartition};
use crate::schema::metadata::MetadataColumn;
use crate::source::client::{Fetched, MemberClient, Polled};

/// The longest sleep: librdkafka wants to be polled now and then.
const SLEEP: Duration = Duration::from_secs(1);

/// Why a session with the brokers ended.
#[derive(Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The member was told to stop.
    Stopped,
    /// The client cannot go on, for this reason. A new one joins the group in its place.
    Anew(String),
}

/// What is to be done after a step of the loop.
#[derive(Debug, PartialEq, Eq)]
pub enum AfterStep {
    /// The next step, at once.
    Go,
    /// Nothing is there: the next step when the member is woken, or after so long.
    Sleep(Duration),
    /// No step with this client any more.
    Leave(SessionEnd),
}

/// The stages of a turn.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Records that are there go to the worker.
    Records,
    /// The client calls back: partitions are taken over and released.
    Poll,
    /// The worker hears what the client saw.
    Events,
    /// The worker hears that nothing is there, if that is so.
    Idle,
    /// Commands are obeyed, one a step.
    Commands,
    /// Letters that have waited for long go on their way.
    Letters,
    /// The turn is over.
    Rest,
}

/// How far a turn has come.
#[derive(Debug)]
struct Turn {
    stage: Stage,
    /// When it began; `None` before its first step.
    began: Option<Instant>,
    /// Whether nothing has been there so far.
    is_drained: bool,
    /// Whether something has been done with records so far.
    is_busy: bool,
}

impl Turn {
    fn new() -> Self {
        Self {
            stage: Stage::Records,
            began: None,
            is_drained: true,
            is_busy: false,
        }
    }
}

/// A member: its worker, and what is to be known of its client. The client is that of the caller.
pub struct MemberLoop {
    settings: MemberSettings,
    worker: Worker,
    actions: Vec<Action>,
    fetching: Fetching,
    /// The topic, if it is one: librdkafka need not be asked for each record's.
    only_topic: Option<Arc<str>>,
    reads_headers: bool,
    reads_timestamps: bool,
    brokers: Vec<Broker>,
    /// Whether it has been said that no broker answers.
    all_down: bool,
    /// What has been told to be wrong with fetching, until the partition's end is reached or a new client begins.
    told: Vec<(RDKafkaErrorCode, Option<TopicPartition>)>,
    /// Records that nobody has been told of.
    has_news: bool,
    /// The worker has something to do though nothing has come.
    has_more: bool,
    /// Batches that are done, of all members.
    batches: u64,
    uncounted: Uncounted,
    outbox: Outbox,
    /// Why the client cannot go on, if it cannot.
    broken: Option<String>,
    turn: Turn,
}

impl MemberLoop {
    /// A member that has not joined yet. `remote` is how others command it.
    pub fn new(settings: MemberSettings, remote: MemberRemote) -> Self {
        let query = &settings.plan.query;
        let reads = |wanted: MetadataColumn| {
            let names = query
                .columns()
                .iter()
                .map(|column| query.table().field(*column).name());
            names.into_iter().any(|name| name == wanted.name())
        };
        let copies = settings.plan.copies_records();
        let reads_headers = copies || reads(MetadataColumn::Headers);
        let reads_timestamps = copies || reads(MetadataColumn::Timestamp);
        let mut topics: Vec<_> = settings.extents.keys().map(|known| &known.topic).collect();
        topics.dedup();
        let only_topic = match topics.as_slice() {
            [topic] => Some(Arc::clone(topic)),
            _ => None,
        };
        Self {
            worker: Worker::new(settings.plan.clone()),
            outbox: Outbox::new(settings.letters.clone(), remote),
            settings,
            actions: Vec::new(),
            fetching: Fetching::default(),
            only_topic,
            reads_headers,
            reads_timestamps,
            brokers: Vec::new(),
            all_down: false,
            told: Vec::new(),
            has_news: false,
            has_more: false,
            batches: 0,
            uncounted: Uncounted::default(),
            broken: None,
            turn: Turn::new(),
        }
    }

    /// Its settings.
    pub(super) fn settings(&self) -> &MemberSettings {
        &self.settings
    }

    /// Has a new client take its partitions, or join the group. Steps follow.
    ///
    /// # Errors
    /// If the client refuses, or the query fails.
    pub fn join(&mut self, client: &impl MemberClient) -> Result<(), MemberError> {
        match self.settings.subscription.clone() {
            Subscription::Group(topics) => {
                let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
                client
                    .join(&topics)
                    .map_err(MemberError::client("joining the group"))
            }
            Subscription::Fixed(partitions) => {
                let taken = client
                    .take(&partitions)
                    .map_err(MemberError::client("taking partitions"))?;
                self.assigned(client, taken)
            }
        }
    }

    /// Makes the next step at `now`, in which nothing is waited for but what a broker is asked.
    ///
    /// # Errors
    /// If the query cannot go on. The loop is of no use after that.
    pub fn step(
        &mut self,
        client: &impl MemberClient,
        inbox: &MemberInbox,
        now: Instant,
    ) -> Result<AfterStep, MemberError> {
        let end = match self.turn.stage {
            Stage::Records => {
                self.turn = Turn {
                    began: Some(now),
                    ..Turn::new()
                };
                self.turn.stage = Stage::Poll;
                self.serve(client)?
            }
            Stage::Poll => {
                self.turn.stage = Stage::Events;
                self.poll(client)?
            }
            Stage::Events => {
                self.turn.stage = Stage::Idle;
                for event in client.events() {
                    self.turn.is_drained = false;
                    self.saw(client, event)?;
                }
                self.broken.take().map(SessionEnd::Anew)
            }
            Stage::Idle => {
                self.turn.stage = Stage::Commands;
                if self.turn.is_drained {
                    self.idle(client)?;
                }
                None
            }
            Stage::Commands => match inbox.take() {
                Some(command) => self.obey(client, command)?,
                None => {
                    self.turn.stage = Stage::Letters;
                    None
                }
            },
            Stage::Letters => {
                self.turn.stage = Stage::Rest;
                self.outbox.send_in_time(self.turn.began.unwrap_or(now));
                None
            }
            Stage::Rest => return Ok(self.rest(now)),
        };
        Ok(end.map_or(AfterStep::Go, AfterStep::Leave))
    }

    /// The client is gone, and so is all that stood in relation to it. The next one joins.
    pub fn leave(&mut self, reason: &str) {
        let text = format!("worker {} joins anew: {reason}", self.settings.number);
        self.notice(Level::Warning, text);
        let lost = self.worker.clear();
        if !lost.is_empty() {
            self.report(Report::Revoked(lost));
        }
        self.actions.clear();
        self.outbox.clear();
        self.fetching = Fetching::default();
        self.told.clear();
        self.has_news = false;
        self.turn = Turn::new();
        self.uncounted
            .count_paused(self.worker.paused(), &self.settings.counters);
    }

    /// Obeys a command while there is no client; `true` if it is to stop.
    pub fn obey_without_client(&mut self, command: MemberCommand) -> bool {
        match command {
            MemberCommand::Stop => return true,
            MemberCommand::Trigger => self.report(Report::HandedOver {
                batches: Vec::new(),
                is_deferred: false,
            }),
            MemberCommand::Proceed(batches) => self.batches = batches,
            _ => {}
        }
        false
    }

    fn serve(&mut self, client: &impl MemberClient) -> Result<Option<SessionEnd>, MemberError> {
        let (served, ended) = client.serve(|fetched| match self.fetched(client, fetched) {
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some(end)) => ControlFlow::Break(Ok(Some(end))),
            Err(error) => ControlFlow::Break(Err(error)),
        });
        self.turn.is_drained = served == 0;
        self.turn.is_busy = self.uncounted.has_read();
        if let Some(end) = ended {
            return end;
        }
        self.count();
        Ok(None)
    }

    fn poll(&mut self, client: &impl MemberClient) -> Result<Option<SessionEnd>, MemberError> {
        match client.poll() {
            Polled::Nothing => return Ok(None),
            Polled::Served => {}
            // Led past the queue, it may have come before others that are still in there.
            Polled::Record(topic, partition) => {
                let of = (topic, partition);
                let reason = format!("a record of {of:?} came by itself");
                return Ok(Some(SessionEnd::Anew(reason)));
            }
            Polled::Failed(error) => {
                self.turn.is_drained = false;
                return self.error(client, error);
            }
        }
        self.turn.is_drained = false;
        Ok(None)
    }

    fn idle(&mut self, client: &impl MemberClient) -> Result<(), MemberError> {
        self.act_on(client, WorkerEvent::Idle)?;
        self.tell_waiting();
        let has_more = mem::take(&mut self.has_more);
        self.turn.is_busy |= has_more;
        self.turn.is_drained = !has_more;
        Ok(())
    }

    fn obey(
        &mut self,
        client: &impl MemberClient,
        command: MemberCommand,
    ) -> Result<Option<SessionEnd>, MemberError> {
        match &command {
            MemberCommand::Stop => return Ok(Some(SessionEnd::Stopped)),
            // Told of assignments by librdkafka in another order than the group made them, another
            // worker may have taken over last what this one has been given since.
            MemberCommand::Refused(partition, epoch) if self.worker.has(partition, *epoch) => {
                let reason = format!("another worker has taken {partition} over");
                return Ok(Some(SessionEnd::Anew(reason)));
            }
            _ => {}
        }
        (self.turn.is_busy, self.turn.is_drained) = (true, false);
        self.command(client, command)?;
        Ok(None)
    }

    fn rest(&mut self, now: Instant) -> AfterStep {
        let turn = mem::replace(&mut self.turn, Turn::new());
        if turn.is_busy
            && let Some(began) = turn.began
        {
            let busy = now.saturating_duration_since(began).as_nanos();
            let counters = &self.settings.counters;
            let busy = u64::try_from(busy).unwrap_or(u64::MAX);
            counters.busy_nanos.fetch_add(busy, Ordering::Relaxed);
        }
        match turn.is_drained {
            true => AfterStep::Sleep(self.outbox.wait(SLEEP)),
            false => AfterStep::Go,
        }
    }

    /// Where `partition` ended when the query was started; one that was added later had no end yet.
    fn end(&self, partition: &TopicPartition) -> Offset {
        let extent = self.settings.extents.get(partition);
        extent.map_or(Offset(0), |extent| extent.end)
    }

    #[inline]
    fn fetched<C: MemberClient>(
        &mut self,
        client: &C,
        fetched: Fetched<'_, C::Record>,
    ) -> Result<Option<SessionEnd>, MemberError> {
        match fetched {
            Fetched::Record(record) => {
                if !self.record(client, record)? {
                    self.fetching.hold(client, record)?;
                }
            }
            Fetched::End(partition, end) => self.reached_end(client, &partition, end)?,
            Fetched::Error(error) => return self.cannot_fetch(client, *error),
        }
        Ok(None)
    }

    fn command(
        &mut self,
        client: &impl MemberClient,
        command: MemberCommand,
    ) -> Result<(), MemberError> {
        match command {
            MemberCommand::Trigger => self.act_on(client, WorkerEvent::Trigger),
            MemberCommand::Proceed(batches) => {
                self.batches = batches;
                self.act_on(client, WorkerEvent::Proceed)
            }
            MemberCommand::LettersSettled(partition, epoch, count) => self.act_on(
                client,
                WorkerEvent::LettersSettled(&partition, epoch, count),
            ),
            MemberCommand::LetterRefused(partition, epoch, refusal)
                if self.settings.plan.stop_at_end && self.worker.has(&partition, epoch) =>
            {
                // What is there is to be taken, and can never be.
                Err(MemberError::refused_letter(partition, &refusal))
            }
            MemberCommand::LettersStuck(partition, epoch)
            | MemberCommand::LetterRefused(partition, epoch, _) => {
                self.act_on(client, WorkerEvent::LettersStuck(&partition, epoch))
            }
            MemberCommand::Commit(partition, next) => {
                self.commit(client, &partition, next);
                Ok(())
            }
            MemberCommand::Stop | MemberCommand::Refused(..) => Ok(()),
        }
    }

    /// For those who watch the group's lag; nothing of ours reads it.
    fn commit(&self, client: &impl MemberClient, partition: &TopicPartition, next: Offset) {
        if self.worker.next(partition).is_none() {
            return;
        }
        if let Err(error) = client.commit(partition, next) {
            // The group is moving partitions, for instance. The next checkpoint's comes.
            tracing::debug!(%error, %partition, "offset not committed");
        }
    }

    fn count(&mut self) {
        self.uncounted.count(&self.settings.counters);
    }

    fn tell_waiting(&mut self) {
        self.count();
        if self.has_news {
            self.has_news = false;
            self.report(Report::Waiting);
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

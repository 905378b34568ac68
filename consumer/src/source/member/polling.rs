//! The loop of one member: records from its client to the worker, and what the worker says to whom it concerns.
//!
//! A turn of the loop is made in stages, one a step. Between two steps others may do anything that they may do at any
//! time: move checkpoints on, send commands, write dead letters. No thread, clock or sleep is in here. The thread that
//! calls it has them (`member/session`), or the schedule of a simulation.

mod acting;
mod commands;
mod events;
mod lost;
mod turn;
mod uncounted;

use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;

use self::turn::{Stage, Turn};
use self::uncounted::Uncounted;
use super::fetching::Fetching;
use super::outbox::Outbox;
use super::{MemberError, MemberInbox, MemberRemote, MemberSettings, Report, Subscription};
use crate::engine::worker::{Action, Worker, WorkerEvent};
use crate::event::{Broker, Level};
use crate::position::{Offset, TopicPartition};
use crate::schema::metadata::MetadataColumn;
use crate::source::client::{Fetched, MemberClient, Polled};

pub use self::turn::{AfterStep, SessionEnd};

/// The longest sleep: librdkafka wants to be polled now and then.
const SLEEP: Duration = Duration::from_secs(1);

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

//! The loop of one member: it takes records from its client to the worker, and passes on what the worker says.
//!
//! A turn of the loop is made in stages, one in each step. Between two steps others may do anything that they may do at
//! any time: move checkpoints on, send commands, write dead letters. This module has no thread, no clock and no sleep:
//! its caller has them, which is the member's thread (`member/session`) or the schedule of a simulation.

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

/// The longest sleep of a member: librdkafka has to be polled now and then.
const SLEEP: Duration = Duration::from_secs(1);

/// A member: its worker, and what it knows about its client. The caller owns the client.
pub struct MemberLoop {
    settings: MemberSettings,
    worker: Worker,
    actions: Vec<Action>,
    fetching: Fetching,
    /// The topic, if there is only one: then librdkafka need not be asked for the topic of each record.
    only_topic: Option<Arc<str>>,
    reads_headers: bool,
    reads_timestamps: bool,
    brokers: Vec<Broker>,
    /// Whether the member has reported that no broker answers.
    all_down: bool,
    /// Problems with fetching that the member has reported. Each stays until its partition's end is reached or a new
    /// client begins.
    told: Vec<(RDKafkaErrorCode, Option<TopicPartition>)>,
    /// Whether records have been read since the last report.
    has_news: bool,
    /// Whether the worker has something to do although nothing has come.
    has_more: bool,
    /// The number of batches that are done, over all members.
    batches: u64,
    uncounted: Uncounted,
    outbox: Outbox,
    /// The reason why the client cannot go on, if it cannot.
    broken: Option<String>,
    turn: Turn,
}

impl MemberLoop {
    /// Makes a member that has not joined yet. Others command it through `remote`.
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

    /// Returns the member's settings.
    pub(super) fn settings(&self) -> &MemberSettings {
        &self.settings
    }

    /// Lets a new client take its partitions, or join the group. Steps follow.
    ///
    /// # Errors
    /// Fails if the client refuses, or if the query fails.
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

    /// Makes the next step at `now`. It waits for nothing but the answers of brokers.
    ///
    /// # Errors
    /// Fails if the query cannot go on. The loop must not be used after that.
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

    /// Forgets the client, which is gone, and everything that depended on it. The next client joins afresh.
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
            // A record that comes this way may have come before others that are still in the queue.
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

    /// Returns where `partition` ended when the query was started, or 0 if it was added later.
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

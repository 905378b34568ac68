//! The loop of one member: records from librdkafka to the worker, and what the worker says to whom it
//! concerns.

mod acting;
mod lost;
mod seen;
mod uncounted;

use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Message;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use self::uncounted::Uncounted;
use super::fetching::Fetching;
use super::outbox::Outbox;
use super::{MemberCommand, MemberError, MemberRemote, MemberSettings, Report, Subscription, wake};
use crate::engine::worker::{Action, Worker, WorkerEvent};
use crate::event::{Broker, Level};
use crate::position::{Offset, TopicPartition};
use crate::schema::metadata::MetadataColumn;
use crate::source::closing::Closing;
use crate::source::group_context::GroupContext;
use crate::source::records::{Records, Taken};

/// The longest sleep: librdkafka wants to be polled now and then.
const SLEEP: Duration = Duration::from_secs(1);
/// Before a new client joins in place of one that broke.
const BACKOFF: Duration = Duration::from_secs(1);

type GroupConsumer = BaseConsumer<GroupContext>;

/// Why a session with the brokers ended.
enum End {
    Stopped,
    /// After a fatal error: a new client joins the group.
    Anew(String),
}

pub(super) struct Member {
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
}

impl Member {
    pub(super) fn new(settings: MemberSettings, remote: MemberRemote) -> Self {
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
        }
    }

    /// Reads until it is told to stop.
    pub(super) fn run(
        &mut self,
        inbox: &Receiver<MemberCommand>,
        wake_up: &Sender<()>,
        woken: &Receiver<()>,
    ) -> Result<(), MemberError> {
        loop {
            let context = GroupContext::new(
                self.settings.checkpoints.clone(),
                Arc::clone(&self.settings.extents),
            );
            let mut consumer: GroupConsumer = self
                .settings
                .client
                .create_with_context(context)
                .map_err(MemberError::client("starting the Kafka client"))?;
            let sender = wake_up.clone();
            consumer.set_nonempty_callback(move || wake(&sender));
            let consumer = Closing::from(consumer);
            let sender = wake_up.clone();
            let records = Records::open(&consumer, move || wake(&sender));
            self.join(&consumer)?;
            let end = self.session(&consumer, records, inbox, woken)?;
            drop(consumer);
            match end {
                End::Stopped => return Ok(()),
                End::Anew(reason) => {
                    self.notice(
                        Level::Warning,
                        format!("worker {} joins anew: {reason}", self.settings.number),
                    );
                    self.forget_client();
                    if self.back_off(inbox) {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn join(&mut self, consumer: &GroupConsumer) -> Result<(), MemberError> {
        match self.settings.subscription.clone() {
            Subscription::Group(topics) => {
                let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
                consumer
                    .subscribe(&topics)
                    .map_err(MemberError::client("joining the group"))
            }
            Subscription::Fixed(partitions) => {
                let failed = || MemberError::client("taking partitions");
                let (taken, list) = consumer
                    .context()
                    .take_over(consumer, &partitions)
                    .map_err(failed())?;
                consumer.assign(&list).map_err(failed())?;
                self.assigned(consumer, taken)
            }
        }
    }

    /// All that stood in relation to a client that is gone.
    fn forget_client(&mut self) {
        let lost = self.worker.clear();
        if !lost.is_empty() {
            self.report(Report::Revoked(lost));
        }
        self.actions.clear();
        self.outbox.clear();
        self.fetching = Fetching::default();
        self.told.clear();
        self.has_news = false;
        self.uncounted
            .count_paused(self.worker.paused(), &self.settings.counters);
    }

    /// Waits before the next client is made; `true` if it is to stop.
    fn back_off(&mut self, inbox: &Receiver<MemberCommand>) -> bool {
        let until = Instant::now() + BACKOFF;
        loop {
            match inbox.recv_deadline(until) {
                Ok(MemberCommand::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
                Ok(MemberCommand::Trigger) => self.report(Report::HandedOver {
                    batches: Vec::new(),
                    is_deferred: false,
                }),
                Ok(MemberCommand::Proceed(batches)) => self.batches = batches,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
    }

    fn session(
        &mut self,
        consumer: &GroupConsumer,
        mut records: Records<'_>,
        inbox: &Receiver<MemberCommand>,
        woken: &Receiver<()>,
    ) -> Result<End, MemberError> {
        loop {
            let turn = Instant::now();
            let (served, ended) = records.serve(|taken| match self.taken(consumer, taken) {
                Ok(None) => ControlFlow::Continue(()),
                Ok(Some(end)) => ControlFlow::Break(Ok(end)),
                Err(error) => ControlFlow::Break(Err(error)),
            });
            if let Some(end) = ended {
                return end;
            }
            let mut drained = served == 0;
            let mut busy = self.uncounted.has_read();
            self.count();
            match consumer.poll(Duration::ZERO) {
                None => {}
                Some(Ok(record)) => {
                    // Led past the queue, it may have come before others that are still in there.
                    let of = (record.topic(), record.partition());
                    return Ok(End::Anew(format!("a record of {of:?} came by itself")));
                }
                Some(Err(error)) => {
                    drained = false;
                    if let Some(end) = self.error(consumer, error)? {
                        return Ok(end);
                    }
                }
            }
            // Serving one looks like an empty queue.
            drained &= !consumer.context().take_served();
            for seen in consumer.context().take_seen() {
                drained = false;
                self.saw(consumer, seen)?;
            }
            if let Some(reason) = self.broken.take() {
                return Ok(End::Anew(reason));
            }
            if drained {
                self.step(consumer, WorkerEvent::Idle)?;
                self.tell_waiting();
                let has_more = mem::take(&mut self.has_more);
                busy |= has_more;
                drained = !has_more;
            }
            while let Ok(command) = inbox.try_recv() {
                match &command {
                    MemberCommand::Stop => return Ok(End::Stopped),
                    // Told of assignments by librdkafka in another order than the group made them, another
                    // worker may have taken over last what this one has been given since.
                    MemberCommand::Refused(partition, epoch)
                        if self.worker.has(partition, *epoch) =>
                    {
                        return Ok(End::Anew(format!(
                            "another worker has taken {partition} over"
                        )));
                    }
                    _ => {}
                }
                (busy, drained) = (true, false);
                self.command(consumer, command)?;
            }
            self.outbox.send_in_time(turn);
            if busy {
                let busy = u64::try_from(turn.elapsed().as_nanos()).unwrap_or(u64::MAX);
                let counters = &self.settings.counters;
                counters.busy_nanos.fetch_add(busy, Ordering::Relaxed);
            }
            if drained {
                // Woken or not, all is looked at again.
                let _ = woken.recv_timeout(self.outbox.wait(SLEEP));
            }
        }
    }

    #[inline]
    fn taken(
        &mut self,
        consumer: &GroupConsumer,
        taken: Taken<'_>,
    ) -> Result<Option<End>, MemberError> {
        match taken {
            Taken::Record(record) => {
                if !self.record(consumer, &record)? {
                    self.fetching.hold(consumer, &record)?;
                }
            }
            Taken::End(partition, end) => self.reached_end(consumer, &partition, end)?,
            Taken::Error(error) => return self.cannot_fetch(consumer, *error),
        }
        Ok(None)
    }

    fn command(
        &mut self,
        consumer: &GroupConsumer,
        command: MemberCommand,
    ) -> Result<(), MemberError> {
        match command {
            MemberCommand::Trigger => self.step(consumer, WorkerEvent::Trigger),
            MemberCommand::Proceed(batches) => {
                self.batches = batches;
                self.step(consumer, WorkerEvent::Proceed)
            }
            MemberCommand::LettersSettled(partition, epoch, count) => self.step(
                consumer,
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
                self.step(consumer, WorkerEvent::LettersStuck(&partition, epoch))
            }
            MemberCommand::Commit(partition, next) => {
                self.commit(consumer, &partition, next);
                Ok(())
            }
            MemberCommand::Stop | MemberCommand::Refused(..) => Ok(()),
        }
    }

    /// For those who watch the group's lag; nothing of ours reads it.
    fn commit(&self, consumer: &GroupConsumer, partition: &TopicPartition, next: Offset) {
        if self.worker.next(partition).is_none() {
            return;
        }
        let mut list = TopicPartitionList::with_capacity(1);
        let offset = KafkaOffset::Offset(next.0);
        let committed = list
            .add_partition_offset(&partition.topic, partition.partition, offset)
            .and_then(|()| consumer.commit(&list, CommitMode::Async));
        if let Err(error) = committed {
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

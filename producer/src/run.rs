//! Runs the producer from the first record to the report.
//!
//! A run is on the caller's thread. It ends when COUNT records are acknowledged, when it is asked to stop, or when
//! nothing can be written any more. Brokers must answer at the start; brokers that are lost later are waited for
//! without end.

use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use thiserror::Error;

use crate::batch::Batch;
use crate::event::Event;
use crate::generator::Generator;
use crate::pace::{Metronome, Pace};
use crate::publisher::{self, Publisher};
use crate::settings::Settings;
use crate::watch::Watch;
use kafka_access::Stop;
use kafka_access::topic::{self, TopicError, TopicState};

/// How long a run waits for acknowledgements after a request to stop. It is less than the ten seconds after which
/// container engines kill a program.
pub const FLUSH_WITHIN: Duration = Duration::from_secs(8);
/// How often a run checks the counts and the brokers while it waits.
const TICK: Duration = Duration::from_secs(1);
/// Records between two such checks at a high rate, and records in one hand-over at full speed.
const UNWATCHED: u64 = 256;

/// Why a run failed.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no topic to which the run could write.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The producer could not be set up with the given properties.
    #[error("cannot set up the Kafka producer: {0}; check -X and KAFKA_PROPERTIES")]
    Producer(KafkaError),
    /// The producer cannot go on without risking order or duplicates.
    #[error("cannot write to topic {topic} any more: {reason}; {}", .report.counts())]
    Fatal {
        /// The topic's name.
        topic: String,
        /// The reason that librdkafka gave.
        reason: String,
        /// What became of the records until then.
        report: Box<Report>,
    },
}

impl Error {
    /// Returns whether the user wrote something wrong that brokers have no part in.
    pub fn is_wrong_usage(&self) -> bool {
        matches!(self, Self::Producer(_) | Self::Topic(TopicError::Client(_)))
    }
}

/// What became of the records of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Records handed to Kafka.
    pub sent: u64,
    /// Records that all in-sync replicas have acknowledged.
    pub acknowledged: u64,
    /// Records that were given up, or had no acknowledgement by the end.
    pub failed: u64,
    /// Payload bytes sent.
    pub bytes: u64,
    /// The time from the start of sending to the end of the run.
    pub elapsed: Duration,
    /// Why the first failed record failed.
    pub first_failure: Option<String>,
    /// The number of records that was asked for (COUNT); `None` when the run had no end.
    pub count: Option<u64>,
}

impl Report {
    /// Returns whether every record is acknowledged, and all of COUNT were sent.
    pub fn is_complete(&self) -> bool {
        self.acknowledged == self.sent && self.count.is_none_or(|count| count == self.sent)
    }

    /// Returns the counts as text, such as `sent 10, acknowledged 9, failed 1`, and why the first failed record failed.
    pub fn counts(&self) -> String {
        let Self {
            sent,
            acknowledged,
            failed,
            ..
        } = self;
        let counts = format!("sent {sent}, acknowledged {acknowledged}, failed {failed}");
        match &self.first_failure {
            Some(reason) if *failed > 0 => format!("{counts} (first: {reason})"),
            _ => counts,
        }
    }
}

/// Publishes records until COUNT is reached, `stop` is requested or a fatal error occurs, and calls `report` with each
/// event. The module's documentation says more.
///
/// # Errors
/// Fails when no broker answers at the start, when the topic is missing and cannot be created, or when the producer is
/// unable to go on.
pub fn run(settings: &Settings, stop: &Stop, report: impl FnMut(Event)) -> Result<Report, Error> {
    // The client is made first: properties that do not go together are refused without any brokers.
    let client = publisher::client(&settings.kafka, stop).map_err(Error::Producer)?;
    let state = topic::ensure(&settings.kafka, &settings.topic, stop)?;
    let publisher = Publisher::new(client, settings.topic.name()).map_err(Error::Producer)?;
    let mut run = Run {
        settings,
        stop,
        report,
        publisher,
        watch: Watch::new(Instant::now(), settings.count),
        bytes: 0,
        started: Instant::now(),
    };
    if state != TopicState::Stopped {
        (run.report)(Event::Started {
            topic_created: state == TopicState::Created,
        });
        run.publish()?;
    }
    run.flush()?;
    Ok(run.outcome())
}

struct Run<'a, R> {
    settings: &'a Settings,
    stop: &'a Stop,
    report: R,
    publisher: Publisher,
    watch: Watch,
    bytes: u64,
    started: Instant,
}

impl<R: FnMut(Event)> Run<'_, R> {
    fn publish(&mut self) -> Result<(), Error> {
        match self.settings.pace {
            Pace::Max => self.publish_batches(),
            Pace::PerSecond(rate) => self.publish_paced(Some(Metronome::new(rate, Instant::now()))),
            Pace::Bursts => self.publish_paced(None),
        }
    }

    /// Publishes as fast as Kafka takes records. The thread that hands records over also makes them: the text that is
    /// copied into them is then in this core's cache.
    fn publish_batches(&mut self) -> Result<(), Error> {
        let mut generator = Generator::new(self.settings.generator.clone());
        let mut batch = Batch::default();
        while self.goes_on() {
            let left = self.left().unwrap_or(u64::MAX);
            batch.clear();
            for _ in 0..left.min(UNWATCHED) {
                let record = generator.next_record();
                batch.push(record.key, record.payload);
            }
            if !self.hand_over(&batch)? {
                break;
            }
            self.look(Instant::now())?;
        }
        Ok(())
    }

    /// Publishes record by record, each when it is due.
    fn publish_paced(&mut self, mut metronome: Option<Metronome>) -> Result<(), Error> {
        let mut generator = Generator::new(self.settings.generator.clone());
        let mut single = Batch::default();
        let mut in_burst = 0;
        while self.goes_on() {
            if let Some(metronome) = &mut metronome {
                let due = metronome.next_due(Instant::now());
                self.wait_until(due)?;
                if self.stop.requested() {
                    break;
                }
            }
            let record = generator.next_record();
            single.clear();
            single.push(record.key, record.payload);
            if !self.hand_over(&single)? {
                break;
            }
            in_burst += 1;
            if self.settings.pace == Pace::Bursts {
                if let Some(pause) = record.pause {
                    let total = self.publisher.offered();
                    (self.report)(Event::Burst {
                        records: in_burst,
                        total,
                        pause,
                    });
                    in_burst = 0;
                    if self.goes_on() {
                        self.wait_until(Instant::now() + pause)?;
                        // Nothing is acknowledged during a pause, and this is not the brokers' fault.
                        self.look(Instant::now())?;
                    }
                }
            } else if self.publisher.offered().is_multiple_of(UNWATCHED) {
                self.look(Instant::now())?;
            }
        }
        Ok(())
    }

    /// Returns whether more records are to be sent.
    fn goes_on(&self) -> bool {
        self.left() != Some(0) && !self.stop.requested()
    }

    /// Returns how many records are left until COUNT, if there is one.
    fn left(&self) -> Option<u64> {
        let count = self.settings.count?;
        Some(count.saturating_sub(self.publisher.offered()))
    }

    /// Offers records until all are taken; returns false when a request to stop came first.
    fn hand_over(&mut self, batch: &Batch) -> Result<bool, Error> {
        let mut taken = 0;
        loop {
            let offered = self.publisher.offer(batch.records().skip(taken));
            let payloads = batch.records().skip(taken).take(offered.taken);
            self.bytes += payloads
                .map(|(_, payload)| payload.len() as u64)
                .sum::<u64>();
            taken += offered.taken;
            if offered.refused {
                self.look(Instant::now())?;
            }
            if taken == batch.len() {
                return Ok(true);
            }
            // The thread is woken when a quarter of the queue is free: a single free place is not worth it.
            self.publisher
                .nudge_at(self.publisher.outstanding() / 4 * 3);
            self.stop.wait_until(Instant::now() + TICK, false);
            self.look(Instant::now())?;
            if self.stop.requested() {
                return Ok(false);
            }
        }
    }

    /// Waits until `deadline` or a request to stop, and checks the records under way meanwhile.
    fn wait_until(&mut self, deadline: Instant) -> Result<(), Error> {
        loop {
            let now = Instant::now();
            if now >= deadline || self.stop.requested() {
                return Ok(());
            }
            // In a pause with no record under way there is nothing to check.
            let watching = self.settings.pace != Pace::Bursts || self.publisher.outstanding() > 0;
            let until = if watching {
                deadline.min(now + TICK)
            } else {
                deadline
            };
            self.stop.wait_until(until, false);
            if watching {
                self.look(Instant::now())?;
            }
        }
    }

    /// Waits for the acknowledgements of all records. After a request to stop it waits no longer than [`FLUSH_WITHIN`].
    fn flush(&mut self) -> Result<(), Error> {
        let mut deadline = None;
        let outstanding = self.publisher.outstanding();
        if outstanding > 0 {
            (self.report)(Event::Flushing { outstanding });
        }
        while self.publisher.outstanding() > 0 {
            let now = Instant::now();
            let stopping = self.stop.requested();
            if stopping && now >= *deadline.get_or_insert(now + FLUSH_WITHIN) {
                break;
            }
            self.publisher.nudge_at(0);
            let until = deadline.map_or(now + TICK, |deadline| deadline.min(now + TICK));
            self.stop.wait_until(until, stopping);
            self.look(Instant::now())?;
        }
        Ok(())
    }

    /// Reports what has changed, and fails when nothing can be written any more.
    fn look(&mut self, now: Instant) -> Result<(), Error> {
        let deliveries = self.publisher.deliveries();
        let seen = crate::watch::Seen {
            done: deliveries.done(),
            acknowledged: deliveries.acknowledged(),
            outstanding: self.publisher.outstanding(),
            all_down: deliveries.all_down(),
            bytes: self.bytes,
        };
        if let Some(mut event) = self.watch.link(now, &seen) {
            if let Event::BrokersLost { reason, .. } = &mut event {
                *reason = deliveries.last_error();
            }
            (self.report)(event);
        }
        if self.settings.pace != Pace::Bursts
            && let Some(progress) = self.watch.progress(now, &seen)
        {
            (self.report)(Event::Progress(progress));
        }
        match self.publisher.fatal_error() {
            None => Ok(()),
            Some(reason) => Err(Error::Fatal {
                topic: self.settings.topic.name().to_owned(),
                reason,
                report: Box::new(self.outcome()),
            }),
        }
    }

    fn outcome(&self) -> Report {
        let deliveries = self.publisher.deliveries();
        let sent = self.publisher.offered();
        let acknowledged = deliveries.acknowledged();
        let unanswered = self.publisher.outstanding() > 0;
        let why = unanswered.then(|| "no acknowledgement until the end".to_owned());
        Report {
            sent,
            acknowledged,
            failed: sent - acknowledged,
            bytes: self.bytes,
            elapsed: self.started.elapsed(),
            first_failure: deliveries.first_failure().or(why),
            count: self.settings.count,
        }
    }
}

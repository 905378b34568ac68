//! Runs a query and collects what it has reported so far.

use std::sync::Arc;
use std::time::{Duration, Instant};

use consumer::checkpoint::location::Location;
use consumer::command::QueryCommand;
use consumer::config::{Config, DEFAULT_QUERY, DEFAULT_SCHEMA, OnDataLoss, TriggerMode};
use consumer::engine::query::OnRecordError;
use consumer::event::{Batch, Broker, Heartbeat, Level, NamedEvent, Notice, QueryEvent};
use consumer::runtime::{self, StreamingError, StreamingQuery};
use consumer::schema::TableSchema;
use consumer::sink::dead_letters::OnFailure;
use consumer::source::topics::StartingOffsets;
use crossbeam_channel::{Receiver, unbounded};
use tempfile::TempDir;
use testkit::DEADLINE;
use testkit::brokers::Brokers;
use testkit::expected::ByBrand;

use crate::results::resulted;

/// Batches come often, so that tests see many of them.
pub const INTERVAL: TriggerMode = TriggerMode::Interval(Duration::from_millis(200));

/// Returns a configuration of the default query, which reads all that is in `topic`. The group has the topic's name.
pub fn config(brokers: &Brokers, topic: &str) -> Config {
    Config {
        kafka: brokers.settings(),
        topics: vec![topic.to_owned()],
        group_id: topic.to_owned(),
        query_file: None,
        query: DEFAULT_QUERY.to_owned(),
        schema: Some(TableSchema::parse(DEFAULT_SCHEMA).unwrap()),
        checkpoint_location: None,
        locks: std::env::temp_dir(),
        reset: false,
        on_data_loss: OnDataLoss::Fail,
        trigger: TriggerMode::AvailableNow,
        updates: false,
        memory_limit: None,
        max_records_per_batch: None,
        starting_offsets: StartingOffsets::Earliest,
        workers: 1,
        dead_letter_topic: format!("{topic}.dead-letters"),
        on_dead_letter_failure: OnFailure::Pause,
        on_record_error: OnRecordError::Fail,
        demo: Vec::new(),
    }
}

/// Returns the same configuration with checkpoints in `folder`.
pub fn kept_in(folder: &TempDir, config: Config) -> Config {
    let url = format!("file://{}", folder.path().display());
    Config {
        checkpoint_location: Some(Location::parse(&url, []).unwrap()),
        ..config
    }
}

/// A query that was started.
pub struct Running {
    query: Option<StreamingQuery>,
    events: Receiver<NamedEvent>,
    pub told: Told,
}

/// What a query has reported.
#[derive(Default)]
pub struct Told {
    pub batches: Vec<Arc<Batch>>,
    pub notices: Vec<Notice>,
    pub brokers: Vec<Broker>,
    pub heartbeat: Heartbeat,
    pub stopped: bool,
}

impl Told {
    fn hear(&mut self, event: QueryEvent) {
        match event {
            QueryEvent::Started(_) | QueryEvent::Reading => {}
            QueryEvent::Batch(batch) => {
                batch.acknowledge();
                self.batches.push(batch);
            }
            QueryEvent::Heartbeat(heartbeat) => self.heartbeat = heartbeat,
            QueryEvent::Brokers(brokers) => self.brokers = brokers,
            QueryEvent::Notice(notice) => self.notices.push(notice),
            QueryEvent::Stopped => self.stopped = true,
        }
    }

    /// Returns the number of records in all batches.
    pub fn records(&self) -> u64 {
        let batches = self.batches.iter();
        batches.map(|batch| batch.progress.num_input_rows).sum()
    }

    /// Returns the number of bad records among them.
    pub fn bad_records(&self) -> u64 {
        let batches = self.batches.iter();
        batches.map(|batch| batch.progress.num_bad_rows).sum()
    }

    /// Returns the number of records without a value in all batches.
    pub fn tombstones(&self) -> u64 {
        let batches = self.batches.iter();
        batches.map(|batch| batch.progress.num_tombstones).sum()
    }

    /// Returns the last batch's result of the default query.
    pub fn totals(&self) -> ByBrand {
        let last = self.batches.last();
        last.map_or_else(ByBrand::new, |batch| resulted(&batch.rows))
    }

    /// Returns whether an error was reported whose text has all of `words`.
    pub fn told_error(&self, words: &[&str]) -> bool {
        self.told(Level::Error, words)
    }

    /// Returns whether a notice of this level was reported whose text has all of `words`.
    pub fn told(&self, level: Level, words: &[&str]) -> bool {
        self.notices.iter().any(|notice| {
            notice.level == level && words.iter().all(|word| notice.text.contains(word))
        })
    }
}

/// Starts a query.
pub fn start(config: Config) -> Running {
    let (sender, events) = unbounded();
    let query = runtime::start(config, sender).unwrap();
    Running {
        query: Some(query),
        events,
        told: Told::default(),
    }
}

/// Runs a query until it ends by itself, and returns what it has reported.
pub fn run(config: Config) -> Told {
    let mut running = start(config);
    running.until("the query ends", |told| told.stopped);
    running.query.take().unwrap().join().unwrap();
    running.told
}

/// Runs a query that fails, and returns its error.
pub fn fails(config: Config) -> StreamingError {
    start(config).fails().0
}

impl Running {
    /// Waits until `shows` returns true for what was reported. Panics after [`DEADLINE`] with the name of the fact.
    pub fn until(&mut self, fact: &str, shows: impl Fn(&Told) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !shows(&self.told) {
            match self.events.recv_deadline(deadline) {
                Ok(named) => self.told.hear(named.event),
                Err(_) => panic!(
                    "not so: {fact}; {} records in {} batches, {:?}, {:?}",
                    self.told.records(),
                    self.told.batches.len(),
                    self.told.heartbeat,
                    self.told.notices,
                ),
            }
            if self.told.stopped && !shows(&self.told) {
                let ended = self.query.take().unwrap().join();
                panic!("the query has stopped before {fact}: {ended:?}");
            }
        }
    }

    /// Waits until `count` records are in batches.
    pub fn until_records(&mut self, count: u64) {
        self.until(&format!("{count} records are read"), |told| {
            told.records() >= count
        });
    }

    /// Waits until the query has failed, and returns its error and what it has reported.
    pub fn fails(mut self) -> (StreamingError, Told) {
        self.until("the query stops", |told| told.stopped);
        let error = self.query.take().unwrap().join().unwrap_err();
        (error, self.told)
    }

    /// Asks the query to end, waits until it has, and returns what it has reported.
    pub fn stop(mut self) -> Told {
        let query = self.query.as_ref().unwrap();
        query.commands().send(QueryCommand::Stop).unwrap();
        self.until("the query stops", |told| told.stopped);
        self.query.take().unwrap().join().unwrap();
        self.told
    }
}

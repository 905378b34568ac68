//! One `consumer` process, and what it tells.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use crossbeam_channel::Sender;
use serde_json::Value;
use testkit::brokers::Brokers;
use testkit::program::{command, signal};

/// Short, so that a fault comes upon a batch that has begun and a checkpoint that is being written.
const BATCH_INTERVAL: &str = "200ms";

/// A process that is gone with its owner.
pub struct Process {
    pub workers: usize,
    /// When the one was killed in whose place it was started.
    pub replaces: Option<Instant>,
    pub first_batch: Option<Instant>,
    /// Its last batch that had records.
    pub progress: Option<Instant>,
    /// Next offsets after its last batch.
    pub ends: Vec<i64>,
    /// Lines on standard error.
    pub said: Vec<String>,
    pub state: State,
    child: Child,
    /// How many of its two outputs have not ended.
    open: usize,
}

/// What a process is expected to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    /// It has been killed, or asked to end.
    Ending,
    /// It has shown and kept what it had read.
    EndedWell,
}

/// What a process tells.
pub enum Told {
    Batch(Batch),
    Said(String),
    /// One of its outputs has ended.
    Closed,
}

/// A line of JSON.
pub struct Batch {
    pub at: Instant,
    pub records: u64,
    /// One past the last offset, by partition.
    pub ends: Vec<i64>,
}

/// Where all processes read, and where they keep checkpoints.
pub struct Place<'a> {
    pub brokers: &'a Brokers,
    pub topic: &'a str,
    pub folder: &'a Path,
}

impl Place<'_> {
    /// A consumer there, whose batches are lines of JSON.
    pub fn consumer(&self) -> Command {
        let url = format!("file://{}", self.folder.display());
        let settings = [
            ("KAFKA_BOOTSTRAP_SERVERS", self.brokers.servers()),
            ("TOPIC", self.topic),
            ("GROUP_ID", self.topic),
            ("OUTPUT", "json"),
            ("CHECKPOINT_LOCATION", &url),
        ];
        command(env!("CARGO_BIN_EXE_consumer"), &settings)
    }
}

impl Process {
    /// Starts one that tells under its `number`.
    pub fn start(
        place: &Place<'_>,
        workers: usize,
        number: usize,
        tell: &Sender<(usize, Told)>,
    ) -> Self {
        let mut child = place
            .consumer()
            .env("BATCH_INTERVAL", BATCH_INTERVAL)
            .env("WORKERS", workers.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let topic = place.topic.to_owned();
        let printed = child.stdout.take().unwrap();
        pass_on(printed, number, tell.clone(), move |line| {
            Told::Batch(Batch::of(line, &topic))
        });
        let said = child.stderr.take().unwrap();
        pass_on(said, number, tell.clone(), |line| {
            Told::Said(line.to_owned())
        });
        Self {
            workers,
            replaces: None,
            first_batch: None,
            progress: None,
            ends: Vec::new(),
            said: Vec::new(),
            state: State::Running,
            child,
            open: 2,
        }
    }

    /// Sends a signal, such as TERM.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Takes in what it has told.
    pub fn hear(&mut self, told: Told) {
        match told {
            Told::Batch(batch) => {
                self.first_batch.get_or_insert(batch.at);
                if batch.records > 0 {
                    self.progress = Some(batch.at);
                }
                self.ends = batch.ends;
            }
            Told::Said(line) => self.said.push(line),
            Told::Closed => self.open -= 1,
        }
    }

    /// Whether all that it will ever tell has been heard.
    pub fn is_silent(&self) -> bool {
        self.open == 0
    }

    /// How it has ended.
    pub fn status(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Whether `kill -9` was its end.
    pub fn was_killed(&mut self) -> bool {
        self.status().signal() == Some(9)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells what comes through a pipe, line by line, at the time at which it comes.
fn pass_on(
    pipe: impl Read + Send + 'static,
    number: usize,
    tell: Sender<(usize, Told)>,
    read: impl Fn(&str) -> Told + Send + 'static,
) {
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = String::new();
        // A line without an end is one that a kill came upon.
        while pipe.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
            // A test that has failed listens no more.
            let _ = tell.send((number, read(line.trim_end())));
            line.clear();
        }
        let _ = tell.send((number, Told::Closed));
    });
}

impl Batch {
    fn of(line: &str, topic: &str) -> Self {
        let at = Instant::now();
        let batch: Value = serde_json::from_str(line).expect(line);
        let ends = batch["sources"][0]["endOffset"][topic].as_object();
        let ends = ends.expect(line);
        let end_of = |partition: usize| ends[&partition.to_string()].as_i64().expect(line);
        Self {
            at,
            records: batch["numInputRows"].as_u64().expect(line),
            ends: (0..ends.len()).map(end_of).collect(),
        }
    }
}

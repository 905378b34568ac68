//! Runs one `consumer` process and passes on what it reports.

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

/// The interval is short, so that a fault meets a batch that has begun and a checkpoint that is being written.
const BATCH_INTERVAL: &str = "200ms";

/// A process. It is killed when this is dropped.
pub struct Process {
    pub workers: usize,
    /// When the process was killed in whose place this one was started.
    pub replaces: Option<Instant>,
    pub first_batch: Option<Instant>,
    /// When its last batch with records was received.
    pub progress: Option<Instant>,
    /// The next offset of each partition after its last batch.
    pub ends: Vec<i64>,
    /// The lines that it has written to standard error.
    pub said: Vec<String>,
    pub state: State,
    child: Child,
    /// How many of its two outputs have not ended yet.
    open: usize,
}

/// What a process is expected to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    /// It was killed, or asked to end.
    Ending,
    /// It has ended with success: it has shown what it had read and written its checkpoints.
    EndedWell,
}

/// What a process reports.
pub enum Told {
    Batch(Batch),
    Said(String),
    /// One of its outputs has ended.
    Closed,
}

/// A batch that the process has written as a line of JSON.
pub struct Batch {
    pub at: Instant,
    pub records: u64,
    /// For each partition, one past the last offset that was read.
    pub ends: Vec<i64>,
}

/// The brokers and the topic from which all processes read, and the folder to which they write checkpoints.
pub struct Place<'a> {
    pub brokers: &'a Brokers,
    pub topic: &'a str,
    pub folder: &'a Path,
}

impl Place<'_> {
    /// Makes a command that runs a consumer there, which writes its batches as lines of JSON.
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
    /// Starts a process with `workers` workers, whose reports are sent with its `number`.
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

    /// Updates this process by a report of it.
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

    /// Returns whether all reports that will ever come have been received.
    pub fn is_silent(&self) -> bool {
        self.open == 0
    }

    /// Waits for the process's end and returns its exit status.
    pub fn status(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Returns whether SIGKILL ended it.
    pub fn was_killed(&mut self) -> bool {
        self.status().signal() == Some(9)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended before, so errors are ignored.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends each line of a pipe as it comes, and at last that the pipe has ended.
fn pass_on(
    pipe: impl Read + Send + 'static,
    number: usize,
    tell: Sender<(usize, Told)>,
    read: impl Fn(&str) -> Told + Send + 'static,
) {
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = String::new();
        // A kill can cut the last line; a line without an end is left out.
        while pipe.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
            // A test that has failed no longer listens, so the error is ignored.
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

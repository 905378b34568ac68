//! The demo as a user runs it, without a terminal: brokers, producer and query in one process, whose
//! output, signals and exit code are all that is seen of it.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "../../producer/tests/program/pipe.rs"]
mod pipe;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use pipe::all_of;
use serde_json::Value;

/// Longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A demo that ends with the test.
struct Demo {
    program: Child,
    /// All of standard error, when it has ended.
    said: Receiver<String>,
}

impl Demo {
    /// With `settings` in its environment and nothing else; and its standard output.
    fn start(settings: &[(&str, &str)]) -> (Self, ChildStdout) {
        let mut program = Command::new(env!("CARGO_BIN_EXE_consumer"))
            .env_clear()
            .env("RUST_BACKTRACE", "1")
            .env("BATCH_INTERVAL", "10ms")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = program.stdout.take().unwrap();
        let said = all_of(program.stderr.take().unwrap());
        (Self { program, said }, stdout)
    }

    fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.program.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.unwrap().success());
    }

    /// Its exit code, and that it has said nothing on its way.
    fn ends_with(&mut self, code: i32) {
        let said = self.said.recv_timeout(DEADLINE).expect("it runs on");
        assert_eq!(said, "");
        assert_eq!(self.program.wait().unwrap().code(), Some(code));
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Lines as they come.
struct Lines(Receiver<String>);

impl Lines {
    fn of(stdout: ChildStdout) -> Self {
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if sender.send(line.unwrap()).is_err() {
                    break;
                }
            }
        });
        Self(lines)
    }

    fn next(&self) -> String {
        self.0.recv_timeout(DEADLINE).expect("no line has come")
    }

    /// Those that are left when the program has ended.
    fn rest(&self) -> Vec<String> {
        let deadline = Instant::now() + DEADLINE;
        let left = || deadline.saturating_duration_since(Instant::now());
        std::iter::from_fn(|| match self.0.recv_timeout(left()) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("its output does not end"),
        })
        .collect()
    }
}

/// Adds up what batches say that they have read.
#[derive(Default)]
struct Sum {
    batches: u64,
    good: u64,
}

impl Sum {
    /// The next batch: its fields, and a result that holds each good record once.
    fn add(&mut self, line: &str) {
        let batch: Value = serde_json::from_str(line).expect(line);
        for field in ["id", "runId", "timestamp"] {
            assert!(batch[field].is_string(), "{field}: {line}");
        }
        assert_eq!(batch["name"], "cardstream");
        assert_eq!(batch["batchId"], self.batches);
        for field in [
            &batch["batchDuration"],
            &batch["inputRowsPerSecond"],
            &batch["processedRowsPerSecond"],
            &batch["durationMs"]["addBatch"],
            &batch["durationMs"]["queryExecution"],
            &batch["durationMs"]["triggerExecution"],
        ] {
            assert!(field.is_number(), "{line}");
        }
        assert!(batch["eventTime"].is_object(), "{line}");
        let rows = batch["result"].as_array().expect(line);
        let state = &batch["stateOperators"][0];
        assert_eq!(state["numRowsTotal"], rows.len(), "{line}");
        let source = &batch["sources"][0];
        assert_eq!(source["description"], "Kafka[transactions]");
        assert_eq!(source["numInputRows"], batch["numInputRows"]);
        for field in ["startOffset", "endOffset", "latestOffset"] {
            let partitions = source[field]["transactions"].as_object().expect(line);
            assert_eq!(partitions.len(), 6, "{line}");
        }

        let number = |value: &Value| value.as_u64().expect(line);
        self.batches += 1;
        self.good += number(&batch["numInputRows"]) - number(&batch["numBadRows"]);
        let counted: u64 = rows.iter().map(|row| number(&row["transactions"])).sum();
        assert_eq!(counted, self.good, "{line}");
    }
}

#[test]
fn batches_are_lines_of_json_whose_totals_add_up() {
    let (mut demo, stdout) = Demo::start(&[("OUTPUT", "json")]);
    let lines = Lines::of(stdout);
    let mut sum = Sum::default();
    // The second shows that totals go on from the first.
    for _ in 0..2 {
        sum.add(&lines.next());
    }
    demo.signal("TERM");
    for line in lines.rest() {
        sum.add(&line);
    }
    demo.ends_with(0);
}

#[test]
fn without_a_terminal_the_output_is_a_table() {
    let (mut demo, stdout) = Demo::start(&[]);
    let lines = Lines::of(stdout);
    let first = lines.next();
    assert_eq!(
        first,
        "cardstream reads transactions, every 10 ms, with 1 worker"
    );
    let hint = "demo: three brokers and a producer run inside this process";
    assert_eq!(lines.next(), hint);
    let batch = loop {
        let line = lines.next();
        if line.starts_with("batch ") {
            break line;
        }
    };
    assert!(batch.starts_with("batch 0 · "), "{batch}");
    let header = lines.next();
    assert!(header.starts_with("card_brand  "), "{header}");
    demo.signal("INT");
    lines.rest();
    demo.ends_with(0);
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    // It cannot end by itself while nobody takes its line, which is longer than a pipe is wide.
    let query = "SELECT count(*) AS n, repeat('x', 2000000) AS x FROM transactions";
    let (mut demo, mut stdout) = Demo::start(&[("OUTPUT", "json"), ("QUERY", query)]);
    let (sender, begun) = mpsc::channel();
    thread::spawn(move || {
        stdout.read_exact(&mut [0]).unwrap();
        let _ = sender.send(stdout);
    });
    let _open = begun.recv_timeout(DEADLINE).expect("no line has begun");
    let deadline = Instant::now() + DEADLINE;
    let said = loop {
        // Two that come close together may be taken for one.
        demo.signal("INT");
        match demo.said.recv_timeout(Duration::from_millis(20)) {
            Ok(said) => break said,
            Err(_) => assert!(Instant::now() < deadline, "it runs on"),
        }
    };
    assert_eq!(said, "");
    assert_eq!(demo.program.wait().unwrap().code(), Some(128 + 2));
}

#[test]
fn a_reader_that_leaves_after_the_first_line_ends_it() {
    for output in ["json", "table"] {
        let (mut demo, stdout) = Demo::start(&[("OUTPUT", output)]);
        let (sender, left) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).unwrap();
            let _ = sender.send(line);
        });
        let line = left.recv_timeout(DEADLINE).expect("no line has come");
        assert!(line.ends_with('\n'), "{line}");
        demo.ends_with(0);
    }
}

#[test]
fn output_that_nobody_reads_ends_it() {
    let (mut demo, stdout) = Demo::start(&[("OUTPUT", "json")]);
    drop(stdout);
    demo.ends_with(0);
}

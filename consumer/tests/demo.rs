//! Runs the demo as a user runs it, without a terminal. Brokers, producer and query run in one process; the tests see
//! only its output, its exit code, and what it does at a signal.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::process::ChildStdout;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::DEADLINE;
use testkit::program::{Ended, Program, command};

/// Starts a demo with nothing in its environment but `settings` and a short BATCH_INTERVAL.
fn demo(settings: &[(&str, &str)]) -> Program {
    let mut demo = command(env!("CARGO_BIN_EXE_consumer"), settings);
    Program::start(demo.env("BATCH_INTERVAL", "10ms"))
}

/// Checks that the demo ends with success and has written nothing to standard error.
fn ends_well(mut demo: Program) {
    let Ended { status, said } = demo.end();
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}

/// Adds up the counts of records that batches say they have read.
#[derive(Default)]
struct Sum {
    batches: u64,
    good: u64,
}

impl Sum {
    /// Checks the fields of the next batch, and that its result holds each good record once.
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
    let mut demo = demo(&[("OUTPUT", "json")]);
    let lines = demo.lines();
    let mut sum = Sum::default();
    // The second batch shows that totals go on from the first.
    for _ in 0..2 {
        sum.add(&lines.next());
    }
    demo.signal("TERM");
    for line in lines.rest() {
        sum.add(&line);
    }
    ends_well(demo);
}

#[test]
fn without_a_terminal_the_output_is_a_table() {
    let mut demo = demo(&[]);
    let lines = demo.lines();
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
    ends_well(demo);
}

/// Runs `read` on the pipe of standard output in a thread, and returns its result and the pipe. Panics after
/// [`DEADLINE`].
fn read_of<T: Send + 'static>(
    mut stdout: ChildStdout,
    read: impl FnOnce(&mut ChildStdout) -> T + Send + 'static,
) -> (T, ChildStdout) {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || {
        let made = read(&mut stdout);
        let _ = sender.send((made, stdout));
    });
    done.recv_timeout(DEADLINE).expect("no line has come")
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    // The demo cannot end by itself while nobody reads its line, which is longer than a pipe can hold.
    let query = "SELECT count(*) AS n, repeat('x', 2000000) AS x FROM transactions";
    let mut demo = demo(&[("OUTPUT", "json"), ("QUERY", query)]);
    let begins = |stdout: &mut ChildStdout| stdout.read_exact(&mut [0]).unwrap();
    let ((), _open) = read_of(demo.stdout(), begins);
    let deadline = Instant::now() + DEADLINE;
    let ended = loop {
        // Two signals that come close together may be taken for one.
        demo.signal("INT");
        match demo.end_within(Duration::from_millis(20)) {
            Some(ended) => break ended,
            None => assert!(Instant::now() < deadline, "it runs on"),
        }
    };
    assert_eq!(ended.said, "");
    assert_eq!(ended.status.code(), Some(128 + 2));
}

#[test]
fn a_reader_that_leaves_after_the_first_line_ends_it() {
    for output in ["json", "table"] {
        let mut demo = demo(&[("OUTPUT", output)]);
        let (line, stdout) = read_of(demo.stdout(), |stdout| {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).unwrap();
            line
        });
        drop(stdout);
        assert!(line.ends_with('\n'), "{line}");
        ends_well(demo);
    }
}

#[test]
fn output_that_nobody_reads_ends_it() {
    let mut demo = demo(&[("OUTPUT", "json")]);
    drop(demo.stdout());
    ends_well(demo);
}

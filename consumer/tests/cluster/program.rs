//! Runs the consumer's own process over a topic of the brokers.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testkit::brokers::Brokers;
use testkit::program::{Program, command};

/// Returns a command that runs the default query over `topic` until all there is is read, and writes a line of JSON for
/// each batch. The group has the topic's name.
pub fn consumer(brokers: &Brokers, topic: &str) -> Command {
    let settings = [
        ("KAFKA_BOOTSTRAP_SERVERS", brokers.servers()),
        ("TOPIC", topic),
        ("GROUP_ID", topic),
        ("OUTPUT", "json"),
        ("TRIGGER", "available-now"),
    ];
    command(env!("CARGO_BIN_EXE_consumer"), &settings)
}

/// Returns the same command with checkpoints in `folder`.
pub fn consumer_kept_in(folder: &Path, brokers: &Brokers, topic: &str) -> Command {
    let mut command = consumer(brokers, topic);
    let url = format!("file://{}", folder.display());
    command.env("CHECKPOINT_LOCATION", url);
    command
}

/// Runs a consumer and kills it (-9) after `batches` batches. Returns false if it ended with success before.
pub fn is_killed_after(batches: usize, command: &mut Command) -> bool {
    let mut program = Program::start(command);
    let mut lines = BufReader::new(program.stdout()).lines();
    for _ in 0..batches {
        let Some(line) = lines.next() else {
            let ended = program.end();
            assert!(ended.status.success(), "{}", ended.said);
            return false;
        };
        let batch: Value = serde_json::from_str(&line.unwrap()).unwrap();
        assert!(batch["result"].is_array());
    }
    program.kill().signal() == Some(9)
}

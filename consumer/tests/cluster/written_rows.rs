//! Tests a query without an aggregate that has checkpoints: each row is written at least once, whoever is killed or
//! stopped, whenever that happens, and whatever becomes of the output.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdout, Command};
use std::thread;
use std::time::{Duration, Instant};

use consumer::config::Config;
use consumer::event::{Level, QueryEvent};
use consumer::runtime;
use consumer::schema::TableSchema;
use crossbeam_channel::unbounded;
use libtest_mimic::Trial;
use producer::Pace;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rustix::io::ioctl_fionread;
use serde_json::Value;
use tempfile::TempDir;
use testkit::DEADLINE;
use testkit::brokers::Brokers;
use testkit::load::{generator, publish};
use testkit::program::Program;
use testkit::topic::ends;

use crate::program::consumer_kept_in;
use crate::running::{INTERVAL, config, kept_in, run, start};
use crate::trial;

const PARTITIONS: i32 = 3;
const RECORDS: u64 = 20_000;

/// The number of records whose rows are in a line. A pipe holds one line or two.
const IN_BATCH: u64 = 500;

/// The bytes in a pipe from which on it is full: it holds 64 KiB, and has no room for the next part of a line.
const FULL: u64 = 60_000;
const SCHEMA: &str = "transaction_id STRING";
const QUERY: &str = "SELECT _partition, _offset, transaction_id FROM transactions";

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "killed_while_rows_wait_each_is_written_at_least_once",
            killed,
        ),
        trial("rows_that_wait_are_written_before_a_stop_ends", stopped),
        trial("rows_for_a_full_disk_come_again", full_disk),
        trial("rows_that_a_program_drops_come_again", dropped),
        trial("a_program_that_never_acknowledges_can_be_stopped", never),
    ]
}

/// How often each row was written whole, by partition and offset.
type Rows = BTreeMap<(i64, i64), u32>;

/// The pipe of the program's output.
struct Pipe(BufReader<ChildStdout>);

impl Pipe {
    /// Reads one line and counts its rows. Returns `None` at the end, or when a kill has cut the line.
    fn line(&mut self, rows: &mut Rows) -> Option<()> {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let line = line.strip_suffix('\n')?;
        let batch: Value = serde_json::from_str(line).unwrap();
        for row in batch["result"].as_array().unwrap() {
            let place = ["_partition", "_offset"].map(|name| row[name].as_i64().unwrap());
            *rows.entry(place.into()).or_default() += 1;
        }
        Some(())
    }

    /// Waits until the program cannot write on: what it has written fills the pipe.
    fn await_full(&self) {
        let deadline = Instant::now() + DEADLINE;
        while ioctl_fionread(self.0.get_ref()).unwrap() < FULL {
            assert!(Instant::now() < deadline, "it writes too little");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn rest(&mut self, rows: &mut Rows) {
        while self.line(rows).is_some() {}
    }
}

fn consumer(brokers: &Brokers, topic: &str, folder: &TempDir) -> Command {
    let mut command = consumer_kept_in(folder.path(), brokers, topic);
    command
        .env("QUERY", QUERY)
        .env("SCHEMA", SCHEMA)
        .env("MAX_RECORDS_PER_BATCH", IN_BATCH.to_string());
    command
}

fn piped(mut command: Command) -> (Program, Pipe) {
    let mut program = Program::start(&mut command);
    let pipe = Pipe(BufReader::new(program.stdout()));
    (program, pipe)
}

/// Returns the places of the rows that were never written.
fn missing(brokers: &Brokers, topic: &str, rows: &Rows) -> Vec<(i64, i64)> {
    let all = (0..).zip(ends(brokers, topic));
    let all = all.flat_map(|(partition, end)| (0..end).map(move |offset| (partition, offset)));
    all.filter(|place| !rows.contains_key(place)).collect()
}

fn ends_well(mut program: Program) {
    let ended = program.end();
    assert!(ended.status.success(), "{}", ended.said);
}

/// Lets the reader take some lines and then none for a while. Then the program is killed (-9), or gets two signals of
/// which the second ends it at once. What the pipe holds then is read.
fn killed(brokers: &Brokers) {
    const TOPIC: &str = "written-killed";
    publish(brokers, TOPIC, PARTITIONS, generator(), RECORDS, Pace::Max);
    let seed = match std::env::var("CARDSTREAM_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => rand::random::<u32>().into(),
    };
    eprintln!("CARDSTREAM_SEED={seed}");
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let (folder, mut rows) = (TempDir::new().unwrap(), Rows::new());
    for round in 0..7 {
        let mut command = consumer(brokers, TOPIC, &folder);
        command.env("WORKERS", dice.random_range(1..3).to_string());
        let (mut program, mut pipe) = piped(command);
        for _ in 0..dice.random_range(0..5) {
            pipe.line(&mut rows);
        }
        // Now and then the pause is long enough to read all there is.
        let pause = if round == 0 {
            3_000
        } else {
            dice.random_range(0..1_000)
        };
        thread::sleep(Duration::from_millis(pause));
        let twice = dice.random_bool(0.3);
        if twice {
            program.signal("TERM");
            program.signal("TERM");
        } else {
            program.signal("KILL");
        }
        pipe.rest(&mut rows);
        let status = program.end().status;
        // The program may have ended before, or may not have been ready yet for signals.
        let is_killed = match twice {
            true => status.signal() == Some(15) || status.code() == Some(128 + 15),
            false => status.signal() == Some(9),
        };
        assert!(is_killed || status.success(), "{status}");
    }
    let (program, mut pipe) = piped(consumer(brokers, TOPIC, &folder));
    pipe.rest(&mut rows);
    ends_well(program);
    let missing = missing(brokers, TOPIC, &rows);
    assert!(
        missing.is_empty(),
        "{} of {RECORDS} were never written",
        missing.len()
    );
    // The last checkpoint stands behind the last row.
    let (program, mut pipe) = piped(consumer(brokers, TOPIC, &folder));
    let mut again = Rows::new();
    pipe.rest(&mut again);
    ends_well(program);
    assert!(again.is_empty(), "{} are written once more", again.len());
}

/// Sends SIGTERM while nobody reads the output: the rows that were read are written when somebody reads, and do not
/// come a second time.
fn stopped(brokers: &Brokers) {
    const TOPIC: &str = "written-stopped";
    publish(brokers, TOPIC, PARTITIONS, generator(), RECORDS, Pace::Max);
    let (folder, mut rows) = (TempDir::new().unwrap(), Rows::new());
    let (mut program, mut pipe) = piped(consumer(brokers, TOPIC, &folder));
    pipe.line(&mut rows);
    pipe.await_full();
    program.signal("TERM");
    // A program that does not wait for its rows would have ended long before.
    let ended = program.end_within(Duration::from_secs(1));
    assert!(ended.is_none(), "{ended:?}");
    pipe.rest(&mut rows);
    ends_well(program);
    let (program, mut pipe) = piped(consumer(brokers, TOPIC, &folder));
    pipe.rest(&mut rows);
    ends_well(program);
    assert!(missing(brokers, TOPIC, &rows).is_empty());
    assert!(rows.values().all(|times| *times == 1));
}

/// Gives the program an output that fails at the first rows.
fn full_disk(brokers: &Brokers) {
    const TOPIC: &str = "written-nowhere";
    publish(brokers, TOPIC, PARTITIONS, generator(), RECORDS, Pace::Max);
    let (folder, mut rows) = (TempDir::new().unwrap(), Rows::new());
    for format in ["json", "table"] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = consumer(brokers, TOPIC, &folder);
        let ended = command.env("OUTPUT", format).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("cannot write the result"), "{said}");
    }
    let (program, mut pipe) = piped(consumer(brokers, TOPIC, &folder));
    pipe.rest(&mut rows);
    ends_well(program);
    assert!(missing(brokers, TOPIC, &rows).is_empty());
}

fn rows_kept_in(folder: &TempDir, brokers: &Brokers, topic: &str) -> Config {
    let config = Config {
        query: QUERY.to_owned(),
        schema: Some(TableSchema::parse(SCHEMA).unwrap()),
        ..config(brokers, topic)
    };
    kept_in(folder, config)
}

/// Takes batches and acknowledges only the first few.
fn dropped(brokers: &Brokers) {
    const TOPIC: &str = "written-dropped";
    publish(brokers, TOPIC, PARTITIONS, generator(), RECORDS, Pace::Max);
    let folder = TempDir::new().unwrap();
    let kept = || Config {
        max_records_per_batch: Some(IN_BATCH),
        ..rows_kept_in(&folder, brokers, TOPIC)
    };
    let (sender, events) = unbounded();
    let query = runtime::start(kept(), sender).unwrap();
    let (mut acknowledged, mut batches, mut is_told) = (0, 0, false);
    loop {
        match events.recv_timeout(DEADLINE).unwrap().event {
            QueryEvent::Batch(batch) => {
                batches += 1;
                if batches <= 3 {
                    batch.acknowledge();
                    acknowledged += batch.progress.num_input_rows;
                }
            }
            QueryEvent::Notice(notice) => {
                let is_it = notice.text.contains("rows were dropped");
                is_told |= is_it && notice.level == Level::Warning;
            }
            QueryEvent::Stopped => break,
            _ => {}
        }
    }
    query.join().unwrap();
    assert!(batches > 3 && is_told, "{batches} batches, told: {is_told}");
    let told = run(kept());
    assert_eq!(told.records(), RECORDS - acknowledged);
}

/// Holds all batches without acknowledging them, and asks twice to stop. The query does not wait for the batches, and
/// gives the rows again after a restart.
fn never(brokers: &Brokers) {
    const TOPIC: &str = "written-never";
    publish(brokers, TOPIC, PARTITIONS, generator(), IN_BATCH, Pace::Max);
    let folder = TempDir::new().unwrap();
    let kept = || Config {
        trigger: INTERVAL,
        ..rows_kept_in(&folder, brokers, TOPIC)
    };
    let (sender, events) = unbounded();
    let query = runtime::start(kept(), sender).unwrap();
    let (mut held, mut read) = (Vec::new(), 0);
    for named in &events {
        match named.event {
            QueryEvent::Batch(batch) => {
                read += batch.progress.num_input_rows;
                held.push(batch);
                if read == IN_BATCH {
                    for _ in 0..2 {
                        query
                            .commands()
                            .send(consumer::command::QueryCommand::Stop)
                            .unwrap();
                    }
                }
            }
            QueryEvent::Stopped => break,
            _ => {}
        }
    }
    query.join().unwrap();
    let mut running = start(kept());
    running.until_records(IN_BATCH);
    running.stop();
}

//! Tests MEMORY_LIMIT: the process's memory stays under it, however much there is to read. A state that is larger ends
//! the query with an error that names the limit, and its checkpoint stays good.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use consumer::checkpoint::location::Location;
use consumer::config::Config;
use consumer::event::QueryEvent;
use consumer::runtime::{self, StreamingError};
use consumer::schema::TableSchema;
use crossbeam_channel::unbounded;
use libtest_mimic::Trial;
use producer::{Generator, Pace};
use tempfile::TempDir;
use testkit::DEADLINE;
use testkit::brokers::Brokers;
use testkit::load::{generator, publish};

use crate::program::{consumer, consumer_kept_in};
use crate::results::{integers, texts};
use crate::running::{config, run, start};
use crate::trial;

const PARTITIONS: i32 = 6;
const RECORDS: u64 = 60_000;

const SCHEMA: &str = "transaction_id STRING";

/// A query with one group per record. A group has some 420 bytes; all have 25 MB.
const BY_ID: &str = "SELECT transaction_id, concat(transaction_id, repeat('.', 384)) AS long, count(*) AS n \
    FROM transactions GROUP BY transaction_id, concat(transaction_id, repeat('.', 384))";

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_state_that_outgrows_the_limit_ends_by_name", outgrown),
        trial("a_backlog_is_read_within_the_limit", backlog),
    ]
}

fn outgrown(brokers: &Brokers) {
    const TOPIC: &str = "memory-outgrown";
    const LIMIT: u64 = 48_000_000;
    publish(brokers, TOPIC, PARTITIONS, generator(), RECORDS, Pace::Max);
    let folder = TempDir::new().unwrap();
    let location = format!("file://{}", folder.path().display());
    let limited = |limit| Config {
        query: BY_ID.to_owned(),
        schema: Some(TableSchema::parse(SCHEMA).unwrap()),
        memory_limit: Some(limit),
        checkpoint_location: Some(Location::parse(&location, []).unwrap()),
        ..config(brokers, TOPIC)
    };
    let mut consumer = consumer_kept_in(folder.path(), brokers, TOPIC);
    let ended = watched(consumer.envs([
        ("QUERY", BY_ID),
        ("SCHEMA", SCHEMA),
        ("MEMORY_LIMIT", &LIMIT.to_string()),
    ]));
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    assert_eq!(ended.said.matches('\n').count(), 1, "{}", ended.said);
    for words in ["error: MEMORY_LIMIT", "groups", "checkpoints are good"] {
        assert!(ended.said.contains(words), "{}", ended.said);
    }
    // This memory differs by some MB from run to run, so it is measured twice.
    let own = empty(brokers, TOPIC).max(empty(brokers, TOPIC));
    let most = LIMIT + own;
    eprintln!("most memory: {} of {most} bytes", ended.most_bytes);
    assert!(ended.most_bytes < most, "{} of {most}", ended.most_bytes);
    // A second run stops at once, with the same error.
    let (error, told) = start(limited(LIMIT)).fails();
    let StreamingError::StateTooLarge { groups, .. } = error else {
        panic!("{error}");
    };
    assert!(groups > 0 && groups <= RECORDS, "{groups}");
    let again = told.records();
    assert!(
        again < groups,
        "{groups} groups of {again} records: nothing was kept"
    );

    // The checkpoints are good: with a larger limit the query goes on from them, and every record is counted once.
    let told = run(limited(1_000_000_000));
    assert!(told.records() < RECORDS, "nothing was kept");
    let rows = &told.batches.last().unwrap().rows;
    let ids = texts(rows, "transaction_id");
    assert_eq!(ids.len() as u64, RECORDS);
    assert!(integers(rows, "n").iter().all(|n| *n == 1));
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), generated_ids());
}

/// Returns the most memory in bytes that the program has over the same records when its state is next to nothing: its
/// code, and what librdkafka fetches.
fn empty(brokers: &Brokers, topic: &str) -> u64 {
    let ended = watched(consumer(brokers, topic).envs([
        ("QUERY", "SELECT count(*) FROM transactions"),
        ("SCHEMA", SCHEMA),
        ("MEMORY_LIMIT", "32MB"),
    ]));
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    ended.most_bytes
}

/// How the program has ended.
struct Ended {
    code: Option<i32>,
    said: String,
    /// The most memory in bytes that it has had at a time.
    most_bytes: u64,
}

/// Runs a consumer to its end, and watches how much memory it has.
fn watched(consumer: &mut Command) -> Ended {
    let mut program = consumer
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + DEADLINE;
    let status = format!("/proc/{}/status", program.id());
    let mut most_bytes = 0;
    // The peak of a process only grows, and can no longer be read once the process has ended.
    let code = loop {
        most_bytes = peak(&fs::read_to_string(&status).unwrap()).unwrap_or(most_bytes);
        if let Some(ended) = program.try_wait().unwrap() {
            break ended.code();
        }
        assert!(Instant::now() < deadline, "it does not end");
        thread::sleep(Duration::from_millis(5));
    };
    let mut said = String::new();
    let mut errors = program.stderr.take().unwrap();
    errors.read_to_string(&mut said).unwrap();
    Ended {
        code,
        said,
        most_bytes,
    }
}

/// Returns the peak, as in `VmHWM: 52345 kB`, in bytes. The status of a process that has ended has none.
fn peak(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib = line.trim().strip_suffix(" kB")?;
    Some(kib.trim().parse::<u64>().unwrap() * 1024)
}

fn generated_ids() -> BTreeSet<String> {
    let mut generator = Generator::new(generator());
    (0..RECORDS)
        .map(|_| {
            let record: serde_json::Value =
                serde_json::from_slice(generator.next_record().payload).unwrap();
            record["transaction_id"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// Reads rows of 700 bytes, 42 MB in all. A partition may gather 16 MB of them at a time, and they would be in memory
/// twice.
fn backlog(brokers: &Brokers) {
    const TOPIC: &str = "memory-backlog";
    const LIMIT: u64 = 32_000_000;
    publish(brokers, TOPIC, PARTITIONS, generator(), RECORDS, Pace::Max);
    let query = "SELECT transaction_id, repeat(transaction_id, 20) AS wide FROM transactions";
    let limited = Config {
        query: query.to_owned(),
        schema: Some(TableSchema::parse(SCHEMA).unwrap()),
        memory_limit: Some(LIMIT),
        ..config(brokers, TOPIC)
    };
    let ended = watched(consumer(brokers, TOPIC).envs([
        ("QUERY", query),
        ("SCHEMA", SCHEMA),
        ("MEMORY_LIMIT", &LIMIT.to_string()),
    ]));
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let most = LIMIT + empty(brokers, TOPIC);
    assert!(ended.most_bytes < most, "{} of {most}", ended.most_bytes);

    // The batches are dropped as they come: a program that held all results would make the query wait for memory.
    let (sender, events) = unbounded();
    let query = runtime::start(limited, sender).unwrap();
    let (mut batches, mut ids) = (0, Vec::new());
    loop {
        match events.recv_timeout(DEADLINE).unwrap().event {
            QueryEvent::Batch(batch) => {
                batches += 1;
                ids.extend(texts(&batch.rows, "transaction_id"));
            }
            QueryEvent::Stopped => break,
            _ => {}
        }
    }
    query.join().unwrap();
    assert!(batches > 2, "{batches} batches");
    assert_eq!(ids.len() as u64, RECORDS);
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), generated_ids());
}

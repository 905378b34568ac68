//! Starts real brokers: one cluster of three brokers and ZooKeeper for all tests of a target. The first test that needs
//! the cluster starts it, by `zookeeper-kafka/cluster`, on free ports and with its data in a new folder.
//!
//! Without Java or Maven these tests are ignored, with the reason, unless CARDSTREAM_REQUIRE_CLUSTER=1.
//!
//! However the tests end, also when they are interrupted or killed, the cluster is stopped: a shell that holds the
//! other end of a pipe to this process cleans up when the pipe closes.

use std::env;
use std::fmt::Display;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Output, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use kafka_access::KafkaSettings;
use libtest_mimic::{Completion, Failed, Trial};

const REQUIRE: &str = "CARDSTREAM_REQUIRE_CLUSTER";
const BROKERS: u16 = 3;

static CLUSTER: OnceLock<Result<Brokers, String>> = OnceLock::new();
static CLEANER: Mutex<Option<Child>> = Mutex::new(None);

/// Three running brokers, numbered from 1.
pub struct Brokers {
    servers: String,
    /// The folder in which each node has a folder; the node's log files are in its subfolder `data`.
    pub data: PathBuf,
}

/// The brokers, or why there are none to test with.
enum Presence {
    Here(&'static Brokers),
    /// Something that the brokers need is missing, and the tests may be ignored.
    Lacks(String),
    Failed(String),
}

/// Makes a test that uses the brokers. Where they cannot run, it is ignored, with the reason.
pub fn trial(name: &str, test: impl Fn(&Brokers) + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || on_brokers(&test))
}

/// Runs a test with the brokers, or returns why it is ignored. Returns an error when the brokers should run but cannot.
pub fn on_brokers(test: impl FnOnce(&Brokers)) -> Result<Completion, Failed> {
    match presence() {
        Presence::Here(brokers) => {
            test(brokers);
            Ok(Completion::Completed)
        }
        Presence::Lacks(reason) => Ok(Completion::ignored_with(reason)),
        Presence::Failed(reason) => Err(reason.into()),
    }
}

/// Returns the brokers; the first call starts them.
fn presence() -> Presence {
    if let Some(missing) = missing() {
        let reason = format!("{missing} is missing");
        return match env::var_os(REQUIRE) {
            Some(value) if value == "1" => Presence::Failed(format!("{reason}, and {REQUIRE}=1")),
            _ => Presence::Lacks(reason),
        };
    }
    match CLUSTER.get_or_init(start) {
        Ok(brokers) => Presence::Here(brokers),
        Err(reason) => Presence::Failed(reason.clone()),
    }
}

/// Stops the brokers and deletes their data, if they were started.
pub fn clean() {
    let cleaner = CLEANER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(mut cleaner) = cleaner {
        drop(cleaner.stdin.take());
        cleaner.wait().expect("the cluster is cleaned up");
    }
}

/// Returns the program that is missing, if one is.
fn missing() -> Option<&'static str> {
    let runs = |program: &str| {
        let mut version = Command::new(program);
        version.arg("--version").stdout(Stdio::null());
        version.stderr(Stdio::null()).stdin(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    };
    ["java", "mvn"].into_iter().find(|program| !runs(program))
}

fn start() -> Result<Brokers, String> {
    let data = tempfile::Builder::new()
        .prefix("cardstream-cluster-")
        .tempdir()
        .map_err(|error| format!("no folder for the cluster: {error}"))?
        .keep();
    let (kafka, zookeeper) = free_ports();
    let cleaner = Command::new("sh")
        .args(["-c", "cat >/dev/null; exec \"$0\" clean"])
        .arg(script())
        .env("DATA_DIR", &data)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        // A signal that interrupts the tests must not reach the shell, so it gets a process group of its own.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("no shell to clean up with: {error}"))?;
    *CLEANER.lock().unwrap_or_else(PoisonError::into_inner) = Some(cleaner);
    let brokers = Brokers {
        servers: (kafka..kafka + BROKERS)
            .map(|port| format!("127.0.0.1:{port}"))
            .collect::<Vec<_>>()
            .join(","),
        data,
    };
    let up = brokers
        .command("up")
        .env("KAFKA_PORT", kafka.to_string())
        .env("ZOOKEEPER_PORT", zookeeper.to_string())
        .output();
    succeeded("cluster up", up)?;
    Ok(brokers)
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../zookeeper-kafka/cluster")
}

fn succeeded(what: &str, output: std::io::Result<Output>) -> Result<(), String> {
    let output = output.map_err(|error| format!("{what}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("{what} failed: {}", words.trim()))
}

/// Returns the first of the brokers' ports, and ZooKeeper's port. They are below the ports that the system gives to
/// connections.
fn free_ports() -> (u16, u16) {
    let span = BROKERS + 1;
    let offset = u16::try_from(process::id() % 2000).expect("below 2000");
    (0..2000)
        .map(|step| 22_000 + (offset + step) % 2000 * span)
        .find(|first| {
            let all: Result<Vec<_>, _> = (*first..first + span)
                .map(|port| TcpListener::bind(("127.0.0.1", port)))
                .collect();
            all.is_ok()
        })
        .map(|first| (first, first + BROKERS))
        .expect("four free ports in a row")
}

impl Brokers {
    /// Returns the brokers' addresses: `host:port`, separated by commas.
    pub fn servers(&self) -> &str {
        &self.servers
    }

    /// Returns the settings of a client that needs no more than the addresses.
    pub fn settings(&self) -> KafkaSettings {
        KafkaSettings::parse(&self.servers, "", &[]).unwrap()
    }

    /// Runs a command of `zookeeper-kafka/cluster` on a node: `kill`, `start`, `pause` or `resume`. The node is a
    /// broker's number or `zookeeper`. After `start` the node serves requests.
    pub fn cluster(&self, command: &str, node: impl Display) {
        let done = self.command(command).arg(node.to_string()).output();
        succeeded(&format!("cluster {command} {node}"), done).unwrap();
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(script());
        command.arg(name).env("DATA_DIR", &self.data);
        command.stdin(Stdio::null());
        command
    }
}

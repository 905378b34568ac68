//! A secret in every place where one may be written, and all that a program says: shared by the tests of both
//! programs.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::refusal::pipe::all_of;

/// What must not be said.
pub const SECRET: &str = "hunter2";

/// By then a program has ended, or is ended.
const DEADLINE: Duration = Duration::from_secs(10);

/// Settings and flags of one start.
pub type Start<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

/// Each has the secret in another place.
pub const WRONG: [Start<'_>; 27] = [
    (&[("KAFKA_PROPERTIES", "sasl.password=a;hunter2")], &[]),
    (&[("KAFKA_PROPERTIES", "sasl.password=a;hunter2=b")], &[]),
    (
        &[("KAFKA_PROPERTIES", "sasl.password=a;hun.ter2=hunter2")],
        &[],
    ),
    (&[("KAFKA_PROPERTIES", "sasl.password=a;hunter2.b=c")], &[]),
    (
        &[("KAFKA_PROPERTIES", "sasl.password=a;debug=hunter2")],
        &[],
    ),
    (
        &[("KAFKA_PROPERTIES", "sasl.password=a;linger.ms=hunter2")],
        &[],
    ),
    (&[("KAFKA_PROPERTIES", "sasl.password=a\nhunter2")], &[]),
    (&[("KAFKA_PROPERTIES", "sasl.password='a;hunter2")], &[]),
    (&[("KAFKA_PROPERTIES", "sasl.password='a'hunter2")], &[]),
    (&[("KAFKA_PROPERTIES", "sasl.pasword=hunter2")], &[]),
    (&[("KAFKA_PROPERTIES", "hunter2")], &[]),
    (&[("KAFKA_PROPERTIES", "hunter2;sasl.username=a")], &[]),
    (
        &[(
            "KAFKA_PROPERTIES",
            "sasl.jaas.config=X required password=\"hunter2\";",
        )],
        &[],
    ),
    (&[], &["-X", "hunter2"]),
    (&[], &["-X", "sasl.password:hunter2="]),
    (&[], &["-X", "sasl.password hunter2"]),
    (&[], &["-X", "sasl.passwrd=hunter2"]),
    (&[], &["-X", "sasl.password=my", "hunter2"]),
    (&[], &["-X", "sasl.password=my", "--hunter2"]),
    (&[], &["-X", "sasl.password=my", "-hunter2"]),
    (&[], &["--kafka-properties", "sasl.password=my", "hunter2"]),
    (
        &[("KAFKA_BOOTSTRAP_SERVERS", "user:hunter2@host:9092")],
        &[],
    ),
    (&[("KAFKA_BOOTSTRAP_SERVERS", "hunter2@host:9092")], &[]),
    (
        &[("KAFKA_BOOTSTRAP_SERVERS", "sasl_ssl://u:a,hunter2@host:1")],
        &[],
    ),
    (
        &[("KAFKA_BOOTSTRAP_SERVERS", "host:9092;sasl.password=hunter2")],
        &[],
    ),
    (
        &[("KAFKA_BOOTSTRAP_SERVERS", "host:9092?password=hunter2")],
        &[],
    ),
    (
        &[("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1,hunter2@host")],
        &[],
    ),
];

/// Settings that a program takes, with a secret in each, and all that librdkafka has to say: the broker's port is
/// closed.
pub const TAKEN: [&str; 4] = [
    "security.protocol=sasl_plaintext;sasl.mechanisms=PLAIN;sasl.username=hunter2;sasl.password=hunter2;debug=all",
    "security.protocol=sasl_plaintext\nsasl.mechanisms=SCRAM-SHA-256\nsasl.username=u\nsasl.password='a;hunter2'\ndebug=all",
    "security.protocol=sasl_plaintext;sasl.mechanisms=OAUTHBEARER;enable.sasl.oauthbearer.unsecure.jwt=true;\
     sasl.oauthbearer.config=hunter2;debug=all",
    "security.protocol=ssl;ssl.key.pem=hunter2;ssl.key.password=hunter2;debug=all",
];

/// All that `program` says, with `settings` in its environment and nothing else.
pub fn said(program: &str, settings: &[(&str, &str)], flags: &[&str]) -> String {
    let mut program = Command::new(program)
        .args(flags)
        .env_clear()
        .env("RUST_BACKTRACE", "1")
        .env("RUST_LOG", "trace")
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let printed = all_of(program.stdout.take().unwrap());
    let said = all_of(program.stderr.take().unwrap());
    let ended = said.recv_timeout(DEADLINE);
    let said = ended.unwrap_or_else(|_late| {
        program.kill().unwrap();
        said.recv().unwrap()
    });
    program.wait().unwrap();
    said + &printed.recv_timeout(DEADLINE).unwrap()
}

/// `program` says something of each of these, and not the secret.
pub fn is_never_said<'a>(program: &str, starts: impl IntoIterator<Item = Start<'a>>) {
    let mut leaks = Vec::new();
    for (settings, flags) in starts {
        let said = said(program, settings, flags);
        assert!(!said.is_empty(), "{settings:?} {flags:?}");
        if let Some(line) = said.lines().find(|line| line.contains(SECRET)) {
            leaks.push(format!("{settings:?} {flags:?}: {line}"));
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

//! Puts a secret in every place where one may be written, and searches for it in all that a program writes.

use std::thread;
use std::time::Duration;

use crate::program::{Program, command};

/// The secret, which a program must not write anywhere.
pub const SECRET: &str = "hunter2";

/// How long a program may run before it is killed.
const DEADLINE: Duration = Duration::from_secs(10);

/// The settings and the flags of one start.
pub type Start<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

/// Starts with wrong settings, each with the secret in another place.
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

/// Properties that a program accepts, each with a secret. They make librdkafka log all it can: nothing listens at the
/// broker's port.
const TAKEN: [&str; 4] = [
    "security.protocol=sasl_plaintext;sasl.mechanisms=PLAIN;sasl.username=hunter2;sasl.password=hunter2;debug=all",
    "security.protocol=sasl_plaintext\nsasl.mechanisms=SCRAM-SHA-256\nsasl.username=u\nsasl.password='a;hunter2'\ndebug=all",
    "security.protocol=sasl_plaintext;sasl.mechanisms=OAUTHBEARER;enable.sasl.oauthbearer.unsecure.jwt=true;\
     sasl.oauthbearer.config=hunter2;debug=all",
    "security.protocol=ssl;ssl.key.pem=hunter2;ssl.key.password=hunter2;debug=all",
];

/// Runs the binary at `program` with nothing in its environment but `settings` and RUST_LOG=trace, and returns all that
/// it writes.
fn said(program: &str, settings: &[(&str, &str)], flags: &[&str]) -> String {
    let mut command = command(program, settings);
    let mut program = Program::start(command.args(flags).env("RUST_LOG", "trace"));
    let lines = program.lines();
    let ended = program.end_within(DEADLINE).unwrap_or_else(|| {
        program.kill();
        program.end()
    });
    ended.said + &lines.rest().join("\n")
}

/// Checks that the program writes something at each of these starts, and never the secret.
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

/// Checks that the program's help does not show the secrets in its settings.
pub fn is_not_in_the_help(program: &str) {
    let settings = [
        ("KAFKA_PROPERTIES", "sasl.password=hunter2"),
        ("KAFKA_BOOTSTRAP_SERVERS", "user:hunter2@host:9092"),
        ("CHECKPOINT_LOCATION", "s3://key:hunter2@bucket/x"),
    ];
    for flag in ["--help", "-h"] {
        is_never_said(program, [(&settings[..], &[flag][..])]);
    }
}

/// Checks that the program's log, with all that librdkafka writes, does not show the secrets in its properties.
pub fn is_not_in_the_log(program: &str) {
    // The starts run at the same time, since each waits for brokers that do not answer.
    thread::scope(|scope| {
        for properties in TAKEN {
            scope.spawn(move || {
                // Nothing listens at tcpmux's port.
                let settings = [
                    ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"),
                    ("KAFKA_PROPERTIES", properties),
                ];
                is_never_said(program, [(&settings[..], &[][..])]);
            });
        }
    });
}

//! A program that ends instead of starting, and the one line that says why: shared by the tests of both
//! programs' settings.

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

pub mod pipe;

use pipe::all_of;

/// What is wrong is told by then, brokers that do not answer included.
const DEADLINE: Duration = Duration::from_secs(10);

pub const FAILED: i32 = 1;
pub const WRONG_USAGE: i32 = 2;

/// The line by which `program` ends, with `settings` in its environment and nothing else.
pub fn told(program: &str, settings: &[(&str, &str)], flags: &[&str], code: i32) -> String {
    let mut program = Command::new(program)
        .args(flags)
        .env_clear()
        .env("RUST_BACKTRACE", "1")
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let printed = all_of(program.stdout.take().unwrap());
    let said = all_of(program.stderr.take().unwrap());
    let within =
        |all: mpsc::Receiver<String>| all.recv_timeout(DEADLINE.saturating_sub(started.elapsed()));
    let (Ok(said), Ok(printed)) = (within(said), within(printed)) else {
        program.kill().unwrap();
        program.wait().unwrap();
        panic!("it runs on: {settings:?} {flags:?}");
    };
    assert_eq!(program.wait().unwrap().code(), Some(code), "{said}");
    assert_eq!(printed, "", "{said}");
    let line = said.strip_suffix('\n').expect(&said);
    assert!(!line.contains('\n'), "{said}");
    line.strip_prefix("error: ").expect(line).to_owned()
}

/// `setting` of `program` cannot be `value`, which it says together with `mend`.
pub fn refuses(program: &str, setting: &str, value: &str, mend: &str) {
    let line = told(program, &[(setting, value)], &[], WRONG_USAGE);
    is_about(&line, &format!("{setting}={value}: "), mend);
}

/// Whether `line` begins with what is wrong, and says `mend` of it.
pub fn is_about(line: &str, setting: &str, mend: &str) {
    let rest = line.strip_prefix(setting).expect(line);
    assert!(rest.contains(mend), "{line}");
}

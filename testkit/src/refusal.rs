//! Runs a program that ends instead of starting, and checks the one line that says why.

use std::time::{Duration, Instant};

use crate::program::{Program, command};

/// How long a program may take to say what is wrong, even if brokers do not answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// The exit code of a program that has failed.
pub const FAILED: i32 = 1;
/// The exit code of a program with a setting that was written wrong.
pub const WRONG_USAGE: i32 = 2;

/// Runs the binary at `program` with nothing but `settings` in its environment, and returns the one line that it
/// writes. Panics if the program does not end with the exit code `code`.
pub fn told(program: &str, settings: &[(&str, &str)], flags: &[&str], code: i32) -> String {
    let started = Instant::now();
    let mut program = Program::start(command(program, settings).args(flags));
    let lines = program.lines();
    let left = DEADLINE.saturating_sub(started.elapsed());
    let Some(ended) = program.end_within(left) else {
        panic!("it runs on: {settings:?} {flags:?}");
    };
    let said = ended.said;
    assert_eq!(ended.status.code(), Some(code), "{said}");
    assert_eq!(lines.rest(), [""; 0], "{said}");
    let line = said.strip_suffix('\n').expect(&said);
    assert!(!line.contains('\n'), "{said}");
    line.strip_prefix("error: ").expect(line).to_owned()
}

/// Checks that the program refuses `value` for `setting` as wrong usage, and that its line contains `mend`.
pub fn refuses(program: &str, setting: &str, value: &str, mend: &str) {
    let line = told(program, &[(setting, value)], &[], WRONG_USAGE);
    is_about(&line, &format!("{setting}={value}: "), mend);
}

/// Checks that `line` begins with `setting`, which names the setting and its value, and contains `mend` behind that.
pub fn is_about(line: &str, setting: &str, mend: &str) {
    let rest = line.strip_prefix(setting).expect(line);
    assert!(rest.contains(mend), "{line}");
}

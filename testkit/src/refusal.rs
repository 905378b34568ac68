//! A program that ends instead of starting, and the one line that says why.

use std::time::{Duration, Instant};

use crate::program::{Program, command};

/// What is wrong is told by then, brokers that do not answer included.
const DEADLINE: Duration = Duration::from_secs(10);

/// The exit code of what failed.
pub const FAILED: i32 = 1;
/// The exit code of what was written wrong.
pub const WRONG_USAGE: i32 = 2;

/// The line by which the binary at `program` ends, with `settings` in its environment and nothing else.
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

/// Holds the program to refusing `value` for `setting` as wrong usage, and to saying `mend` of it.
pub fn refuses(program: &str, setting: &str, value: &str, mend: &str) {
    let line = told(program, &[(setting, value)], &[], WRONG_USAGE);
    is_about(&line, &format!("{setting}={value}: "), mend);
}

/// Holds `line` to beginning with what is wrong, and to saying `mend` of it.
pub fn is_about(line: &str, setting: &str, mend: &str) {
    let rest = line.strip_prefix(setting).expect(line);
    assert!(rest.contains(mend), "{line}");
}

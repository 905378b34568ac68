//! Runs a program as its user would run it: with settings in its environment, reading what it writes, and sending it
//! signals.
//!
//! Cargo tells the path of a binary, as `CARGO_BIN_EXE_<name>`, only to the integration tests of the binary's crate. So
//! the tests pass the path in.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::DEADLINE;

/// Makes a command that runs the binary at `path` with an empty standard input. Its environment holds only `settings`
/// and a request for backtraces.
pub fn command(path: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(path);
    command
        .env_clear()
        .env("RUST_BACKTRACE", "1")
        .envs(settings.iter().copied())
        .stdin(Stdio::null());
    command
}

/// Sends a signal, such as TERM, to a process.
pub fn signal(process: u32, name: &str) {
    let kill = format!("kill -{name} {process}");
    let status = Command::new("sh").args(["-c", &kill]).status();
    assert!(status.unwrap().success(), "{kill}");
}

/// A running program. It is killed, if it still runs, when this is dropped.
pub struct Program {
    child: Child,
    stdout: Option<ChildStdout>,
    said: Receiver<String>,
}

/// How a program has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// All that it has written to standard error.
    pub said: String,
}

impl Program {
    /// Starts `command`. A thread reads standard error all the time, so the program never waits for that.
    pub fn start(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = all_of(child.stderr.take().unwrap());
        Self {
            stdout: child.stdout.take(),
            child,
            said,
        }
    }

    /// Returns the pipe of standard output; panics at a second call. Nobody else reads the pipe, so the program waits
    /// when it is full.
    pub fn stdout(&mut self) -> ChildStdout {
        self.stdout.take().expect("standard output is taken once")
    }

    /// Returns the lines of standard output as they come; panics at a second call. A thread reads them at once, so the
    /// program never waits for a reader.
    pub fn lines(&mut self) -> Lines {
        Lines::of(self.stdout())
    }

    /// Sends a signal, such as TERM.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Kills the program with SIGKILL and returns its status. A program that had ended before keeps the status with
    /// which it ended.
    pub fn kill(&mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }

    /// Waits up to `time` for the program's end, and returns how it has ended, or `None` if it still runs.
    pub fn end_within(&mut self, time: Duration) -> Option<Ended> {
        match self.said.recv_timeout(time) {
            Ok(said) => Some(Ended {
                status: self.child.wait().unwrap(),
                said,
            }),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("its end was told before"),
        }
    }

    /// Waits up to [`DEADLINE`] for the program's end and returns how it has ended. Panics if it still runs.
    pub fn end(&mut self) -> Ended {
        self.end_within(DEADLINE).expect("it runs on")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The program may have ended before, so errors are ignored.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that a program writes, as they come.
pub struct Lines(Receiver<String>);

impl Lines {
    fn of(stdout: ChildStdout) -> Self {
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if sender.send(line.unwrap()).is_err() {
                    break;
                }
            }
        });
        Self(lines)
    }

    /// Returns the next line, for which it waits up to [`DEADLINE`].
    pub fn next(&self) -> String {
        self.0.recv_timeout(DEADLINE).expect("no line has come")
    }

    /// Waits until the output ends, and returns the lines that are left.
    pub fn rest(&self) -> Vec<String> {
        let deadline = Instant::now() + DEADLINE;
        let left = || deadline.saturating_duration_since(Instant::now());
        std::iter::from_fn(|| match self.0.recv_timeout(left()) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("its output does not end"),
        })
        .collect()
    }
}

/// Reads all that comes through a pipe, and sends it once the pipe has ended.
pub(crate) fn all_of(mut pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, all) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        // A test that has given up no longer listens, so the error is ignored.
        let _ = sender.send(text);
    });
    all
}

//! Runs the demo as a user runs it in a terminal, under a shell that stops it and lets it continue.
//!
//! The program script(1) makes the terminal, and the shell is bash with job control.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use testkit::DEADLINE;
use testkit::program::signal;

/// The text with which the program takes the second screen, and the text with which it gives it back.
const TAKES: &str = "\x1b[?1049h";
const GIVES_BACK: &str = "\x1b[?1049l";
/// A word in the last line of every picture.
const PICTURE: &str = "freeze";
const CTRL_Z: &str = "\x1a";
/// A word of the message that stands in place of the keys when nobody could continue the program. Of two pictures only
/// the differences are written, so it is one word.
const NOBODY: &str = "shell";

/// A terminal in which a program runs. Both end with the test.
struct Terminal {
    script: Child,
    keys: ChildStdin,
    written: Receiver<Vec<u8>>,
    reader: Option<JoinHandle<()>>,
    /// What was written and not yet waited for.
    screen: Vec<u8>,
}

impl Terminal {
    fn running(command: &str) -> Self {
        let mut script = Command::new("script")
            .args(["--quiet", "--return", "--command", command, "/dev/null"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("TERM", "xterm")
            .env("PS1", "ready> ")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script(1) of util-linux is needed");
        let keys = script.stdin.take().unwrap();
        let mut output = script.stdout.take().unwrap();
        let (sender, written) = mpsc::channel();
        let read = move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                // A test that has given up no longer listens, so the error is ignored.
                let _ = sender.send(buffer[..length].to_vec());
            }
        };
        let reader = thread::Builder::new().name("screen".to_owned()).spawn(read);
        Self {
            script,
            keys,
            written,
            reader: Some(reader.unwrap()),
            screen: Vec::new(),
        }
    }

    /// Starts a terminal with a shell, which says when it is ready for a command.
    fn with_shell() -> Self {
        let mut terminal = Self::running("bash --norc --noprofile -i");
        terminal.waits_for("ready> ");
        terminal.runs("stty rows 24 cols 80");
        terminal.waits_for("ready> ");
        terminal
    }

    /// Runs the demo until a picture is on the screen, and returns the process's id.
    fn runs_demo(&mut self) -> u32 {
        let folder = tempfile::tempdir().unwrap();
        let id = folder.path().join("id");
        let demo = env!("CARGO_BIN_EXE_consumer");
        self.runs(&format!("sh -c 'echo $$ > {}; exec {demo}'", id.display()));
        self.waits_for(PICTURE);
        number_in(&id)
    }

    /// Checks that the demo takes the terminal, draws, and gives the terminal back after `q`.
    fn draws_and_quits(&mut self) {
        self.waits_for(TAKES);
        self.waits_for(PICTURE);
        self.types("q");
        self.waits_for(GIVES_BACK);
        self.waits_for("ready> ");
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn runs(&mut self, command: &str) {
        self.types(&format!("{command}\n"));
    }

    /// Waits until `text` is written, behind what was waited for before.
    fn waits_for(&mut self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let found = self
                .screen
                .windows(text.len())
                .position(|written| written == text.as_bytes());
            if let Some(at) = found {
                self.screen.drain(..at + text.len());
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.written.recv_timeout(left) {
                Ok(written) => self.screen.extend(written),
                Err(RecvTimeoutError::Timeout) => panic!("no {text:?} in {}", self.shows()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended without {text:?}: {}", self.shows())
                }
            }
        }
    }

    fn shows(&self) -> String {
        format!("{:?}", String::from_utf8_lossy(&self.screen))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The end of script(1) ends the terminal, and so what runs in it.
        let _ = self.script.kill();
        let _ = self.script.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Returns the number that a file holds.
fn number_in(file: &Path) -> u32 {
    fs::read_to_string(file).unwrap().trim().parse().unwrap()
}

#[test]
fn ctrl_z_suspends_and_fg_goes_on() {
    let mut terminal = Terminal::with_shell();
    terminal.runs(env!("CARGO_BIN_EXE_consumer"));
    for _ in 0..2 {
        terminal.waits_for(TAKES);
        terminal.waits_for(PICTURE);
        terminal.types(CTRL_Z);
        terminal.waits_for(GIVES_BACK);
        terminal.waits_for("Stopped");
        terminal.waits_for("ready> ");
        terminal.runs("fg");
    }
    terminal.draws_and_quits();
    terminal.runs("echo ended with $?");
    terminal.waits_for("ended with 0");
}

#[test]
fn whoever_stopped_it_fg_draws_all_anew() {
    let mut terminal = Terminal::with_shell();
    let id = terminal.runs_demo();
    signal(id, "STOP");
    terminal.waits_for("Stopped");
    terminal.waits_for("ready> ");
    terminal.runs("fg");
    terminal.draws_and_quits();
}

#[test]
fn in_the_background_it_waits_for_the_terminal() {
    let mut terminal = Terminal::with_shell();
    terminal.runs_demo();
    terminal.types(CTRL_Z);
    terminal.waits_for("Stopped");
    terminal.waits_for("ready> ");
    terminal.runs("bg");
    // The shell notices some time later that the demo has stopped again; before that, `fg` would not continue it.
    terminal.runs("until jobs -s | grep -q .; do sleep 0.1; done; echo it stands on $((1 + 1))");
    terminal.waits_for("it stands on 2");
    terminal.waits_for("ready> ");
    terminal.runs("fg");
    terminal.draws_and_quits();
}

/// Returns commands that run the demo in a terminal without a shell that could continue it.
fn without_a_shell() -> [String; 3] {
    let demo = env!("CARGO_BIN_EXE_consumer");
    [
        // The demo leads the terminal's session, like the first process of a container.
        format!("exec {demo}"),
        // The demo has a session of its own, and its terminal belongs to another session.
        format!("exec setsid --wait {demo}"),
        // The demo has a process group of its own, below a process that only waits for its end, like a container's
        // init.
        format!("exec bash -c 'set -m; {demo}; exit $?'"),
    ]
}

#[test]
fn without_a_shell_ctrl_z_says_so_and_changes_nothing() {
    for command in without_a_shell() {
        let mut terminal = Terminal::running(&format!("stty rows 24 cols 80; {command}"));
        terminal.waits_for(TAKES);
        terminal.waits_for(PICTURE);
        for _ in 0..2 {
            terminal.types(CTRL_Z);
            terminal.waits_for(NOBODY);
            // After any other key, the keys stand there again.
            terminal.types("j");
            terminal.waits_for(PICTURE);
        }
        terminal.types("q");
        terminal.waits_for(GIVES_BACK);
        assert!(terminal.script.wait().unwrap().success(), "{command}");
    }
}

#[test]
fn without_a_shell_nothing_stops_it_and_sigterm_ends_it() {
    for command in without_a_shell() {
        let folder = tempfile::tempdir().unwrap();
        let id = folder.path().join("id");
        let demo = env!("CARGO_BIN_EXE_consumer");
        let told = format!("sh -c \"echo \\$\\$ > {}; exec {demo}\"", id.display());
        let told = command.replace(demo, &told);
        let mut terminal = Terminal::running(&format!("stty rows 24 cols 80; {told}"));
        terminal.waits_for(TAKES);
        terminal.waits_for(PICTURE);
        let id = number_in(&id);
        signal(id, "TSTP");
        terminal.waits_for(NOBODY);
        signal(id, "TERM");
        terminal.waits_for(GIVES_BACK);
        assert!(terminal.script.wait().unwrap().success(), "{command}");
    }
}

/// Checks that a program that prints a table says in one line that no shell could continue it, and goes on.
#[test]
fn without_a_shell_a_table_goes_on_after_ctrl_z() {
    let demo = env!("CARGO_BIN_EXE_consumer");
    let command = format!("bash -c 'set -m; {demo} --output table; exit $?'");
    let mut terminal = Terminal::running(&command);
    terminal.waits_for("batch 0");
    terminal.types(CTRL_Z);
    terminal.waits_for(NOBODY);
    terminal.waits_for("batch ");
    terminal.types("\x03");
    assert!(terminal.script.wait().unwrap().success());
}

//! Turns signals into messages that can be waited for.

use std::io;
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::{Handle, Signals as Iterator};
use tokio::sync::mpsc;

use crate::job_control::can_be_continued;

/// The meaning of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signalled {
    /// The program is to end.
    End,
    /// The program was stopped and goes on. It is unknown what was done with the terminal meanwhile.
    Continued,
    /// The program is to stop until somebody continues it, and nobody could.
    Stop,
}

/// The thread that waits for signals. Dropping this ends it.
pub struct Signals {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Signals {
    /// Starts to wait; each signal is one message. SIGTSTP is left to the system if a shell can continue the process.
    pub fn start() -> io::Result<(Self, mpsc::UnboundedReceiver<Signalled>)> {
        let mut signals = Iterator::new([SIGCONT, SIGHUP, SIGINT, SIGTERM])?;
        if !can_be_continued() {
            signals.add_signal(SIGTSTP)?;
        }
        let handle = signals.handle();
        let (sender, receiver) = mpsc::unbounded_channel();
        let thread = thread::Builder::new()
            .name("dashboard-signals".into())
            .spawn(move || {
                for signal in signals.forever() {
                    let signalled = match signal {
                        SIGCONT => Signalled::Continued,
                        SIGTSTP => Signalled::Stop,
                        _ => Signalled::End,
                    };
                    if sender.send(signalled).is_err() {
                        return;
                    }
                }
            })?;
        Ok((
            Self {
                handle,
                thread: Some(thread),
            },
            receiver,
        ))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // The thread does nothing that could panic.
            let _ = thread.join();
        }
    }
}

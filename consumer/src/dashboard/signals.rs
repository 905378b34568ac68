//! Signals, as something to wait for.

use std::io;
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals as Iterator};
use tokio::sync::mpsc;

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signalled {
    /// To end.
    End,
    /// That the program goes on after it was stopped, and what was done with the terminal meanwhile is not known.
    Continued,
}

/// The thread that waits for signals; dropping it ends it.
pub struct Signals {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Signals {
    /// Starts to wait; each signal is one message.
    pub fn start() -> io::Result<(Self, mpsc::UnboundedReceiver<Signalled>)> {
        let mut signals = Iterator::new([SIGCONT, SIGHUP, SIGINT, SIGTERM])?;
        let handle = signals.handle();
        let (sender, receiver) = mpsc::unbounded_channel();
        let thread = thread::Builder::new()
            .name("dashboard-signals".into())
            .spawn(move || {
                for signal in signals.forever() {
                    let signalled = match signal {
                        SIGCONT => Signalled::Continued,
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
            // It does nothing that could panic.
            let _ = thread.join();
        }
    }
}

//! Signals that end the program, as something to wait for.

use std::io;
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals as Iterator};
use tokio::sync::mpsc;

/// The thread that waits for signals; dropping it ends it.
pub struct Signals {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Signals {
    /// Starts to wait; each signal is one message.
    pub fn start() -> io::Result<(Self, mpsc::UnboundedReceiver<()>)> {
        let mut signals = Iterator::new([SIGHUP, SIGINT, SIGTERM])?;
        let handle = signals.handle();
        let (sender, receiver) = mpsc::unbounded_channel();
        let thread = thread::Builder::new()
            .name("dashboard-signals".into())
            .spawn(move || {
                for _ in signals.forever() {
                    if sender.send(()).is_err() {
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

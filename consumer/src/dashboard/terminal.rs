//! The terminal while the dashboard has it, and its way back.
//!
//! Guarantee: whatever ends the dashboard, an error, a panic on any thread or a signal, the terminal is
//! as it was before. A panic of this thread restores it before its message is printed; that of another
//! thread is held back until the screen is given up, as printing it would tear the picture.

use std::io::{self, Stdout, Write};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread::{self, ThreadId};

use crossterm::cursor::Show;
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};

/// Whether the terminal is ours now.
static OURS: AtomicBool = AtomicBool::new(false);
/// The thread that draws.
static DRAWS: Mutex<Option<ThreadId>> = Mutex::new(None);
/// Messages of panics on other threads, to be printed once the terminal is back.
static HELD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The terminal in raw mode, on its second screen; dropping it gives it back.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal.
    pub fn enter() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| on_panic(panic, before.as_ref())));
        });
        *DRAWS.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current().id());
        enable_raw_mode()?;
        OURS.store(true, Ordering::SeqCst);
        // From here on, dropping what was made so far gives everything back.
        let entered = execute!(io::stdout(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())))
            .and_then(|mut terminal| terminal.clear().map(|()| terminal));
        match entered {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Draws one picture; only what has changed since the last is written.
    pub fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(picture).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back if the dashboard has it; else does nothing. For whoever ends the process.
pub fn restore() {
    if !OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    // If the terminal has gone, there is nothing to be done about it.
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    for message in HELD
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .drain(..)
    {
        let _ = writeln!(io::stderr(), "{message}");
    }
}

fn on_panic(panic: &PanicHookInfo<'_>, before: &dyn Fn(&PanicHookInfo<'_>)) {
    let draws = *DRAWS.lock().unwrap_or_else(PoisonError::into_inner);
    if OURS.load(Ordering::SeqCst) && draws != Some(thread::current().id()) {
        let name = thread::current().name().unwrap_or("<unnamed>").to_owned();
        let message = format!("thread '{name}' {panic}");
        HELD.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(message);
        return;
    }
    restore();
    before(panic);
}

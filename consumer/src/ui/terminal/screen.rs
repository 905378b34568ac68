//! The terminal while the dashboard has it, and its way back.
//!
//! Guarantee: whatever ends the dashboard, an error, a panic on any thread or a signal, the terminal is
//! as it was before. A panic, of whichever thread, gives it back, prints its message and ends the process at
//! once: where nothing is unwound, nothing else would do so, and a picture that is drawn on would be drawn
//! over the message.

use std::io::{self, Stdout};
use std::panic::PanicHookInfo;
use std::process;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::Show;
use crossterm::execute;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{LocalModes, tcgetattr};

/// Whether the terminal is ours now.
static OURS: AtomicBool = AtomicBool::new(false);

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
        match take() {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Draws one picture; only what has changed since the last is written.
    pub fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        // A panic elsewhere waits for the end of the picture, and lets none begin.
        let _whole = io::stdout().lock();
        self.terminal.draw(picture).map(|_| ())
    }

    /// Gives the terminal to the shell and stops this process and those it was started with, until the shell continues
    /// them; then has the terminal again. Where no shell could continue them, the system does not stop them.
    ///
    /// Only for the first thread: a signal to all of a process is taken by that one, and so before this goes on.
    pub fn suspend(&mut self) -> io::Result<()> {
        restore();
        kill_current_process_group(Signal::TSTP)?;
        self.take_again()
    }

    /// Takes the terminal again, whatever was done with it while the process was stopped. In the background that
    /// stops the process once more.
    pub fn take_again(&mut self) -> io::Result<()> {
        // Else raw mode is not set anew. If it is set nothing may change it: meanwhile a key would be a signal.
        if is_cooked() {
            disable_raw_mode()?;
        }
        self.terminal = take()?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Raw mode and the second screen, empty. What was had when this fails, [`restore`] gives back.
///
/// Asks the terminal nothing: its answer would have to be waited for, and some give none.
fn take() -> io::Result<Terminal<CrosstermBackend<Stdout>>> {
    // From here on a panic gives it back.
    OURS.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All))?;
    Terminal::new(CrosstermBackend::new(io::stdout()))
}

/// Whether the terminal reads lines, and not keys.
fn is_cooked() -> bool {
    tcgetattr(io::stdin()).map_or(true, |modes| modes.local_modes.contains(LocalModes::ICANON))
}

/// Gives the terminal back if the dashboard has it; else does nothing. Whether it had it.
fn restore() -> bool {
    let ours = OURS.swap(false, Ordering::SeqCst);
    if ours {
        // If the terminal has gone, there is nothing to be done about it.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
    ours
}

fn on_panic(panic: &PanicHookInfo<'_>, before: &dyn Fn(&PanicHookInfo<'_>)) {
    if !OURS.load(Ordering::SeqCst) {
        return before(panic);
    }
    // Nobody else draws from here on. The thread that draws may have it already, and gets it again.
    let _drawing = io::stdout().lock();
    let ours = restore();
    before(panic);
    if ours {
        process::abort();
    }
}

//! Takes the terminal for the dashboard, and gives it back.
//!
//! Guarantee: whatever ends the dashboard, an error, a panic on any thread or a signal, the terminal is as it was
//! before. A panic on any thread gives the terminal back, prints its message and ends the process at once. Where
//! nothing is unwound, nothing else would give the terminal back, and a later picture would be drawn over the message.

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

/// Whether the dashboard has the terminal now.
static OURS: AtomicBool = AtomicBool::new(false);

/// The terminal in raw mode, on its second screen. Dropping this gives the terminal back.
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

    /// Draws one picture. Only what has changed since the last picture is written.
    pub fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        // A panic on another thread waits for the end of the picture, and no picture begins after it.
        let _whole = io::stdout().lock();
        self.terminal.draw(picture).map(|_| ())
    }

    /// Gives the terminal to the shell, and stops this process and those that were started with it, until the shell
    /// continues them. Then it takes the terminal again. If no shell could continue them, the system does not stop
    /// them.
    ///
    /// Only the first thread may call this: it takes signals that are sent to the whole process, so it takes the signal
    /// before this goes on.
    pub fn suspend(&mut self) -> io::Result<()> {
        restore();
        kill_current_process_group(Signal::TSTP)?;
        self.take_again()
    }

    /// Takes the terminal again, whatever was done with it while the process was stopped. In the background this stops
    /// the process once more.
    pub fn take_again(&mut self) -> io::Result<()> {
        // In line mode raw mode must be set anew. If raw mode is set, it must not be changed: meanwhile a key would be
        // a signal.
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

/// Sets raw mode and the empty second screen. If this fails, [`restore`] undoes what was done.
///
/// It asks the terminal nothing: it would have to wait for the answer, and some terminals give none.
fn take() -> io::Result<Terminal<CrosstermBackend<Stdout>>> {
    // From here on a panic gives the terminal back.
    OURS.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All))?;
    Terminal::new(CrosstermBackend::new(io::stdout()))
}

/// Returns whether the terminal reads lines, and not keys.
fn is_cooked() -> bool {
    tcgetattr(io::stdin()).map_or(true, |modes| modes.local_modes.contains(LocalModes::ICANON))
}

/// Gives the terminal back if the dashboard has it. Returns whether the dashboard had it.
fn restore() -> bool {
    let ours = OURS.swap(false, Ordering::SeqCst);
    if ours {
        // If the terminal is gone, nothing can be done about it.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
    ours
}

fn on_panic(panic: &PanicHookInfo<'_>, before: &dyn Fn(&PanicHookInfo<'_>)) {
    if !OURS.load(Ordering::SeqCst) {
        return before(panic);
    }
    // Nobody else draws from here on. The thread that draws may hold this lock already, and can lock it again.
    let _drawing = io::stdout().lock();
    let ours = restore();
    before(panic);
    if ours {
        process::abort();
    }
}

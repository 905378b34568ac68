//! The dashboard, which shows a running query in the terminal.
//!
//! ```text
//! events ──▶ status ──▶ watch (snapshot, table) ──▶ render      keys ──▶ view, commands
//! ```
//!
//! Events are folded into a [`Snapshot`](crate::status::snapshot::Snapshot), whose result becomes a [`table`] of texts.
//! A watch channel holds the latest of both, and a pure function draws it as this viewer's [`view`] looks at it. The
//! picture is drawn only when something has changed, and at most ten times a second. The query never waits for any of
//! this.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use crossbeam_channel::{Receiver, Sender};
use crossterm::event::{Event as Input, EventStream, KeyCode, KeyEvent, KeyModifiers};
use futures::StreamExt;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::command::QueryCommand;
use crate::event::NamedEvent;
use crate::job_control::{NOBODY, can_be_continued};
use crate::status::snapshot::Phase;
use crate::ui::table::ShownBatch;

mod feed;
pub mod keys;
pub mod log;
pub mod render;
pub mod screen;
mod signals;
pub mod table;
pub mod terminal_snapshot;
pub mod theme;
pub mod view;

use keys::Asked;
use screen::Screen;
use signals::Signalled;
use terminal_snapshot::TerminalSnapshot;
use theme::Theme;
use view::View;

/// The least time between two pictures.
const FRAME: Duration = Duration::from_millis(100);

/// How the dashboard ended.
#[derive(Debug)]
pub struct Ended {
    /// The reason for the end.
    pub end: DashboardEnd,
    /// The last batch as a table, to be printed after the dashboard has given the screen back.
    pub last: Option<ShownBatch>,
}

/// Why the dashboard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DashboardEnd {
    /// The query has ended, and has sent its last event.
    Stopped,
    /// The user left without waiting for the query to end.
    Left,
    /// The query's events ended without [`QueryEvent::Stopped`](crate::event::QueryEvent::Stopped): it has failed.
    Lost,
}

/// Why the dashboard failed.
#[derive(Debug, Error)]
pub enum DashboardError {
    /// The system gives no threads or timers.
    #[error("cannot start the dashboard: {0}")]
    Start(#[source] io::Error),
    /// The terminal cannot be taken over, read or drawn on.
    #[error("cannot use the terminal: {0}; OUTPUT=table needs none")]
    Terminal(#[source] io::Error),
}

/// Shows `events` until the query ends or the user leaves. What the user asks of the query goes to `commands`. The
/// dashboard holds at most `rows` rows of the last batch.
///
/// This takes the whole terminal and SIGINT, SIGTERM, SIGHUP and SIGCONT. The first of the former three asks the query
/// to stop, as `q` does, and a second one leaves at once; SIGCONT makes the dashboard take the terminal again. If
/// nobody could continue the process, SIGTSTP is taken too, and does nothing. When this returns, the terminal is as it
/// was before. A panic meanwhile, on any thread, also gives the terminal back, and ends the process. The process's
/// first thread must call this, as [`Screen::suspend`] says. Once taken, the three signals no longer end the process by
/// themselves, even after this has returned: a caller that goes on for long must handle them too.
pub fn run(
    events: Receiver<NamedEvent>,
    commands: Sender<QueryCommand>,
    theme: Theme,
    rows: usize,
) -> Result<Ended, DashboardError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(DashboardError::Start)?;
    let (publish, snapshots) = watch::channel(Arc::new(TerminalSnapshot::default()));
    let feed = feed::SnapshotFeed::start(events, publish, rows).map_err(DashboardError::Start)?;
    let (signals, signalled) = signals::Signals::start().map_err(DashboardError::Start)?;
    let mut screen = Screen::enter().map_err(DashboardError::Terminal)?;
    let end = runtime.block_on(show(&mut screen, snapshots, signalled, &commands, theme));
    drop(screen);
    drop(signals);
    let last = feed.stop();
    Ok(Ended { end: end?, last })
}

async fn show(
    screen: &mut Screen,
    mut snapshots: watch::Receiver<Arc<TerminalSnapshot>>,
    mut signalled: mpsc::UnboundedReceiver<Signalled>,
    commands: &Sender<QueryCommand>,
    theme: Theme,
) -> Result<DashboardEnd, DashboardError> {
    let mut view = View::new(theme);
    let mut shown = snapshots.borrow_and_update().clone();
    let mut input = EventStream::new();
    let mut drawn = Instant::now() - FRAME;
    let mut due = Instant::now();
    loop {
        if Instant::now() >= due {
            let now = Utc::now();
            screen
                .draw(|frame| render::render(frame, &shown, &view, now))
                .map_err(DashboardError::Terminal)?;
            drawn = Instant::now();
            due = drawn + idle(&shown, &view);
        }
        let key = tokio::select! {
            // Keys come first: nothing that the query does may make them wait.
            biased;
            read = input.next() => match read {
                Some(Ok(Input::Key(key))) => Some(key),
                // After a new size or focus the picture is drawn again.
                Some(Ok(_)) => { due = Instant::now(); None }
                Some(Err(error)) => return Err(DashboardError::Terminal(error)),
                // The terminal is gone.
                None => return Ok(DashboardEnd::Left),
            },
            Some(signal) = signalled.recv() => match signal {
                Signalled::End => Some(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)),
                Signalled::Continued => {
                    if screen.take_again().is_err() {
                        // The terminal is gone.
                        return Ok(DashboardEnd::Left);
                    }
                    due = Instant::now();
                    None
                }
                Signalled::Stop => {
                    view.note = Some(NOBODY);
                    due = Instant::now();
                    None
                }
            },
            changed = snapshots.changed() => {
                let latest = snapshots.borrow_and_update().clone();
                if latest.status.phase == Phase::Stopped {
                    return Ok(DashboardEnd::Stopped);
                }
                if changed.is_err() {
                    return Ok(DashboardEnd::Lost);
                }
                if view.frozen.is_none() {
                    shown = latest;
                    view.asked = view.asked.filter(|asked| Some(*asked) != shown.status.interval);
                    due = due.min(drawn + FRAME);
                }
                None
            }
            () = sleep_until(due) => None,
        };
        if let Some(key) = key {
            match keys::press(key, &mut view, &shown, Utc::now()) {
                Asked::Nothing => {}
                Asked::Leave => return Ok(DashboardEnd::Left),
                Asked::Suspend if !can_be_continued() => view.note = Some(NOBODY),
                Asked::Suspend => {
                    if screen.suspend().is_err() {
                        return Ok(DashboardEnd::Left);
                    }
                }
                // A query that is gone cannot be told anything; its events show that it is gone.
                Asked::Query(command) => drop(commands.try_send(command)),
            }
            if view.frozen.is_none() {
                shown = snapshots.borrow_and_update().clone();
            }
            due = Instant::now();
        }
    }
}

/// Returns how long the picture stays right without any event: until the countdown's next step.
fn idle(shown: &TerminalSnapshot, view: &View) -> Duration {
    let shown = &shown.status;
    let counts = shown.next_trigger.is_some_and(|due| due > Utc::now()) && view.frozen.is_none();
    match counts && shown.interval.unwrap_or_default() <= Duration::from_secs(10) {
        true => Duration::from_millis(200),
        false => Duration::from_secs(1),
    }
}

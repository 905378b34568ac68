//! Keys: each changes the view, or asks something of the query. The functions are pure.

use std::time::Duration;

use chrono::{DateTime, Utc};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::terminal_snapshot::TerminalSnapshot;
use super::view::{Sort, View};
use crate::command::QueryCommand;

/// All keys and what they do, in the order of the help.
pub const KEYS: [(&str, &str); 12] = [
    ("q  Ctrl-C", "stop after this batch; again: leave at once"),
    ("?  F1", "this help"),
    ("space", "freeze the picture; the query goes on"),
    ("↑ ↓  k j", "move through the rows"),
    ("PgUp PgDn", "ten rows at a time"),
    ("Home End", "first and last row"),
    ("← →  h l", "choose a column: for bars, changes and sorting"),
    (
        "s  Enter",
        "sort by it: largest first, smallest first, as in the query",
    ),
    ("1 … 9", "sort by that column"),
    ("+ -", "longer or shorter interval between batches"),
    (
        "Esc",
        "close the help; thaw; let go of row, column and order",
    ),
    ("Ctrl-Z", "suspend all of it; the shell's fg goes on"),
];

/// The intervals that + and - step through, from the shortest that can be set to the longest.
const INTERVALS_MS: [u64; 19] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000,
    600_000, 1_800_000, 3_600_000, 21_600_000, 86_400_000,
];

/// The rows by which PgUp and PgDn move.
const PAGE: usize = 10;

/// What a key asks for, beyond a change of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The key asks for nothing.
    Nothing,
    /// The key asks this of the query.
    Query(QueryCommand),
    /// The user wants to leave now, whatever the query does.
    Leave,
    /// The user wants to give the terminal to the shell, and to stop the process until the shell continues it.
    Suspend,
}

/// Applies `key` to `view`, which shows `snapshot`, at `now`.
pub fn press(
    key: KeyEvent,
    view: &mut View,
    snapshot: &TerminalSnapshot,
    now: DateTime<Utc>,
) -> Asked {
    if key.kind == KeyEventKind::Release {
        return Asked::Nothing;
    }
    view.note = None;
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c' | 'C') => stop(view),
            KeyCode::Char('z' | 'Z') => Asked::Suspend,
            _ => Asked::Nothing,
        };
    }
    let table = &snapshot.table;
    match key.code {
        KeyCode::Char('q' | 'Q') => return stop(view),
        KeyCode::Char('?') | KeyCode::F(1) => view.help = !view.help,
        KeyCode::Char(' ') => {
            view.frozen = if view.frozen.is_some() {
                None
            } else {
                Some(now)
            }
        }
        KeyCode::Esc => escape(view),
        KeyCode::Up | KeyCode::Char('k') => scroll(view, table.rows.len(), |row| {
            row.map_or(0, |row| row.saturating_sub(1))
        }),
        KeyCode::Down | KeyCode::Char('j') => {
            scroll(view, table.rows.len(), |row| row.map_or(0, |row| row + 1))
        }
        KeyCode::PageUp => scroll(view, table.rows.len(), |row| {
            row.unwrap_or(0).saturating_sub(PAGE)
        }),
        KeyCode::PageDown => scroll(view, table.rows.len(), |row| row.unwrap_or(0) + PAGE),
        KeyCode::Home | KeyCode::Char('g') => scroll(view, table.rows.len(), |_| 0),
        KeyCode::End | KeyCode::Char('G') => scroll(view, table.rows.len(), |_| usize::MAX),
        KeyCode::Left | KeyCode::Char('h') => {
            view.column = view.chosen(table).map(|column| column.saturating_sub(1));
        }
        KeyCode::Right | KeyCode::Char('l') => {
            view.column = view
                .chosen(table)
                .map(|column| (column + 1).min(table.columns.len() - 1));
        }
        KeyCode::Char('s') | KeyCode::Enter => sort_by(view, view.chosen(table)),
        KeyCode::Char(digit @ '1'..='9') => {
            let column = digit as usize - '1' as usize;
            sort_by(
                view,
                Some(column).filter(|column| *column < table.columns.len()),
            );
        }
        KeyCode::Char('+' | '=') => return interval(view, snapshot, true),
        KeyCode::Char('-' | '_') => return interval(view, snapshot, false),
        _ => {}
    }
    Asked::Nothing
}

fn stop(view: &mut View) -> Asked {
    if view.stopping {
        return Asked::Leave;
    }
    view.stopping = true;
    Asked::Query(QueryCommand::Stop)
}

/// Goes one step back: first closes the help, then ends the freeze, then resets the row and the order.
fn escape(view: &mut View) {
    if view.help {
        view.help = false;
    } else if view.frozen.is_some() {
        view.frozen = None;
    } else {
        (view.cursor, view.sort, view.column) = (None, None, None);
    }
}

/// Moves the cursor among `rows` rows. `step` gets the cursor's row, or `None` at first.
fn scroll(view: &mut View, rows: usize, step: impl Fn(Option<usize>) -> usize) {
    view.cursor = rows
        .checked_sub(1)
        .map(|last| step(view.cursor.map(|row| row.min(last))).min(last));
}

fn sort_by(view: &mut View, column: Option<usize>) {
    let Some(column) = column else {
        return;
    };
    view.column = Some(column);
    view.sort = match view.sort {
        Some(Sort {
            column: sorted,
            descending: true,
        }) if sorted == column => Some(Sort {
            column,
            descending: false,
        }),
        Some(Sort {
            column: sorted,
            descending: false,
        }) if sorted == column => None,
        _ => Some(Sort {
            column,
            descending: true,
        }),
    };
}

fn interval(view: &mut View, snapshot: &TerminalSnapshot, longer: bool) -> Asked {
    let Some(interval) = snapshot.status.interval else {
        return Asked::Nothing;
    };
    // Steps add up while the query has not answered yet.
    let now = view.asked.unwrap_or(interval);
    let mut steps = INTERVALS_MS.map(Duration::from_millis).into_iter();
    let next = if longer {
        steps.find(|step| *step > now)
    } else {
        steps.rfind(|step| *step < now)
    };
    match next {
        Some(next) => {
            view.asked = Some(next);
            Asked::Query(QueryCommand::SetInterval(next))
        }
        None => Asked::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LONGEST_INTERVAL, SHORTEST_INTERVAL};
    use crate::event::samples::brands;
    use crate::event::{Heartbeat, QueryEvent};
    use crate::status::updater::Updater;
    use crate::ui::terminal::theme::Theme;

    struct Seat {
        view: View,
        snapshot: TerminalSnapshot,
    }

    impl Seat {
        fn new() -> Self {
            let mut updater = Updater::default();
            let heartbeat = Heartbeat {
                interval: Some(Duration::from_secs(1)),
                ..Heartbeat::default()
            };
            updater.apply(&QueryEvent::Heartbeat(heartbeat), DateTime::UNIX_EPOCH);
            let rows = [("Visa", 5, 1000), ("Amex", 9, 500), ("JCB", 1, 7)];
            updater.apply(&QueryEvent::Batch(brands(0, &rows)), DateTime::UNIX_EPOCH);
            Self {
                view: View::new(Theme::plain()),
                snapshot: TerminalSnapshot::default().after(&mut updater, DateTime::UNIX_EPOCH),
            }
        }

        fn press(&mut self, code: KeyCode) -> Asked {
            press(
                code.into(),
                &mut self.view,
                &self.snapshot,
                DateTime::UNIX_EPOCH,
            )
        }

        fn first_column(&self) -> Vec<&str> {
            self.view
                .ordered(&self.snapshot.table)
                .iter()
                .map(|row| row.cells[0].text.as_str())
                .collect()
        }
    }

    #[test]
    fn first_q_stops_the_query_second_leaves() {
        let mut seat = Seat::new();
        assert_eq!(
            seat.press(KeyCode::Char('q')),
            Asked::Query(QueryCommand::Stop)
        );
        assert!(seat.view.stopping);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(
            press(
                interrupt,
                &mut seat.view,
                &seat.snapshot,
                DateTime::UNIX_EPOCH
            ),
            Asked::Leave
        );
    }

    #[test]
    fn ctrl_z_suspends_and_changes_nothing() {
        let mut seat = Seat::new();
        let suspend = KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL);
        let asked = press(
            suspend,
            &mut seat.view,
            &seat.snapshot,
            DateTime::UNIX_EPOCH,
        );
        assert_eq!(asked, Asked::Suspend);
        assert!(!seat.view.stopping);
    }

    #[test]
    fn a_note_stands_until_the_next_key() {
        let mut seat = Seat::new();
        seat.view.note = Some("noted");
        seat.press(KeyCode::Down);
        assert_eq!(seat.view.note, None);
    }

    #[test]
    fn interval_goes_in_steps_that_add_up() {
        let mut seat = Seat::new();
        let set = |ms| Asked::Query(QueryCommand::SetInterval(Duration::from_millis(ms)));
        assert_eq!(seat.press(KeyCode::Char('+')), set(2_000));
        assert_eq!(seat.press(KeyCode::Char('+')), set(5_000));
        for expected in [2_000, 1_000, 500, 200, 100, 50, 20, 10] {
            assert_eq!(seat.press(KeyCode::Char('-')), set(expected));
        }
        assert_eq!(seat.press(KeyCode::Char('-')), Asked::Nothing);
    }

    #[test]
    fn steps_lead_from_the_shortest_interval_to_the_longest() {
        let steps = INTERVALS_MS.map(Duration::from_millis);
        assert!(steps.is_sorted_by(|a, b| a < b));
        assert_eq!(steps.first(), Some(&SHORTEST_INTERVAL));
        assert_eq!(steps.last(), Some(&LONGEST_INTERVAL));
        let mut seat = Seat::new();
        seat.view.asked = Some(LONGEST_INTERVAL);
        assert_eq!(seat.press(KeyCode::Char('+')), Asked::Nothing);
    }

    #[test]
    fn an_interval_between_the_steps_goes_to_the_next_one() {
        let mut seat = Seat::new();
        seat.snapshot.status.interval = Some(Duration::from_millis(1500));
        assert_eq!(
            seat.press(KeyCode::Char('-')),
            Asked::Query(QueryCommand::SetInterval(Duration::from_secs(1)))
        );
        seat.view.asked = None;
        assert_eq!(
            seat.press(KeyCode::Char('+')),
            Asked::Query(QueryCommand::SetInterval(Duration::from_secs(2)))
        );
    }

    #[test]
    fn sorting_goes_round() {
        let mut seat = Seat::new();
        seat.press(KeyCode::Char('s'));
        assert_eq!(seat.first_column(), ["Amex", "Visa", "JCB"]);
        seat.press(KeyCode::Char('s'));
        assert_eq!(seat.first_column(), ["JCB", "Visa", "Amex"]);
        seat.press(KeyCode::Enter);
        assert_eq!(seat.first_column(), ["Visa", "Amex", "JCB"]);
        seat.press(KeyCode::Char('1'));
        assert_eq!(seat.first_column(), ["Visa", "JCB", "Amex"]);
        assert_eq!(seat.view.column, Some(0));
        let before = seat.view.clone();
        seat.press(KeyCode::Char('9'));
        assert_eq!(seat.view, before);
    }

    #[test]
    fn columns_are_chosen_within_the_table() {
        let mut seat = Seat::new();
        assert_eq!(seat.view.chosen(&seat.snapshot.table), Some(1));
        for expected in [2, 2] {
            seat.press(KeyCode::Right);
            assert_eq!(seat.view.column, Some(expected));
        }
        for expected in [1, 0, 0] {
            seat.press(KeyCode::Left);
            assert_eq!(seat.view.column, Some(expected));
        }
    }

    #[test]
    fn cursor_stays_in_the_table() {
        let mut seat = Seat::new();
        for expected in [0, 1, 2, 2] {
            seat.press(KeyCode::Down);
            assert_eq!(seat.view.cursor, Some(expected));
        }
        seat.press(KeyCode::PageUp);
        assert_eq!(seat.view.cursor, Some(0));
        seat.press(KeyCode::End);
        assert_eq!(seat.view.cursor, Some(2));
        seat.snapshot = TerminalSnapshot::default();
        seat.press(KeyCode::Down);
        assert_eq!(seat.view.cursor, None);
        seat.press(KeyCode::Right);
        assert_eq!(seat.view.column, None);
    }

    #[test]
    fn escape_goes_back_one_step_at_a_time() {
        let mut seat = Seat::new();
        for key in ['s', 'j', ' ', '?'] {
            seat.press(KeyCode::Char(key));
        }
        seat.press(KeyCode::Esc);
        assert!(!seat.view.help && seat.view.frozen.is_some());
        seat.press(KeyCode::Esc);
        assert!(seat.view.frozen.is_none() && seat.view.sort.is_some());
        seat.press(KeyCode::Esc);
        assert_eq!(seat.view, View::new(Theme::plain()));
    }

    #[test]
    fn a_released_key_does_nothing() {
        let mut seat = Seat::new();
        let mut key = KeyEvent::from(KeyCode::Char('q'));
        key.kind = KeyEventKind::Release;
        assert_eq!(
            press(key, &mut seat.view, &seat.snapshot, DateTime::UNIX_EPOCH),
            Asked::Nothing
        );
        assert!(!seat.view.stopping);
    }
}

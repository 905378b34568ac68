//! The data that the terminal draws: a snapshot, and its result as texts.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::table::ResultTable;
use crate::event::{Level, Notice, QueryEvent};
use crate::status::snapshot::Snapshot;
use crate::status::updater::Updater;

/// A snapshot with its result as a table of texts.
#[derive(Clone, Debug, Default)]
pub struct TerminalSnapshot {
    /// The snapshot, whose texts are not escaped.
    pub status: Snapshot,
    /// The snapshot's result, or the result before it if it cannot be shown.
    pub table: Arc<ResultTable>,
}

impl TerminalSnapshot {
    /// Returns what to draw at `now` of the data in `updater`, after `self`. The table is made anew only if the result
    /// has changed. If the result cannot be shown, a notice says so.
    pub fn after(&self, updater: &mut Updater, now: DateTime<Utc>) -> Self {
        let snapshot = updater.snapshot();
        let mut table = Arc::clone(&self.table);
        if !Arc::ptr_eq(&snapshot.result, &self.status.result) {
            match self.table.after(&snapshot.result) {
                Ok(next) => table = Arc::new(next),
                Err(error) => {
                    let text = format!("the result of the last batch cannot be shown: {error}");
                    let (at, level) = (now, Level::Error);
                    updater.apply(&QueryEvent::Notice(Notice { at, level, text }), now);
                }
            }
        }
        Self {
            status: updater.snapshot().clone(),
            table,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::samples::brands;

    #[test]
    fn texts_are_made_once_a_result() {
        let now = DateTime::UNIX_EPOCH;
        let mut updater = Updater::default();
        updater.apply(&QueryEvent::Batch(brands(0, &[("Visa", 5, 1000)])), now);
        let first = TerminalSnapshot::default().after(&mut updater, now);
        assert_eq!(first.table.rows[0].cells[2].text, "10.00");
        updater.apply(&QueryEvent::Stopped, now);
        let second = first.after(&mut updater, now);
        assert!(Arc::ptr_eq(&first.table, &second.table));
    }
}

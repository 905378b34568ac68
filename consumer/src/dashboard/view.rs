//! What only the viewer has: where one looks, not what there is to see.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::snapshot::{ResultTable, Row};
use super::theme::Theme;

/// How this viewer looks at the snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The colours.
    pub theme: Theme,
    /// The row under the cursor, counted in the order shown.
    pub cursor: Option<usize>,
    /// The column chosen for bars and sorting; if none, the first with numbers.
    pub column: Option<usize>,
    /// What rows are sorted by; if nothing, the query's own order.
    pub sort: Option<Sort>,
    /// Since when the picture stands still.
    pub frozen: Option<DateTime<Utc>>,
    /// Whether the help is open.
    pub help: bool,
    /// The interval that was asked for and is not there yet.
    pub asked: Option<Duration>,
    /// Whether the query was asked to stop.
    pub stopping: bool,
}

/// An order of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By which column.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
}

impl View {
    /// Looks at everything, in the colours of `theme`.
    pub fn new(theme: Theme) -> Self {
        Self {
            theme,
            cursor: None,
            column: None,
            sort: None,
            frozen: None,
            help: false,
            asked: None,
            stopping: false,
        }
    }

    /// The chosen column of `table`, if it has any: unless the viewer chose one, the number that the
    /// query sorts by, or else its first number.
    pub fn chosen(&self, table: &ResultTable) -> Option<usize> {
        let is_numeric = |column: &usize| {
            let column = table.columns.get(*column);
            column.is_some_and(|column| column.numeric)
        };
        let numeric = || {
            let sorted_by = table.sorted_by.filter(is_numeric);
            let first = || (0..table.columns.len()).find(is_numeric);
            sorted_by.or_else(first).unwrap_or(0)
        };
        (!table.columns.is_empty()).then(|| {
            self.column
                .unwrap_or_else(numeric)
                .min(table.columns.len() - 1)
        })
    }

    /// The rows of `table` in the order to show them. NULL comes last, equal rows stay in the query's order.
    pub fn ordered<'a>(&self, table: &'a ResultTable) -> Vec<&'a Row> {
        let mut rows: Vec<&Row> = table.rows.iter().collect();
        let Some(sort) = self.sort.filter(|sort| sort.column < table.columns.len()) else {
            return rows;
        };
        let turned = |order: std::cmp::Ordering| {
            if sort.descending {
                order.reverse()
            } else {
                order
            }
        };
        if table.columns[sort.column].numeric {
            rows.sort_by(
                |a, b| match (a.cells[sort.column].value, b.cells[sort.column].value) {
                    (Some(a), Some(b)) => turned(a.total_cmp(&b)),
                    (a, b) => b.is_some().cmp(&a.is_some()),
                },
            );
        } else {
            rows.sort_by(|a, b| turned(a.cells[sort.column].text.cmp(&b.cells[sort.column].text)));
        }
        rows
    }
}

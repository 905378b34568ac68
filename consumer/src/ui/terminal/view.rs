//! The view: the viewer's own state, which says how the snapshot is looked at.

use std::cmp::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::table::{ResultTable, TableRow};
use super::theme::Theme;

/// How this viewer looks at the snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The colours and styles.
    pub theme: Theme,
    /// The row under the cursor, counted in the order that is shown.
    pub cursor: Option<usize>,
    /// The column that is chosen for bars and sorting; `None` stands for the first with numbers.
    pub column: Option<usize>,
    /// The order of the rows; `None` stands for the query's own order.
    pub sort: Option<Sort>,
    /// When the picture was frozen; `None` if it is not.
    pub frozen: Option<DateTime<Utc>>,
    /// Whether the help is open.
    pub help: bool,
    /// The interval that the viewer has asked for and the query has not set yet.
    pub asked: Option<Duration>,
    /// Whether the query was asked to stop.
    pub stopping: bool,
    /// The note that stands in place of the keys, until the next key.
    pub note: Option<&'static str>,
}

/// An order of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The column by which the rows are sorted.
    pub column: usize,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl View {
    /// Makes a view of everything in the colours of `theme`.
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
            note: None,
        }
    }

    /// Returns the chosen column of `table`, if the table has any columns. Unless the viewer chose one, it
    /// is the number that the query sorts by, or else the first number.
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

    /// Returns the rows of `table` in the order to show them. NULL comes last, and equal rows stay in the query's
    /// order.
    pub fn ordered<'a>(&self, table: &'a ResultTable) -> Vec<&'a TableRow> {
        let mut rows: Vec<&TableRow> = table.rows.iter().collect();
        let Some(sort) = self.sort.filter(|sort| sort.column < table.columns.len()) else {
            return rows;
        };
        let turned = |order: Ordering| {
            if sort.descending {
                order.reverse()
            } else {
                order
            }
        };
        let numeric = table.columns[sort.column].numeric;
        rows.sort_by(|a, b| {
            let (a, b) = (&a.cells[sort.column], &b.cells[sort.column]);
            a.null.cmp(&b.null).then_with(|| match (a.value, b.value) {
                (Some(a), Some(b)) if numeric => turned(a.total_cmp(&b)),
                _ if numeric || a.null => Ordering::Equal,
                _ => turned(a.text.cmp(&b.text)),
            })
        });
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::terminal::table::{TableCell, TableColumn};

    fn cell(text: Option<&str>, value: Option<f64>) -> TableCell {
        TableCell {
            text: text.unwrap_or("NULL").to_owned(),
            value,
            null: text.is_none(),
            change: None,
        }
    }

    /// Returns the texts of one column's cells, sorted.
    fn sorted(numeric: bool, descending: bool, cells: &[TableCell]) -> Vec<(String, bool)> {
        let column = TableColumn {
            name: "c".to_owned(),
            numeric,
            scale: None,
            width: 0,
        };
        let row = |cell: &TableCell| TableRow {
            cells: vec![cell.clone()],
            new: false,
        };
        let table = ResultTable {
            columns: vec![column],
            rows: cells.iter().map(row).collect(),
            ..ResultTable::default()
        };
        let column = 0;
        let view = View {
            sort: Some(Sort { column, descending }),
            ..View::new(Theme::plain())
        };
        let texts = view.ordered(&table).into_iter();
        texts
            .map(|row| (row.cells[0].text.clone(), row.cells[0].null))
            .collect()
    }

    #[test]
    fn null_comes_last_and_a_text_of_that_name_among_the_texts() {
        let all = [None, Some("Visa"), Some("NULL"), Some("Amex")];
        let all = all.map(|text| cell(text, None));
        let expect = |texts: [&str; 3]| {
            let texts = texts.map(|text| (text.to_owned(), false));
            [texts.to_vec(), vec![("NULL".to_owned(), true)]].concat()
        };
        assert_eq!(sorted(false, false, &all), expect(["Amex", "NULL", "Visa"]));
        assert_eq!(sorted(false, true, &all), expect(["Visa", "NULL", "Amex"]));
    }

    #[test]
    fn numbers_are_sorted_by_their_values() {
        let all = [
            cell(Some("9"), Some(9.0)),
            cell(None, None),
            cell(Some("10"), Some(10.0)),
        ];
        let texts = |descending| {
            let sorted = sorted(true, descending, &all).into_iter();
            sorted.map(|(text, _)| text).collect::<Vec<_>>()
        };
        assert_eq!(texts(false), ["9", "10", "NULL"]);
        assert_eq!(texts(true), ["10", "9", "NULL"]);
    }
}

//! The result as the terminal shows it: each cell as an escaped text, and the width of each column.
//!
//! The table is made once for each result, not for each picture: a large one takes longer than a key may wait.

use arrow::error::ArrowError;

use crate::number;
use crate::output_mode::OutputMode;
use crate::status::result::QueryResult;
use crate::ui::cell::Cells;
use crate::width::width;

/// The rows of a result, as texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResultTable {
    /// The columns, in the query's order.
    pub columns: Vec<TableColumn>,
    /// The rows, in the query's order. If the query appends its rows, the newest come first.
    pub rows: Vec<TableRow>,
    /// How many rows there are. They are more than `rows` has if the result is large.
    pub total_rows: u64,
    /// Which rows a batch has. The rows of a query that appends are added to those before; other rows replace those
    /// before.
    pub mode: OutputMode,
    /// The column that the query sorts by first.
    pub sorted_by: Option<usize>,
}

/// One column of the result.
#[derive(Clone, Debug, PartialEq)]
pub struct TableColumn {
    /// The column's name, escaped.
    pub name: String,
    /// Whether the column holds numbers.
    pub numeric: bool,
    /// The digits after the point, if the column has a fixed number of them.
    pub scale: Option<usize>,
    /// The terminal columns of the widest cell, without the name.
    pub width: usize,
}

/// One row of the result.
#[derive(Clone, Debug, PartialEq)]
pub struct TableRow {
    /// The cells, one for each column.
    pub cells: Vec<TableCell>,
    /// Whether the row was not there before the last batch.
    pub new: bool,
}

/// One value of the result.
#[derive(Clone, Debug, PartialEq)]
pub struct TableCell {
    /// The text to read. It is escaped, has all digits, and the thousands of a quantity are separated.
    pub text: String,
    /// The number for bars and sorting; `None` for text and NULL.
    pub value: Option<f64>,
    /// Whether the value is NULL. A text may look the same.
    pub null: bool,
    /// What the last batch added to the value; `None` if the text does not show a change, or if the row is new.
    pub change: Option<f64>,
}

impl ResultTable {
    /// Returns the table of `result`, if `self` was shown before. If rows are appended, only those that came since are
    /// made.
    ///
    /// # Errors
    /// Fails if a value cannot be shown.
    pub fn after(&self, result: &QueryResult) -> Result<Self, ArrowError> {
        let cells = Cells::of(&result.rows)?;
        let mut columns: Vec<TableColumn> = cells
            .iter()
            .map(|column| TableColumn {
                name: column.name().into(),
                numeric: column.is_numeric(),
                scale: column.scale(),
                width: 0,
            })
            .collect();
        let count = result.rows.num_rows();
        let made = count - self.still_shown(&columns, result);
        let mut rows = Vec::with_capacity(count);
        for row in 0..made {
            let cell = |(i, column): (usize, &Cells<'_>)| {
                let (text, value) = (column.text(row)?, column.value(row));
                let before = result.changes.before(i, row);
                let change = value.zip(before).map(|(now, then)| now - then);
                // A float has digits that are not shown.
                let is_seen = column.scale().is_some()
                    || before.is_some_and(|before| number::float(before) != text);
                Ok(TableCell {
                    change: change.filter(|_| is_seen),
                    null: column.is_null(row),
                    text,
                    value,
                })
            };
            let cells = cells.iter().enumerate().map(cell);
            rows.push(TableRow {
                cells: cells.collect::<Result<_, ArrowError>>()?,
                new: result.changes.is_new(row),
            });
        }
        rows.extend((made..count).zip(&self.rows).map(|(row, shown)| TableRow {
            new: result.changes.is_new(row),
            ..shown.clone()
        }));
        for (i, column) in columns.iter_mut().enumerate() {
            let widths = rows.iter().map(|row| width(&row.cells[i].text));
            column.width = widths.max().unwrap_or(0);
        }
        Ok(Self {
            columns,
            rows,
            total_rows: result.total_rows,
            mode: result.mode,
            sorted_by: result.sorted_by,
        })
    }

    /// Returns how many of the first rows shown are the last ones of `result`.
    fn still_shown(&self, columns: &[TableColumn], result: &QueryResult) -> usize {
        let is_same = |(now, shown): (&TableColumn, &TableColumn)| {
            (&now.name, now.numeric, now.scale) == (&shown.name, shown.numeric, shown.scale)
        };
        let appends = result.mode == OutputMode::Append
            && self.mode == OutputMode::Append
            && columns.len() == self.columns.len()
            && columns.iter().zip(&self.columns).all(is_same);
        let added = result.total_rows.checked_sub(self.total_rows);
        match added.map(usize::try_from) {
            Some(Ok(added)) if appends => {
                let others = result.rows.num_rows().saturating_sub(added);
                others.min(self.rows.len())
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, RecordBatch};

    use super::*;
    use crate::event::Batch;
    use crate::event::samples::brands;

    /// Returns the table after all of these batches, and the result that it shows.
    fn shown(batches: &[Arc<Batch>]) -> (ResultTable, QueryResult) {
        let start = (ResultTable::default(), QueryResult::default());
        batches.iter().fold(start, |(table, result), batch| {
            let result = result.after(batch).unwrap();
            (table.after(&result).unwrap(), result)
        })
    }

    #[test]
    fn a_cell_says_what_was_added_to_it() {
        let first = brands(0, &[("Vi\x1bsa", 5, 1000), ("Amex", 2, 500)]);
        let second = brands(
            1,
            &[("Amex", 9, 1525), ("Vi\x1bsa", 5, 1000), ("JCB", 1, 1)],
        );
        let (table, _) = shown(&[first, second]);
        let changes = |row: usize| [1, 2].map(|column| table.rows[row].cells[column].change);
        assert_eq!(changes(0), [Some(7.0), Some(10.25)]);
        assert_eq!(changes(1), [None, None]);
        assert!(table.rows[2].new && !table.rows[0].new);
        assert_eq!(table.rows[1].cells[0].text, "Vi\\u{1b}sa");
        assert_eq!(table.columns[0].width, "Vi\\u{1b}sa".len());
    }

    #[test]
    fn a_change_beyond_the_digits_of_a_float_is_not_shown() {
        let batch = |id, value| {
            let values: ArrayRef = Arc::new(Float64Array::from(vec![value]));
            Arc::new(Batch {
                rows: RecordBatch::try_from_iter([("mean", values)]).unwrap(),
                ..(*brands(id, &[])).clone()
            })
        };
        let change = |value| {
            let (table, _) = shown(&[batch(0, 0.5), batch(1, value)]);
            table.rows[0].cells[0].change
        };
        assert_eq!(change(0.500_000_01), None);
        assert_eq!(change(0.75), Some(0.25));
    }

    #[test]
    fn rows_that_add_up_are_as_if_all_had_been_made_anew() {
        let append = |id, rows: &[(&str, i64, i128)]| {
            Arc::new(Batch {
                mode: OutputMode::Append,
                ..(*brands(id, rows)).clone()
            })
        };
        let (table, result) = shown(&[
            append(0, &[("a long one", 1, 1), ("b", 1, 1)]),
            append(1, &[("c", 1, 1)]),
            append(2, &[]),
            append(3, &[("d", 1, 1), ("e", 1, 1)]),
        ]);
        let texts: Vec<_> = table
            .rows
            .iter()
            .map(|row| (row.cells[0].text.as_str(), row.new))
            .collect();
        let old = ["c", "b", "a long one"].map(|text| (text, false));
        assert_eq!(
            texts,
            [[("e", true), ("d", true)].as_slice(), &old].concat()
        );
        assert_eq!(table, ResultTable::default().after(&result).unwrap());
    }
}

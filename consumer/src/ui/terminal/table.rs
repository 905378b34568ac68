//! The rows to show after a batch, and what in them is new or has changed.

use arrow::error::ArrowError;

use super::change;
use super::snapshot::{Cell, Column, ResultTable, Row};
use crate::event::Batch;
use crate::output_mode::OutputMode;
use crate::ui::cell::Cells;
use crate::width::width;

/// Rows kept for scrolling; what is beyond is counted.
const ROWS: usize = 5_000;

/// The table to show after `batch`, where `before` was shown.
///
/// # Errors
/// If a value cannot be shown.
pub fn after(batch: &Batch, before: &ResultTable) -> Result<ResultTable, ArrowError> {
    let all = batch.rows.num_rows();
    // Of rows that add up the newest matter, of a result its first.
    let kept = match batch.mode {
        OutputMode::Append => batch.rows.slice(all - all.min(ROWS), all.min(ROWS)),
        OutputMode::Complete | OutputMode::Update => batch.rows.slice(0, all.min(ROWS)),
    };
    let cells = Cells::of(&kept)?;
    let mut rows = Vec::with_capacity(kept.num_rows());
    for row in 0..kept.num_rows() {
        let cell = |column: &Cells<'_>| {
            Ok(Cell {
                text: column.text(row)?,
                value: column.value(row),
                null: column.is_null(row),
                change: None,
            })
        };
        rows.push(Row {
            cells: cells.iter().map(cell).collect::<Result<_, ArrowError>>()?,
            new: false,
        });
    }
    let mut columns: Vec<Column> = cells
        .iter()
        .map(|column| Column {
            name: column.name().into(),
            numeric: column.is_numeric(),
            scale: column.scale(),
            width: 0,
        })
        .collect();
    let is_known = columns.len() == before.columns.len()
        && columns
            .iter()
            .zip(&before.columns)
            .all(|(now, then)| now.name == then.name);
    let mut total_rows = all as u64;
    match batch.mode {
        OutputMode::Append => {
            rows.iter_mut().for_each(|row| row.new = true);
            rows.reverse();
            if is_known {
                total_rows += before.total_rows;
                rows.extend(before.rows.iter().take(ROWS - rows.len()).map(|row| Row {
                    new: false,
                    ..row.clone()
                }));
            }
        }
        OutputMode::Complete if is_known && !before.rows.is_empty() => {
            change::mark(&columns, &before.rows, &mut rows);
        }
        // All rows of an update have changed, and those before are of other groups.
        OutputMode::Complete | OutputMode::Update => {}
    }
    for (i, column) in columns.iter_mut().enumerate() {
        column.width = rows
            .iter()
            .map(|row| width(&row.cells[i].text))
            .max()
            .unwrap_or(0);
    }
    Ok(ResultTable {
        columns,
        rows,
        total_rows,
        mode: batch.mode,
        sorted_by: batch.sorted_by,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::samples::brands;

    /// The table after all of these.
    fn shown(batches: &[Arc<Batch>]) -> ResultTable {
        let batches = batches.iter();
        batches.fold(ResultTable::default(), |before, batch| {
            after(batch, &before).unwrap()
        })
    }

    #[test]
    fn change_is_since_the_last_batch_wherever_a_row_has_moved() {
        let first = brands(0, &[("Visa", 5, 1000), ("Amex", 2, 500)]);
        let second = brands(1, &[("Amex", 9, 1525), ("Visa", 5, 1000), ("JCB", 1, 1)]);
        let rows = shown(&[first, second]).rows;
        assert_eq!(rows[0].cells[1].change, Some(7.0));
        assert_eq!(rows[0].cells[2].change, Some(10.25));
        assert_eq!(rows[1].cells[1].change, None);
        assert!(rows[2].new && !rows[0].new && !rows[1].new);
    }

    #[test]
    fn rows_that_add_up_show_the_newest_first() {
        let append = |id, rows: &[(&str, i64, i128)]| {
            Arc::new(Batch {
                mode: OutputMode::Append,
                sorted_by: None,
                ..(*brands(id, rows)).clone()
            })
        };
        let table = shown(&[
            append(0, &[("a", 1, 1), ("b", 1, 1)]),
            append(1, &[("c", 1, 1)]),
        ]);
        let texts: Vec<_> = table
            .rows
            .iter()
            .map(|row| (row.cells[0].text.as_str(), row.new))
            .collect();
        assert_eq!(texts, [("c", true), ("b", false), ("a", false)]);
        assert_eq!(table.total_rows, 3);
    }

    #[test]
    fn a_large_result_is_cut_and_counted() {
        let rows: Vec<(String, i64, i128)> =
            (0..ROWS + 7).map(|i| (format!("b{i}"), 1, 1)).collect();
        let rows: Vec<(&str, i64, i128)> = rows
            .iter()
            .map(|row| (row.0.as_str(), row.1, row.2))
            .collect();
        let table = shown(&[brands(0, &rows)]);
        assert_eq!(table.rows.len(), ROWS);
        assert_eq!(table.total_rows, ROWS as u64 + 7);
    }
}

//! Writes rows and columns as text that stays aligned in any script.

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use super::cell::Cells;
use crate::width::{padded, width};

/// The most columns of the terminal for one cell; a longer text ends in `…`.
const CELL_WIDTH: usize = 48;

/// One column, escaped.
#[derive(Debug)]
pub(super) struct GridColumn {
    /// The column's name.
    pub name: String,
    /// Whether its cells are numbers. Numbers are aligned right and never cut, because half a number is a wrong number.
    pub numeric: bool,
    /// The texts, one for each row.
    pub cells: Vec<String>,
}

/// Returns the columns of all rows of `batch`.
pub(super) fn columns(batch: &RecordBatch) -> Result<Vec<GridColumn>, ArrowError> {
    let cells = Cells::of(batch)?;
    let columns = cells.iter().map(|column| {
        Ok(GridColumn {
            name: column.name().to_owned(),
            numeric: column.is_numeric(),
            cells: (0..batch.num_rows())
                .map(|row| column.text(row))
                .collect::<Result<_, ArrowError>>()?,
        })
    });
    columns.collect()
}

/// Writes the names, a rule, and one line for each row.
pub(super) fn write(out: &mut impl Write, columns: &[GridColumn]) -> io::Result<()> {
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| {
            let limit = if column.numeric {
                usize::MAX
            } else {
                CELL_WIDTH
            };
            let cells = column.cells.iter().map(|cell| width(cell));
            let widest = cells.chain([width(&column.name)]).max();
            widest.unwrap_or(0).min(limit)
        })
        .collect();
    let mut line = |cells: Vec<&str>| {
        let cells: Vec<String> = cells
            .iter()
            .zip(columns)
            .zip(&widths)
            .map(|((cell, column), width)| padded(cell, *width, column.numeric))
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())
    };
    line(columns.iter().map(|column| column.name.as_str()).collect())?;
    let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    line(rules.iter().map(String::as_str).collect())?;
    let rows = columns.iter().map(|column| column.cells.len()).max();
    for row in 0..rows.unwrap_or(0) {
        let cells = columns
            .iter()
            .map(|column| column.cells.get(row).map_or("", String::as_str));
        line(cells.collect())?;
    }
    Ok(())
}

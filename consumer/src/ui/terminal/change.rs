//! What a batch changed: each row of a result is matched with the same row of the result before.
//!
//! The same row is the one with the same key, wherever ORDER BY has moved it to. The result does not say
//! what its key is: its columns that are not numbers, usually (`card_brand`). Where these do not tell the
//! rows apart (GROUP BY hour), the whole-number column that does so best joins them. If nothing tells
//! the rows apart, nothing is claimed.

use std::collections::{HashMap, HashSet};

use super::snapshot::{Cell, Column, Row};

/// Marks in `rows` what is new or has changed since `before`, a result with the same columns.
pub fn mark(columns: &[Column], before: &[Row], rows: &mut [Row]) {
    let Some(key) = key_columns(columns, before, rows) else {
        return;
    };
    let before: HashMap<Vec<Option<&str>>, &Row> =
        before.iter().map(|row| (key_of(row, &key), row)).collect();
    for row in rows {
        let old = before.get(&key_of(row, &key)).copied();
        let Some(old) = old else {
            row.new = true;
            continue;
        };
        for (i, cell) in row.cells.iter_mut().enumerate() {
            if key.contains(&i) || cell.text == old.cells[i].text {
                continue;
            }
            cell.change = cell
                .value
                .zip(old.cells[i].value)
                .map(|(now, then)| now - then);
        }
    }
}

/// The columns that tell the rows of the result apart.
fn key_columns(columns: &[Column], before: &[Row], rows: &[Row]) -> Option<Vec<usize>> {
    let texts: Vec<usize> = (0..columns.len())
        .filter(|i| !columns[*i].numeric)
        .collect();
    if tells_apart(&texts, rows) {
        return Some(texts);
    }
    // A grouping number stays as it is from batch to batch, a count does not: the column with which most
    // rows are found again is the key.
    let whole = (0..columns.len()).filter(|i| columns[*i].scale == Some(0));
    whole
        .map(|i| [texts.as_slice(), &[i]].concat())
        .filter(|key| tells_apart(key, rows))
        .map(|key| (found_again(&key, before, rows), key))
        // Of equals the leftmost: keys come first in most queries.
        .rev()
        .max_by_key(|(found, _)| *found)
        .map(|(_, key)| key)
}

fn tells_apart(key: &[usize], rows: &[Row]) -> bool {
    let mut seen = HashSet::with_capacity(rows.len());
    rows.iter().all(|row| seen.insert(key_of(row, key)))
}

fn found_again(key: &[usize], before: &[Row], rows: &[Row]) -> usize {
    let before: HashSet<Vec<Option<&str>>> = before.iter().map(|row| key_of(row, key)).collect();
    rows.iter()
        .filter(|row| before.contains(&key_of(row, key)))
        .count()
}

/// The values in these columns; `None` is NULL, which a text may look like.
fn key_of<'a>(row: &'a Row, key: &[usize]) -> Vec<Option<&'a str>> {
    let value = |cell: &'a Cell| (!cell.null).then_some(cell.text.as_str());
    key.iter().map(|i| value(&row.cells[*i])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(kinds: &[bool]) -> Vec<Column> {
        let column = |numeric: &bool| Column {
            name: String::new(),
            numeric: *numeric,
            scale: numeric.then_some(0),
            width: 0,
        };
        kinds.iter().map(column).collect()
    }

    fn row(cells: &[&str]) -> Row {
        let cell = |text: &&str| Cell {
            text: (*text).into(),
            value: text.parse().ok(),
            null: *text == "NULL",
            change: None,
        };
        Row {
            cells: cells.iter().map(cell).collect(),
            new: false,
        }
    }

    fn changes(rows: &[Row]) -> Vec<Vec<Option<f64>>> {
        rows.iter()
            .map(|row| row.cells.iter().map(|cell| cell.change).collect())
            .collect()
    }

    #[test]
    fn rows_are_found_again_where_the_order_has_moved_them() {
        let mut rows = [row(&["Amex", "9"]), row(&["Visa", "5"]), row(&["JCB", "1"])];
        mark(
            &columns(&[false, true]),
            &[row(&["Visa", "5"]), row(&["Amex", "2"])],
            &mut rows,
        );
        assert_eq!(
            changes(&rows),
            [vec![None, Some(7.0)], vec![None, None], vec![None, None]]
        );
        assert_eq!(rows.map(|row| row.new), [false, false, true]);
    }

    #[test]
    fn a_single_row_needs_no_key() {
        let mut rows = [row(&["12"])];
        mark(&columns(&[true]), &[row(&["10"])], &mut rows);
        assert_eq!(changes(&rows), [[Some(2.0)]]);
    }

    #[test]
    fn a_number_that_groups_is_part_of_the_key() {
        let before = [row(&["7", "Visa", "10"]), row(&["3", "Visa", "11"])];
        let mut rows = [row(&["4", "Visa", "11"]), row(&["9", "Visa", "10"])];
        mark(&columns(&[true, false, true]), &before, &mut rows);
        assert_eq!(
            changes(&rows),
            [vec![Some(1.0), None, None], vec![Some(2.0), None, None]]
        );
    }

    #[test]
    fn nothing_is_claimed_of_rows_that_nothing_tells_apart() {
        let mut rows = [row(&["Visa", "1"]), row(&["Visa", "1"])];
        mark(&columns(&[false, true]), &[row(&["Visa", "5"])], &mut rows);
        assert_eq!(changes(&rows), [[None, None], [None, None]]);
    }

    #[test]
    fn the_group_of_null_and_that_of_a_text_like_it_are_two() {
        let with_text = |n: &str| {
            let mut row = row(&["NULL", n]);
            row.cells[0].null = false;
            row
        };
        let mut rows = [row(&["NULL", "3"]), with_text("9")];
        let before = [with_text("5"), row(&["NULL", "1"])];
        mark(&columns(&[false, true]), &before, &mut rows);
        assert_eq!(
            changes(&rows),
            [vec![None, Some(2.0)], vec![None, Some(4.0)]]
        );
    }

    #[test]
    fn a_value_that_becomes_or_was_null_has_no_change() {
        let mut rows = [row(&["Visa", "NULL"]), row(&["Amex", "2"])];
        mark(
            &columns(&[false, true]),
            &[row(&["Visa", "5"]), row(&["Amex", "NULL"])],
            &mut rows,
        );
        assert_eq!(changes(&rows), [[None, None], [None, None]]);
    }
}

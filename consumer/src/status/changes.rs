//! What a batch changed: each row of a result is matched with the same row of the result before, by values.
//!
//! The same row is the one with the same key, wherever ORDER BY has moved it to. The result does not say
//! what its key is: its columns that are not numbers, usually (`card_brand`). Where these do not tell the
//! rows apart (GROUP BY hour), the whole-number column that does so best joins them. If nothing tells
//! the rows apart, nothing is claimed.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, RecordBatch, UInt32Array};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::take;
use arrow::error::ArrowError;
use arrow::row::{Row, RowConverter, Rows, SortField};

use super::numbers::{is_numeric, numbers, scale};

/// Which rows of a result the last batch brought, and which numbers in the others it changed. The default is of a result
/// of which nothing is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResultChanges {
    /// A value a row, or none at all.
    is_new: Vec<bool>,
    /// For each column a value a row, NULL where nothing has changed, or none at all.
    before: Vec<Option<Float64Array>>,
}

impl ResultChanges {
    /// Whether this row was not there before the last batch.
    pub fn is_new(&self, row: usize) -> bool {
        self.is_new.get(row).copied().unwrap_or(false)
    }

    /// The number that stood in this cell before the last batch, if that has changed it.
    pub fn before(&self, column: usize, row: usize) -> Option<f64> {
        let before = self.before.get(column)?.as_ref()?;
        (row < before.len() && before.is_valid(row)).then(|| before.value(row))
    }

    /// The changes of `rows` rows of which so many, the first ones, were not there before.
    pub fn first_are_new(new: usize, rows: usize) -> Self {
        Self {
            is_new: (0..rows).map(|row| row < new).collect(),
            before: Vec::new(),
        }
    }

    /// The changes from `before` to `now`, a result with the same columns.
    ///
    /// # Errors
    /// If Arrow cannot compare them.
    pub fn between(before: &RecordBatch, now: &RecordBatch) -> Result<Self, ArrowError> {
        let Some(keys) = Keys::telling_apart(before, now)? else {
            return Ok(Self::default());
        };
        let places: HashMap<_, u32> = (0..)
            .zip(keys.before.all())
            .map(|(i, key)| (key, i))
            .collect();
        let old: UInt32Array = keys
            .now
            .all()
            .map(|key| places.get(&key).copied())
            .collect();
        let columns = now.columns().iter().zip(before.columns()).enumerate();
        let before = columns.map(|(i, (now, then))| match keys.columns.contains(&i) {
            true => Ok(None),
            false => changed(now, &take(then, &old, None)?),
        });
        Ok(Self {
            before: before.collect::<Result<_, _>>()?,
            is_new: old.iter().map(|old| old.is_none()).collect(),
        })
    }
}

/// For each number of `now` that differs from the one of `then`, the latter.
fn changed(now: &ArrayRef, then: &ArrayRef) -> Result<Option<Float64Array>, ArrowError> {
    let Some((new, old)) = numbers(now)?.zip(numbers(then)?) else {
        return Ok(None);
    };
    let differs: BooleanArray = distinct(now, then)?;
    let before = (0..now.len()).map(|row| {
        let is_changed = differs.value(row) && new.is_valid(row) && old.is_valid(row);
        is_changed.then(|| old.value(row))
    });
    Ok(Some(before.collect()))
}

/// The keys of all rows, before and now.
struct Keys {
    columns: Vec<usize>,
    before: KeysOfRows,
    now: KeysOfRows,
}

struct KeysOfRows {
    /// `None` if the key has no columns, so that all rows have the same.
    keys: Option<Rows>,
    rows: usize,
}

impl Keys {
    /// By the columns that tell the rows apart.
    fn telling_apart(before: &RecordBatch, now: &RecordBatch) -> Result<Option<Self>, ArrowError> {
        let kind = |column: usize| now.column(column).data_type();
        let all = 0..now.num_columns();
        let texts: Vec<usize> = all.clone().filter(|i| !is_numeric(kind(*i))).collect();
        if !RowConverter::supports_fields(&sort_fields(&texts, now)) {
            return Ok(None);
        }
        let keys = Self::of(texts.clone(), before, now)?;
        if keys.now.are_apart() {
            return Ok(Some(keys));
        }
        // A grouping number stays as it is from batch to batch, a count does not: the column with which most
        // rows are found again is the key.
        let mut best: Option<(usize, Self)> = None;
        for whole in all.filter(|i| scale(kind(*i)) == Some(0)) {
            let keys = Self::of([texts.as_slice(), &[whole]].concat(), before, now)?;
            let found = keys.found_again();
            // Of equals the leftmost: keys come first in most queries.
            let is_better = best.as_ref().is_none_or(|(most, _)| found > *most);
            if is_better && keys.now.are_apart() {
                best = Some((found, keys));
            }
        }
        Ok(best.map(|(_, keys)| keys))
    }

    fn of(
        columns: Vec<usize>,
        before: &RecordBatch,
        now: &RecordBatch,
    ) -> Result<Self, ArrowError> {
        let converter = RowConverter::new(sort_fields(&columns, now))?;
        let of = |batch: &RecordBatch| {
            let key: Vec<_> = columns.iter().map(|i| batch.column(*i).clone()).collect();
            let keys = match key.is_empty() {
                true => None,
                false => Some(converter.convert_columns(&key)?),
            };
            let rows = batch.num_rows();
            Ok::<_, ArrowError>(KeysOfRows { keys, rows })
        };
        let (before, now) = (of(before)?, of(now)?);
        Ok(Self {
            columns,
            before,
            now,
        })
    }

    fn found_again(&self) -> usize {
        let before: HashSet<_> = self.before.all().collect();
        self.now.all().filter(|key| before.contains(key)).count()
    }
}

impl KeysOfRows {
    fn all(&self) -> impl Iterator<Item = Option<Row<'_>>> {
        (0..self.rows).map(|row| self.keys.as_ref().map(|keys| keys.row(row)))
    }

    fn are_apart(&self) -> bool {
        let mut seen = HashSet::with_capacity(self.rows);
        self.all().all(|key| seen.insert(key))
    }
}

fn sort_fields(columns: &[usize], batch: &RecordBatch) -> Vec<SortField> {
    let kinds = columns.iter().map(|i| batch.column(*i).data_type().clone());
    kinds.map(SortField::new).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;

    /// A result of these rows: a column in which nothing but numbers and `-`, which is NULL, stand is one of numbers.
    fn rows<const COLUMNS: usize>(rows: &[[&str; COLUMNS]]) -> RecordBatch {
        let column = |i: usize| {
            let texts: Vec<_> = rows
                .iter()
                .map(|row| (row[i] != "-").then_some(row[i]))
                .collect();
            let is_numeric = texts
                .iter()
                .flatten()
                .all(|text| text.parse::<i64>().is_ok());
            let values: ArrayRef = match is_numeric {
                true => {
                    let values = texts
                        .iter()
                        .map(|text| text.map(|text| text.parse().unwrap()));
                    Arc::new(values.collect::<Int64Array>())
                }
                false => Arc::new(StringArray::from(texts)),
            };
            (format!("c{i}"), values)
        };
        RecordBatch::try_from_iter((0..COLUMNS).map(column)).unwrap()
    }

    /// What stood in each cell before.
    fn before(before: &RecordBatch, now: &RecordBatch) -> (Vec<Vec<Option<f64>>>, Vec<bool>) {
        let changes = ResultChanges::between(before, now).unwrap();
        let cells = |row| (0..now.num_columns()).map(move |column| (column, row));
        let rows = 0..now.num_rows();
        (
            rows.clone()
                .map(|row| {
                    cells(row)
                        .map(|(column, row)| changes.before(column, row))
                        .collect()
                })
                .collect(),
            rows.map(|row| changes.is_new(row)).collect(),
        )
    }

    #[test]
    fn rows_are_found_again_where_the_order_has_moved_them() {
        let (cells, new) = before(
            &rows(&[["Visa", "5"], ["Amex", "2"]]),
            &rows(&[["Amex", "9"], ["Visa", "5"], ["JCB", "1"]]),
        );
        assert_eq!(cells, [[None, Some(2.0)], [None, None], [None, None]]);
        assert_eq!(new, [false, false, true]);
    }

    #[test]
    fn a_single_row_needs_no_key() {
        let (cells, new) = before(&rows(&[["10"]]), &rows(&[["12"]]));
        assert_eq!((cells, new), (vec![vec![Some(10.0)]], vec![false]));
    }

    #[test]
    fn a_number_that_groups_is_part_of_the_key() {
        let (cells, _) = before(
            &rows(&[["7", "Visa", "10"], ["3", "Visa", "11"]]),
            &rows(&[["4", "Visa", "11"], ["9", "Visa", "10"]]),
        );
        assert_eq!(cells, [[Some(3.0), None, None], [Some(7.0), None, None]]);
    }

    #[test]
    fn nothing_is_claimed_of_rows_that_nothing_tells_apart() {
        let (cells, new) = before(
            &rows(&[["Visa", "5"]]),
            &rows(&[["Visa", "1"], ["Visa", "1"]]),
        );
        assert_eq!(cells, [[None, None], [None, None]]);
        assert_eq!(new, [false, false]);
    }

    #[test]
    fn the_group_of_null_and_that_of_a_text_like_it_are_two() {
        let (cells, _) = before(
            &rows(&[["NULL", "5"], ["-", "1"]]),
            &rows(&[["-", "3"], ["NULL", "9"]]),
        );
        assert_eq!(cells, [[None, Some(1.0)], [None, Some(5.0)]]);
    }

    #[test]
    fn a_value_that_becomes_or_was_null_has_no_change() {
        let (cells, _) = before(
            &rows(&[["Visa", "5"], ["Amex", "-"]]),
            &rows(&[["Visa", "-"], ["Amex", "2"]]),
        );
        assert_eq!(cells, [[None, None], [None, None]]);
    }
}

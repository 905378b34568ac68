//! Times and dates outside of the years 1 to 9999 cannot be written as a calendar date. They are shown as a number with
//! its unit.
//!
//! No such time is invented here: a program that writes microseconds where Kafka's timestamps are milliseconds has its
//! records in the year 58054.

use arrow::array::{Array, AsArray};
use arrow::datatypes::*;

/// The range of the years 1 to 9999, in seconds since 1970.
const SECONDS: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;
const DAY: i64 = 86_400;

/// Returns the text of a time or date outside of these years, and `None` for any other value. Nested values get no text
/// here.
pub fn beyond_calendar(array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let (value, unit, seconds) = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            let value = array.as_primitive::<TimestampSecondType>().value(row);
            (value, "s", value)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            let value = array.as_primitive::<TimestampMillisecondType>().value(row);
            (value, "ms", value.div_euclid(1_000))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let value = array.as_primitive::<TimestampMicrosecondType>().value(row);
            (value, "µs", value.div_euclid(1_000_000))
        }
        // All nanosecond timestamps are within the years 1677 to 2262.
        DataType::Timestamp(TimeUnit::Nanosecond, _) => return None,
        DataType::Date32 => {
            let days = i64::from(array.as_primitive::<Date32Type>().value(row));
            (days, "days", days * DAY)
        }
        DataType::Date64 => {
            let value = array.as_primitive::<Date64Type>().value(row);
            (value, "ms", value.div_euclid(1_000))
        }
        DataType::Dictionary(_, of) if of.is_temporal() => {
            let dictionary = array.as_any_dictionary_opt()?;
            let key = *dictionary.normalized_keys().get(row)?;
            return beyond_calendar(dictionary.values(), key);
        }
        _ => return None,
    };
    (!SECONDS.contains(&seconds)).then(|| text(value, unit))
}

/// Returns the text of an instant outside of these years, which is given in microseconds since 1970; `None` for any
/// other instant.
pub fn micros_beyond_calendar(micros: i64) -> Option<String> {
    (!SECONDS.contains(&micros.div_euclid(1_000_000))).then(|| text(micros, "µs"))
}

/// Returns whether a list, struct or map has such a time in it, at any depth.
pub fn holds_beyond_calendar(array: &dyn Array) -> bool {
    match array.data_type() {
        DataType::List(_) => any(array.as_list::<i32>().values()),
        DataType::LargeList(_) => any(array.as_list::<i64>().values()),
        DataType::FixedSizeList(_, _) => any(array.as_fixed_size_list().values()),
        DataType::Struct(_) => array.as_struct().columns().iter().any(|column| any(column)),
        DataType::Map(_, _) => array
            .as_map()
            .entries()
            .columns()
            .iter()
            .any(|column| any(column)),
        _ => false,
    }
}

fn any(array: &dyn Array) -> bool {
    holds_beyond_calendar(array)
        || array.data_type().is_temporal()
            && (0..array.len()).any(|row| beyond_calendar(array, row).is_some())
}

fn text(value: i64, unit: &str) -> String {
    format!("{value} {unit}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, Date32Array, Date64Array, DictionaryArray, Int32Array, TimestampMicrosecondArray,
        TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
    };

    use super::*;

    #[test]
    fn the_years_1_to_9999_are_those_of_a_calendar_in_every_unit() {
        // These are 0001-01-01 and the first instant of the year 10000, in days: 719,162 before 1970, and 2,932,897
        // after.
        let (first, last) = (-719_162 * DAY, 2_932_897 * DAY);
        let arrays = |at: i64, step: i64| -> Vec<ArrayRef> {
            vec![
                Arc::new(TimestampSecondArray::from(vec![at + step])),
                Arc::new(TimestampMillisecondArray::from(vec![at * 1_000 + step])),
                Arc::new(TimestampMicrosecondArray::from(vec![at * 1_000_000 + step])),
                Arc::new(Date32Array::from(vec![(at / DAY + step) as i32])),
                Arc::new(Date64Array::from(vec![at * 1_000 + step])),
            ]
        };
        for array in arrays(first, 0).into_iter().chain(arrays(last, -1)) {
            assert_eq!(beyond_calendar(&array, 0), None, "{array:?}");
        }
        for (at, step, expected) in [
            (
                first,
                -1,
                [
                    "-62135596801 s",
                    "-62135596800001 ms",
                    "-62135596800000001 µs",
                    "-719163 days",
                    "-62135596800001 ms",
                ],
            ),
            (
                last,
                0,
                [
                    "253402300800 s",
                    "253402300800000 ms",
                    "253402300800000000 µs",
                    "2932897 days",
                    "253402300800000 ms",
                ],
            ),
        ] {
            let texts = arrays(at, step)
                .into_iter()
                .map(|array| beyond_calendar(&array, 0).unwrap());
            assert_eq!(texts.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn nothing_else_is_beyond_a_calendar() {
        let none: [ArrayRef; 3] = [
            Arc::new(TimestampSecondArray::from(vec![None])),
            Arc::new(TimestampNanosecondArray::from(vec![i64::MAX])),
            Arc::new(Int32Array::from(vec![i32::MAX])),
        ];
        for array in none {
            assert_eq!(beyond_calendar(&array, 0), None);
        }
    }

    #[test]
    fn a_value_that_a_dictionary_has_once_is_looked_up() {
        let values: ArrayRef = Arc::new(Date32Array::from(vec![0, i32::MAX]));
        let keys = Int32Array::from(vec![Some(1), Some(0), None]);
        let array = DictionaryArray::new(keys, values);
        assert_eq!(
            beyond_calendar(&array, 0).as_deref(),
            Some("2147483647 days")
        );
        assert_eq!(beyond_calendar(&array, 1), None);
        assert_eq!(beyond_calendar(&array, 2), None);
    }
}

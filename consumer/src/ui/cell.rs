//! One value of a result as people read it, and as a number if it is one.
//!
//! All code that draws results shares this: the printed table and the dashboard. The text is escaped, so it may go to a
//! terminal unchanged.

use arrow::array::{Array, Float64Array, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use kafka_access::escape::escaped;

use crate::engine::quantity::as_it_stands;
use crate::number;
use crate::status::numbers::{numbers, scale};
use crate::ui::instant::{beyond_calendar, holds_beyond_calendar};
use crate::ui::json_value::write_value;

/// The text of a NULL.
const NULL: &str = "NULL";

/// The cells of one column, which can be read row by row.
pub struct Cells<'a> {
    name: String,
    array: &'a dyn Array,
    /// Whether some of its nested values have no text from the formatter.
    as_json: bool,
    formatter: ArrayFormatter<'a>,
    nulls: Option<NullBuffer>,
    numbers: Option<Float64Array>,
    scale: Option<usize>,
    separated: bool,
}

impl<'a> Cells<'a> {
    /// Makes the cells of the columns of `batch`, in order.
    pub fn of(batch: &'a RecordBatch) -> Result<Vec<Self>, ArrowError> {
        let schema = batch.schema_ref();
        schema
            .fields()
            .iter()
            .zip(batch.columns())
            .map(|(field, array)| Self::new(field, array.as_ref()))
            .collect()
    }

    fn new(field: &Field, array: &'a dyn Array) -> Result<Self, ArrowError> {
        // Times are in UTC; a time zone is written only if it is another one.
        const LOCAL: &str = "%Y-%m-%d %H:%M:%S%.f";
        let zoned = match array.data_type() {
            DataType::Timestamp(_, Some(zone)) if !matches!(&**zone, "UTC" | "Z" | "+00:00") => {
                "%Y-%m-%d %H:%M:%S%.f%:z"
            }
            _ => LOCAL,
        };
        let options = FormatOptions::new()
            .with_null(NULL)
            .with_timestamp_format(Some(LOCAL))
            .with_timestamp_tz_format(Some(zoned));
        let numbers = numbers(array)?;
        Ok(Self {
            name: escaped(field.name()).into_owned(),
            array,
            as_json: holds_beyond_calendar(array),
            formatter: ArrayFormatter::try_new(array, &options)?,
            nulls: array.logical_nulls(),
            separated: numbers.is_some() && !as_it_stands(field),
            numbers,
            scale: scale(array.data_type()),
        })
    }

    /// Returns the column's name, escaped.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the column's values are numbers, which are aligned right.
    pub fn is_numeric(&self) -> bool {
        self.numbers.is_some()
    }

    /// Returns the digits after the point of each value; `None` if their number is not fixed.
    pub fn scale(&self) -> Option<usize> {
        self.scale
    }

    /// Returns whether the value in `row` is NULL.
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Returns the value in `row` as a number, near enough for a bar or a change; `None` for NULL and for text.
    pub fn value(&self, row: usize) -> Option<f64> {
        let numbers = self.numbers.as_ref()?;
        numbers.is_valid(row).then(|| numbers.value(row))
    }

    /// Returns the value in `row` for reading: escaped, with the thousands of a quantity separated, and with all digits
    /// of a decimal.
    pub fn text(&self, row: usize) -> Result<String, ArrowError> {
        if let (None, Some(value)) = (self.scale, self.value(row)) {
            return Ok(number::float(value));
        }
        if let Some(text) = beyond_calendar(self.array, row) {
            return Ok(text);
        }
        let text = match self.as_json {
            true => {
                let mut json = Vec::new();
                write_value(&mut json, self.array, row)?;
                String::from_utf8_lossy(&json).into_owned()
            }
            false => self.formatter.value(row).try_to_string()?,
        };
        Ok(match self.separated && !self.is_null(row) {
            true => number::grouped(&text),
            false => escaped(&text).into_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Int64Array, ListBuilder,
        StringArray, TimestampMicrosecondArray, TimestampMicrosecondBuilder,
        TimestampMillisecondArray,
    };
    use arrow::datatypes::Int32Type;

    use super::*;

    fn first(array: impl Array + 'static) -> (String, Option<f64>) {
        let batch = RecordBatch::try_from_iter([("c", Arc::new(array) as ArrayRef)]).unwrap();
        let cells = Cells::of(&batch).unwrap();
        (cells[0].text(0).unwrap(), cells[0].value(0))
    }

    #[test]
    fn decimals_keep_all_their_digits() {
        let array = Decimal128Array::from(vec![12_345_678_901_234_567_890_123_456_789_i128])
            .with_precision_and_scale(38, 6)
            .unwrap();
        assert_eq!(first(array).0, "12,345,678,901,234,567,890,123.456789");
    }

    #[test]
    fn numbers_are_also_values() {
        assert_eq!(
            first(Int64Array::from(vec![-1234])),
            ("-1,234".into(), Some(-1234.0))
        );
        assert_eq!(
            first(Float64Array::from(vec![0.5])),
            ("0.5".into(), Some(0.5))
        );
        assert_eq!(first(Int64Array::from(vec![None])), ("NULL".into(), None));
    }

    #[test]
    fn text_is_escaped_and_no_number() {
        assert_eq!(
            first(StringArray::from(vec!["Vi\x1b[31msa"])),
            ("Vi\\u{1b}[31msa".into(), None)
        );
    }

    #[test]
    fn a_text_that_looks_like_null_is_none() {
        let values = [Some("NULL"), None];
        let dictionary = values.into_iter().collect::<DictionaryArray<Int32Type>>();
        let arrays: [ArrayRef; 2] = [
            Arc::new(StringArray::from(values.to_vec())),
            Arc::new(dictionary),
        ];
        for array in arrays {
            let batch = RecordBatch::try_from_iter([("c", array)]).unwrap();
            let cells = Cells::of(&batch).unwrap();
            for (row, is_null) in [(0, false), (1, true)] {
                assert_eq!(cells[0].text(row).unwrap(), "NULL");
                assert_eq!(cells[0].is_null(row), is_null);
            }
        }
    }

    #[test]
    fn a_time_that_no_calendar_has_is_a_number_with_its_unit() {
        let year_58054 = TimestampMicrosecondArray::from(vec![1_769_860_800_000_000_000]);
        for array in [year_58054.clone(), year_58054.with_timezone("UTC")] {
            assert_eq!(first(array), ("1769860800000000000 µs".into(), None));
        }
        assert_eq!(
            first(Date32Array::from(vec![i32::MAX])).0,
            "2147483647 days"
        );
        // The same holds for values within other values.
        let mut builder = ListBuilder::new(TimestampMicrosecondBuilder::new());
        builder.append_value([Some(i64::MAX), None]);
        assert_eq!(
            first(builder.finish()).0,
            r#"["9223372036854775807 µs",null]"#
        );
    }

    #[test]
    fn times_are_read_as_utc() {
        let times = TimestampMillisecondArray::from(vec![1_735_689_600_250]);
        assert_eq!(first(times.clone()).0, "2025-01-01 00:00:00.250");
        assert_eq!(
            first(times.with_timezone("UTC")).0,
            "2025-01-01 00:00:00.250"
        );
    }
}

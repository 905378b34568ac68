//! Writes Arrow values as JSON without loss.
//!
//! A decimal is a JSON number with all its digits, trailing zeros included: `12.50` never becomes a float on the way.
//! Integers and finite floats are numbers. `NaN` and the infinities are strings as Spark writes them, times are RFC
//! 3339 in UTC, dates `2025-01-31`, binary is lower-case hex, lists are arrays, structs and maps are objects, and NULL
//! is `null`. The other types (times of day, intervals) are strings as SQL prints them. A time or date outside of the
//! years 1 to 9999 is a string with its number and unit.

use std::io::{self, Write};

use arrow::array::{Array, AsArray, StructArray, downcast_dictionary_array};
use arrow::datatypes::*;
use arrow::error::ArrowError;
use arrow::temporal_conversions::as_datetime;
use arrow::util::display::{ArrayFormatter, FormatOptions, array_value_to_string};
use chrono::SecondsFormat;

use super::instant::beyond_calendar;
use super::json_text::write_json;

/// Appends the value of `array` in `row` to `out`.
pub fn write_value(out: &mut Vec<u8>, array: &dyn Array, row: usize) -> Result<(), ArrowError> {
    if array.is_null(row) {
        return Ok(out.write_all(b"null")?);
    }
    if let Some(text) = beyond_calendar(array, row) {
        return Ok(write_text(out, &text)?);
    }
    match array.data_type() {
        DataType::Null => out.write_all(b"null")?,
        DataType::Boolean => write!(out, "{}", array.as_boolean().value(row))?,
        DataType::Float16 => {
            write_float(out, array.as_primitive::<Float16Type>().value(row).to_f64())?
        }
        DataType::Float32 => {
            // The number has its own shortest digits: 0.1 stays 0.1 and does not become 0.10000000149.
            let x = array.as_primitive::<Float32Type>().value(row);
            if x.is_finite() {
                serde_json::to_writer(out, &x).map_err(io::Error::from)?
            } else {
                write_float(out, x.into())?
            }
        }
        DataType::Float64 => write_float(out, array.as_primitive::<Float64Type>().value(row))?,
        // This covers integers and decimals; both are printed as the JSON numbers that they are.
        kind if kind.is_numeric() => {
            out.write_all(array_value_to_string(array, row)?.as_bytes())?
        }
        DataType::Utf8 => write_text(out, array.as_string::<i32>().value(row))?,
        DataType::LargeUtf8 => write_text(out, array.as_string::<i64>().value(row))?,
        DataType::Utf8View => write_text(out, array.as_string_view().value(row))?,
        DataType::Binary => write_hex(out, array.as_binary::<i32>().value(row))?,
        DataType::LargeBinary => write_hex(out, array.as_binary::<i64>().value(row))?,
        DataType::BinaryView => write_hex(out, array.as_binary_view().value(row))?,
        DataType::FixedSizeBinary(_) => write_hex(out, array.as_fixed_size_binary().value(row))?,
        DataType::Timestamp(unit, _) => write_time(out, array, *unit, row)?,
        DataType::List(_) => write_list(out, &array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => write_list(out, &array.as_list::<i64>().value(row))?,
        DataType::FixedSizeList(_, _) => write_list(out, &array.as_fixed_size_list().value(row))?,
        DataType::Struct(_) => write_struct(out, array.as_struct(), row)?,
        DataType::Map(_, _) => write_map(out, &array.as_map().value(row))?,
        DataType::Dictionary(_, _) => downcast_dictionary_array!(
            array => match array.key(row) {
                Some(key) => write_value(out, array.values().as_ref(), key)?,
                None => out.write_all(b"null")?,
            },
            // All dictionaries have integer keys.
            _ => out.write_all(b"null")?,
        ),
        _ => {
            let formatter = ArrayFormatter::try_new(array, &FormatOptions::new())?;
            write_text(out, &formatter.value(row).try_to_string()?)?;
        }
    }
    Ok(())
}

/// Appends `text` as a JSON string.
pub fn write_text(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    write_json(out, text)
}

/// Appends the row of a struct as an object, its fields in order.
pub fn write_struct(out: &mut Vec<u8>, array: &StructArray, row: usize) -> Result<(), ArrowError> {
    for (i, (field, column)) in array.fields().iter().zip(array.columns()).enumerate() {
        out.push(if i == 0 { b'{' } else { b',' });
        write_text(out, field.name())?;
        out.push(b':');
        write_value(out, column.as_ref(), row)?;
    }
    Ok(out.write_all(if array.fields().is_empty() {
        b"{}"
    } else {
        b"}"
    })?)
}

fn write_float(out: &mut Vec<u8>, x: f64) -> io::Result<()> {
    match x {
        x if x.is_finite() => Ok(serde_json::to_writer(out, &x)?),
        x if x.is_nan() => out.write_all(br#""NaN""#),
        x if x > 0.0 => out.write_all(br#""Infinity""#),
        _ => out.write_all(br#""-Infinity""#),
    }
}

fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    out.push(b'"');
    for byte in bytes {
        write!(out, "{byte:02x}")?;
    }
    out.write_all(b"\"")
}

fn write_time(out: &mut Vec<u8>, array: &dyn Array, unit: TimeUnit, row: usize) -> io::Result<()> {
    let time = match unit {
        TimeUnit::Second => as_datetime::<TimestampSecondType>(
            array.as_primitive::<TimestampSecondType>().value(row),
        ),
        TimeUnit::Millisecond => as_datetime::<TimestampMillisecondType>(
            array.as_primitive::<TimestampMillisecondType>().value(row),
        ),
        TimeUnit::Microsecond => as_datetime::<TimestampMicrosecondType>(
            array.as_primitive::<TimestampMicrosecondType>().value(row),
        ),
        TimeUnit::Nanosecond => as_datetime::<TimestampNanosecondType>(
            array.as_primitive::<TimestampNanosecondType>().value(row),
        ),
    };
    match time {
        Some(time) => write!(
            out,
            "\"{}\"",
            time.and_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true)
        ),
        // A time outside of the calendar has been written before this.
        None => out.write_all(b"null"),
    }
}

fn write_list(out: &mut Vec<u8>, values: &dyn Array) -> Result<(), ArrowError> {
    out.push(b'[');
    for row in 0..values.len() {
        if row > 0 {
            out.push(b',');
        }
        write_value(out, values, row)?;
    }
    Ok(out.write_all(b"]")?)
}

fn write_map(out: &mut Vec<u8>, entries: &StructArray) -> Result<(), ArrowError> {
    let (keys, values) = (entries.column(0), entries.column(1));
    out.push(b'{');
    for row in 0..entries.len() {
        if row > 0 {
            out.push(b',');
        }
        let key = match beyond_calendar(keys, row) {
            Some(text) => text,
            None => array_value_to_string(keys, row)?,
        };
        write_text(out, &key)?;
        out.push(b':');
        write_value(out, values.as_ref(), row)?;
    }
    Ok(out.write_all(b"}")?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::*;
    use arrow::buffer::OffsetBuffer;

    use super::*;

    fn json(array: &dyn Array) -> String {
        let mut out = Vec::new();
        write_list(&mut out, array).unwrap();
        let text = String::from_utf8(out).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        text
    }

    #[test]
    fn decimals_are_numbers_with_all_their_digits() {
        let small = Decimal128Array::from(vec![Some(1250), Some(-5), Some(0), None])
            .with_precision_and_scale(12, 2)
            .unwrap();
        assert_eq!(json(&small), "[12.50,-0.05,0.00,null]");
        let big = Decimal256Array::from(vec![i256::from_i128(i128::MAX)])
            .with_precision_and_scale(76, 10)
            .unwrap();
        assert_eq!(json(&big), "[17014118346046923173168730371.5884105727]");
        let whole = Decimal128Array::from(vec![7])
            .with_precision_and_scale(12, 0)
            .unwrap();
        assert_eq!(json(&whole), "[7]");
    }

    #[test]
    fn numbers_are_numbers() {
        assert_eq!(
            json(&Int64Array::from(vec![i64::MIN, i64::MAX])),
            "[-9223372036854775808,9223372036854775807]"
        );
        assert_eq!(
            json(&UInt64Array::from(vec![u64::MAX])),
            "[18446744073709551615]"
        );
        assert_eq!(
            json(&Float64Array::from(vec![
                0.1,
                1e300,
                f64::NAN,
                f64::NEG_INFINITY
            ])),
            r#"[0.1,1e+300,"NaN","-Infinity"]"#
        );
        assert_eq!(json(&Float32Array::from(vec![0.1])), "[0.1]");
    }

    #[test]
    fn text_of_every_kind_is_a_string() {
        let expected = r#"["a\"\n\u001b\u009b",null]"#;
        let values = vec![Some("a\"\n\u{1b}\u{9b}"), None];
        assert_eq!(json(&StringArray::from(values.clone())), expected);
        assert_eq!(json(&LargeStringArray::from(values.clone())), expected);
        assert_eq!(json(&StringViewArray::from(values.clone())), expected);
        assert_eq!(
            json(&values.into_iter().collect::<DictionaryArray<Int32Type>>()),
            expected
        );
    }

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(
            json(&TimestampSecondArray::from(vec![1_735_689_600])),
            r#"["2025-01-01T00:00:00Z"]"#
        );
        let zoned =
            TimestampMicrosecondArray::from(vec![1_735_689_600_000_001]).with_timezone("+02:00");
        assert_eq!(json(&zoned), r#"["2025-01-01T00:00:00.000001Z"]"#);
        assert_eq!(json(&Date32Array::from(vec![20_089])), r#"["2025-01-01"]"#);
    }

    #[test]
    fn a_time_that_no_calendar_has_is_a_number_with_its_unit() {
        let year_58054 = 1_769_860_800_000_000_000;
        let times = TimestampMicrosecondArray::from(vec![year_58054, i64::MAX, i64::MIN, 0]);
        let expected = r#"["1769860800000000000 µs","9223372036854775807 µs","-9223372036854775808 µs","1970-01-01T00:00:00Z"]"#;
        assert_eq!(json(&times), expected);
        assert_eq!(json(&times.with_timezone("UTC")), expected);
        let days = Date32Array::from(vec![i32::MAX, 0]);
        assert_eq!(json(&days), r#"["2147483647 days","1970-01-01"]"#);
        // The value is used as the key of a map.
        let mut builder = MapBuilder::new(None, Date32Builder::new(), Int32Builder::new());
        builder.keys().append_value(i32::MIN);
        builder.values().append_value(1);
        builder.append(true).unwrap();
        assert_eq!(json(&builder.finish()), r#"[{"-2147483648 days":1}]"#);
    }

    #[test]
    fn nested_values_nest() {
        let items = Arc::new(Field::new("item", DataType::Int32, true));
        let list = ListArray::new(
            items,
            OffsetBuffer::from_lengths([2, 0]),
            Arc::new(Int32Array::from(vec![Some(1), None])),
            None,
        );
        assert_eq!(json(&list), "[[1,null],[]]");
        let row = StructArray::from(vec![
            (
                Arc::new(Field::new("n", DataType::Int32, false)),
                Arc::new(Int32Array::from(vec![1])) as ArrayRef,
            ),
            (
                Arc::new(Field::new("ok", DataType::Boolean, false)),
                Arc::new(BooleanArray::from(vec![true])) as ArrayRef,
            ),
        ]);
        assert_eq!(json(&row), r#"[{"n":1,"ok":true}]"#);
    }

    #[test]
    fn binary_is_hex() {
        assert_eq!(
            json(&BinaryArray::from(vec![b"\x00\xff".as_slice()])),
            r#"["00ff"]"#
        );
    }
}

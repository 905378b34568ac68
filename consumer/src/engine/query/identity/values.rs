//! Writes types and literals in the grammar of [`identity`](super).

use std::fmt::Write;

use arrow::array::{Array, StructArray};
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use datafusion_common::ScalarValue;

/// Returns the text of a type, with the names of a struct's fields.
pub(super) fn type_text(data_type: &DataType) -> String {
    written(data_type, true)
}

/// Returns the text of a type without names. Names in the types of a state follow from how DataFusion writes
/// expressions.
pub(super) fn layout_text(data_type: &DataType) -> String {
    written(data_type, false)
}

fn written(data_type: &DataType, names: bool) -> String {
    let item = |word: &str, item: &Field| format!("{word}<{}>", written(item.data_type(), names));
    let word = match data_type {
        DataType::Null => "NULL",
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "INT8",
        DataType::Int16 => "INT16",
        DataType::Int32 => "INT32",
        DataType::Int64 => "INT64",
        DataType::UInt8 => "UINT8",
        DataType::UInt16 => "UINT16",
        DataType::UInt32 => "UINT32",
        DataType::UInt64 => "UINT64",
        DataType::Float16 => "FLOAT16",
        DataType::Float32 => "FLOAT32",
        DataType::Float64 => "FLOAT64",
        DataType::Utf8View => "STRING",
        DataType::Utf8 => "UTF8",
        DataType::LargeUtf8 => "LARGE_UTF8",
        DataType::Binary => "BINARY",
        DataType::BinaryView => "BINARY_VIEW",
        DataType::LargeBinary => "LARGE_BINARY",
        DataType::Date32 => "DATE32",
        DataType::Date64 => "DATE64",
        DataType::Interval(IntervalUnit::YearMonth) => "INTERVAL(months)",
        DataType::Interval(IntervalUnit::DayTime) => "INTERVAL(days, ms)",
        DataType::Interval(IntervalUnit::MonthDayNano) => "INTERVAL(months, days, ns)",
        DataType::Decimal32(precision, scale) => return format!("DECIMAL32({precision},{scale})"),
        DataType::Decimal64(precision, scale) => return format!("DECIMAL64({precision},{scale})"),
        DataType::Decimal128(precision, scale) => {
            return format!("DECIMAL128({precision},{scale})");
        }
        DataType::Decimal256(precision, scale) => {
            return format!("DECIMAL256({precision},{scale})");
        }
        DataType::Timestamp(of, None) => return format!("TIMESTAMP({})", unit(*of)),
        DataType::Timestamp(of, Some(zone)) => {
            return format!("TIMESTAMP({}, {:?})", unit(*of), zone.as_ref());
        }
        DataType::Time32(of) => return format!("TIME32({})", unit(*of)),
        DataType::Time64(of) => return format!("TIME64({})", unit(*of)),
        DataType::Duration(of) => return format!("DURATION({})", unit(*of)),
        DataType::List(of) => return item("LIST", of),
        DataType::LargeList(of) => return item("LARGE_LIST", of),
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| {
                let of = written(field.data_type(), names);
                match names {
                    true => format!("{:?} {of}", field.name()),
                    false => of,
                }
            });
            return format!("STRUCT<{}>", fields.collect::<Vec<_>>().join(", "));
        }
        other => return format!("?{:?}", format!("{other:?}")),
    };
    word.to_owned()
}

fn unit(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

/// Returns the text of a literal, with its type.
pub(super) fn literal_text(value: &ScalarValue) -> String {
    format!("{}:{}", type_text(&value.data_type()), value_text(value))
}

fn value_text(value: &ScalarValue) -> String {
    match value {
        _ if value.is_null() => "null".to_owned(),
        ScalarValue::Boolean(Some(value)) => value.to_string(),
        ScalarValue::Int8(Some(value)) => value.to_string(),
        ScalarValue::Int16(Some(value)) => value.to_string(),
        ScalarValue::Int32(Some(value))
        | ScalarValue::Date32(Some(value))
        | ScalarValue::Decimal32(Some(value), ..)
        | ScalarValue::IntervalYearMonth(Some(value)) => value.to_string(),
        ScalarValue::Int64(Some(value))
        | ScalarValue::Date64(Some(value))
        | ScalarValue::Decimal64(Some(value), ..)
        | ScalarValue::Time64Microsecond(Some(value))
        | ScalarValue::Time64Nanosecond(Some(value))
        | ScalarValue::TimestampSecond(Some(value), _)
        | ScalarValue::TimestampMillisecond(Some(value), _)
        | ScalarValue::TimestampMicrosecond(Some(value), _)
        | ScalarValue::TimestampNanosecond(Some(value), _)
        | ScalarValue::DurationSecond(Some(value))
        | ScalarValue::DurationMillisecond(Some(value))
        | ScalarValue::DurationMicrosecond(Some(value))
        | ScalarValue::DurationNanosecond(Some(value)) => value.to_string(),
        ScalarValue::UInt8(Some(value)) => value.to_string(),
        ScalarValue::UInt16(Some(value)) => value.to_string(),
        ScalarValue::UInt32(Some(value)) => value.to_string(),
        ScalarValue::UInt64(Some(value)) => value.to_string(),
        ScalarValue::Decimal128(Some(value), ..) => value.to_string(),
        ScalarValue::Decimal256(Some(value), ..) => value.to_string(),
        // This is the shortest text that is read as the same float, and it distinguishes -0.0 from 0.0.
        ScalarValue::Float32(Some(value)) if !value.is_nan() => format!("{value:?}"),
        ScalarValue::Float64(Some(value)) if !value.is_nan() => format!("{value:?}"),
        ScalarValue::Float32(Some(value)) => format!("NaN {:08x}", value.to_bits()),
        ScalarValue::Float64(Some(value)) => format!("NaN {:016x}", value.to_bits()),
        ScalarValue::Utf8(Some(text))
        | ScalarValue::Utf8View(Some(text))
        | ScalarValue::LargeUtf8(Some(text)) => format!("{text:?}"),
        ScalarValue::Binary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes)) => hex(bytes),
        ScalarValue::IntervalDayTime(Some(value)) => {
            format!("{} {}", value.days, value.milliseconds)
        }
        ScalarValue::IntervalMonthDayNano(Some(value)) => {
            format!("{} {} {}", value.months, value.days, value.nanoseconds)
        }
        ScalarValue::List(list) => items(list.value(0).as_ref()),
        ScalarValue::LargeList(list) => items(list.value(0).as_ref()),
        ScalarValue::Struct(fields) => members(fields),
        other => format!("?{:?}", format!("{other:?}")),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn items(array: &dyn Array) -> String {
    let items = (0..array.len()).map(|index| at(array, index));
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn members(fields: &StructArray) -> String {
    let members = fields.columns().iter();
    let members = members.map(|column| at(column.as_ref(), 0));
    format!("[{}]", members.collect::<Vec<_>>().join(", "))
}

fn at(array: &dyn Array, index: usize) -> String {
    match ScalarValue::try_from_array(array, index) {
        Ok(value) => value_text(&value),
        Err(_) => format!("?{:?}", format!("{:?}", array.slice(index, 1))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, ListArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn literals_are_told_apart_by_their_types_and_values() {
        let list = |items: [Option<i32>; 2]| {
            let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(items)]);
            ScalarValue::List(Arc::new(list))
        };
        let group = |name: &str, value: i32| {
            let column = Arc::new(Int32Array::from(vec![value])) as ArrayRef;
            let field = Arc::new(Field::new(name, DataType::Int32, true));
            ScalarValue::Struct(Arc::new(StructArray::from(vec![(field, column)])))
        };
        let zone = || Some(Arc::from("UTC"));
        let literals = [
            (ScalarValue::Null, "NULL:null"),
            (ScalarValue::Int32(None), "INT32:null"),
            (ScalarValue::Int32(Some(1)), "INT32:1"),
            (ScalarValue::Int64(Some(1)), "INT64:1"),
            (ScalarValue::UInt8(Some(1)), "UINT8:1"),
            (ScalarValue::Boolean(Some(true)), "BOOLEAN:true"),
            (ScalarValue::Utf8View(Some("1".to_owned())), "STRING:\"1\""),
            (ScalarValue::Utf8(Some("1".to_owned())), "UTF8:\"1\""),
            (
                ScalarValue::Utf8View(Some("a\"\n".to_owned())),
                r#"STRING:"a\"\n""#,
            ),
            (ScalarValue::Binary(Some(vec![1, 0xab])), "BINARY:01ab"),
            (
                ScalarValue::Decimal128(Some(-150), 12, 2),
                "DECIMAL128(12,2):-150",
            ),
            (
                ScalarValue::Decimal128(Some(-150), 12, 1),
                "DECIMAL128(12,1):-150",
            ),
            (ScalarValue::Float64(Some(0.0)), "FLOAT64:0.0"),
            (ScalarValue::Float64(Some(-0.0)), "FLOAT64:-0.0"),
            (ScalarValue::Float64(Some(1e300)), "FLOAT64:1e300"),
            (
                ScalarValue::Float64(Some(f64::NAN)),
                "FLOAT64:NaN 7ff8000000000000",
            ),
            (ScalarValue::Date32(Some(20_484)), "DATE32:20484"),
            (
                ScalarValue::TimestampMicrosecond(Some(5), zone()),
                "TIMESTAMP(us, \"UTC\"):5",
            ),
            (
                ScalarValue::TimestampMicrosecond(Some(5), None),
                "TIMESTAMP(us):5",
            ),
            (
                ScalarValue::TimestampNanosecond(Some(5), None),
                "TIMESTAMP(ns):5",
            ),
            (
                ScalarValue::new_interval_mdn(1, 2, 3),
                "INTERVAL(months, days, ns):1 2 3",
            ),
            (list([Some(1), None]), "LIST<INT32>:[1, null]"),
            (list([Some(1), Some(2)]), "LIST<INT32>:[1, 2]"),
            (group("a", 1), "STRUCT<\"a\" INT32>:[1]"),
            (group("b", 1), "STRUCT<\"b\" INT32>:[1]"),
            (group("a", 2), "STRUCT<\"a\" INT32>:[2]"),
        ];
        for (value, text) in &literals {
            assert_eq!(literal_text(value), *text);
        }
        let texts: BTreeSet<_> = literals.iter().map(|(_, text)| text).collect();
        assert_eq!(texts.len(), literals.len());
    }

    #[test]
    fn a_layout_has_no_names() {
        let of = |name: &str| {
            DataType::new_list(
                DataType::Struct(vec![Field::new(name, DataType::Int32, true)].into()),
                true,
            )
        };
        assert_eq!(layout_text(&of("a")), "LIST<STRUCT<INT32>>");
        assert_eq!(layout_text(&of("a")), layout_text(&of("b")));
        assert_ne!(type_text(&of("a")), type_text(&of("b")));
    }
}

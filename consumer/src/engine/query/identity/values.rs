//! Writes types and literals in the grammar of [`identity`](super).

use std::fmt::Write;

use arrow::array::{Array, StructArray};
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use datafusion_common::ScalarValue;

/// A type, with the names of a struct's fields.
pub(super) fn type_text(data_type: &DataType) -> String {
    written(data_type, true)
}

/// A type without names: those in the types of a state follow from DataFusion's text of an expression.
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

/// A literal with its type.
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
        // The shortest that is read as the same, which tells -0.0 from 0.0.
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
        // Writing to a String does not fail.
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

//! Checks that the types of a schema are types that Arrow has.

use arrow::datatypes::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Schema,
    validate_decimal_precision_and_scale,
};
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::{self, DateUnit, Endianness, IntervalUnit, Precision, TimeUnit, Type};

use super::{FormatError, FoundMessage, wrong};

/// Reads the schema of the message `found`, and checks it.
pub(super) fn schema_of(found: &FoundMessage<'_>) -> Result<Schema, FormatError> {
    let schema = found
        .message
        .header_as_schema()
        .ok_or_else(|| wrong("it does not begin with a schema"))?;
    if schema.endianness() != Endianness::Little {
        return Err(wrong("its numbers are not little-endian"));
    }
    let fields = schema
        .fields()
        .ok_or_else(|| wrong("its schema has no columns"))?;
    // A schema could name one field or one text many times; no writer does that.
    let mut room = found.length;
    let metadata = schema.custom_metadata();
    for text in metadata.iter().flatten() {
        take_text(text.key(), &mut room)?;
        take_text(text.value(), &mut room)?;
    }
    for field in fields {
        check_field(field, &mut room)?;
    }
    Ok(fb_to_schema(schema))
}

/// Checks a field and those within it. The check of flatbuffers, which has been made before, allows at most 64 levels.
/// `room` is what the schema's bytes have left for fields and texts.
fn check_field(field: ipc::Field<'_>, room: &mut usize) -> Result<(), FormatError> {
    const LEAST_BYTES: usize = 8;
    take_room(LEAST_BYTES, room)?;
    take_text(field.name(), room)?;
    let zone = field
        .type_as_timestamp()
        .and_then(|timestamp| timestamp.timezone());
    take_text(zone, room)?;
    for text in field.custom_metadata().iter().flatten() {
        take_text(text.key(), room)?;
        take_text(text.value(), room)?;
    }
    let name = field.name().unwrap_or_default();
    if !is_type(field) {
        let what = format!("column {name:?} has a type that no state has");
        return Err(FormatError::State(what));
    }
    let is_index = |dictionary: ipc::DictionaryEncoding<'_>| is_int(dictionary.indexType());
    if !field.dictionary().is_none_or(is_index) {
        let what = format!("column {name:?} has a dictionary without a type of its index");
        return Err(FormatError::State(what));
    }
    for child in field.children().iter().flatten() {
        check_field(child, room)?;
    }
    Ok(())
}

fn take_text(text: Option<&str>, room: &mut usize) -> Result<(), FormatError> {
    take_room(text.map_or(0, str::len), room)
}

fn take_room(bytes: usize, room: &mut usize) -> Result<(), FormatError> {
    *room = room
        .checked_sub(bytes)
        .ok_or_else(|| wrong("its schema is longer than its bytes"))?;
    Ok(())
}

/// Returns whether Arrow has the field's type, for a column or for a dictionary's values, and whether a state may have
/// it.
fn is_type(field: ipc::Field<'_>) -> bool {
    let children = field.children().map_or(0, |children| children.len());
    let first = field.children().and_then(|children| children.iter().next());
    match field.type_type() {
        Type::Null
        | Type::Bool
        | Type::Binary
        | Type::BinaryView
        | Type::LargeBinary
        | Type::Utf8
        | Type::Utf8View
        | Type::LargeUtf8
        | Type::Struct_ => true,
        Type::Int => is_int(field.type_as_int()),
        Type::FloatingPoint => field.type_as_floating_point().is_some_and(|float| {
            matches!(
                float.precision(),
                Precision::HALF | Precision::SINGLE | Precision::DOUBLE
            )
        }),
        Type::Decimal => field.type_as_decimal().is_some_and(is_decimal),
        Type::FixedSizeBinary => field
            .type_as_fixed_size_binary()
            .is_some_and(|binary| binary.byteWidth() >= 0),
        Type::Date => field
            .type_as_date()
            .is_some_and(|date| matches!(date.unit(), DateUnit::DAY | DateUnit::MILLISECOND)),
        Type::Time => field.type_as_time().is_some_and(|time| {
            matches!(
                (time.bitWidth(), time.unit()),
                (32, TimeUnit::SECOND | TimeUnit::MILLISECOND)
                    | (64, TimeUnit::MICROSECOND | TimeUnit::NANOSECOND)
            )
        }),
        Type::Timestamp => field
            .type_as_timestamp()
            .is_some_and(|timestamp| is_unit(timestamp.unit())),
        Type::Duration => field
            .type_as_duration()
            .is_some_and(|duration| is_unit(duration.unit())),
        Type::Interval => field.type_as_interval().is_some_and(|interval| {
            matches!(
                interval.unit(),
                IntervalUnit::YEAR_MONTH | IntervalUnit::DAY_TIME | IntervalUnit::MONTH_DAY_NANO
            )
        }),
        Type::List | Type::LargeList | Type::ListView | Type::LargeListView => children == 1,
        Type::FixedSizeList => {
            let list = field.type_as_fixed_size_list();
            children == 1 && list.is_some_and(|list| list.listSize() >= 0)
        }
        Type::Map => {
            // An entry has a key and a value.
            let is_entry = |entry: ipc::Field<'_>| {
                entry.type_type() == Type::Struct_
                    && entry.dictionary().is_none()
                    && entry.children().is_some_and(|parts| parts.len() == 2)
            };
            children == 1 && first.is_some_and(is_entry) && field.type_as_map().is_some()
        }
        Type::RunEndEncoded => {
            let is_end = |end: ipc::Field<'_>| {
                end.type_as_int()
                    .is_some_and(|int| int.is_signed() && matches!(int.bitWidth(), 16 | 32 | 64))
                    && end.dictionary().is_none()
            };
            children == 2 && first.is_some_and(is_end)
        }
        _ => false,
    }
}

fn is_int(int: Option<ipc::Int<'_>>) -> bool {
    int.is_some_and(|int| matches!(int.bitWidth(), 8 | 16 | 32 | 64))
}

fn is_unit(unit: TimeUnit) -> bool {
    matches!(
        unit,
        TimeUnit::SECOND | TimeUnit::MILLISECOND | TimeUnit::MICROSECOND | TimeUnit::NANOSECOND
    )
}

fn is_decimal(decimal: ipc::Decimal<'_>) -> bool {
    let (Ok(precision), Ok(scale)) = (decimal.precision().try_into(), decimal.scale().try_into())
    else {
        return false;
    };
    let valid = match decimal.bitWidth() {
        32 => validate_decimal_precision_and_scale::<Decimal32Type>(precision, scale),
        64 => validate_decimal_precision_and_scale::<Decimal64Type>(precision, scale),
        128 => validate_decimal_precision_and_scale::<Decimal128Type>(precision, scale),
        256 => validate_decimal_precision_and_scale::<Decimal256Type>(precision, scale),
        _ => return false,
    };
    valid.is_ok()
}

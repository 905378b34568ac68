//! Which columns of a result hold numbers, and these as floats, near enough for a bar, a change or an order.

use arrow::array::{Array, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use arrow::error::ArrowError;

/// The values of `array` as floats; `None` if they are no numbers.
///
/// # Errors
/// If Arrow does not make floats of them.
pub fn numbers(array: &dyn Array) -> Result<Option<Float64Array>, ArrowError> {
    if !is_numeric(array.data_type()) {
        return Ok(None);
    }
    let floats = cast(array, &DataType::Float64)?;
    Ok(Some(floats.as_primitive::<Float64Type>().clone()))
}

/// Whether values of this type are numbers.
pub fn is_numeric(kind: &DataType) -> bool {
    plain(kind).is_numeric()
}

/// Digits after the point of each value of this type; `None` if it has no fixed number of them.
pub fn scale(kind: &DataType) -> Option<usize> {
    match plain(kind) {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => Some(usize::try_from(*scale).unwrap_or(0)),
        kind if kind.is_integer() => Some(0),
        _ => None,
    }
}

/// The type of the values, be they in a dictionary or not.
fn plain(kind: &DataType) -> &DataType {
    match kind {
        DataType::Dictionary(_, value) => value,
        kind => kind,
    }
}

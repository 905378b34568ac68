//! Timestamps of the years 1 to 9999, and far beyond, in every function.
//!
//! Timestamps from records count microseconds. DataFusion uses nanoseconds for a time that a query writes or casts, for
//! a comparison with a text or a date, and inside some functions. Nanoseconds reach from 1677 to 2262, and a time
//! outside, such as 9999-12-31 for "no end", would end the query. So no expression of a plan has nanoseconds, and the
//! functions that use them are replaced.

mod calendar;
mod date_bin;
mod date_trunc;
mod durations;
mod to_timestamp;

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion_common::tree_node::Transformed;
use datafusion_common::{DFSchema, Result, ScalarValue};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{Cast, ColumnarValue, Expr, ScalarUDF, TryCast, lit};

use self::to_timestamp::OnBeyond;
use super::arithmetic::type_of;

const NANOS_PER_DAY: i128 = 86_400_000_000_000;

/// Returns the functions to be called in place of DataFusion's functions of the same names, which `known` returns.
pub fn functions(known: impl Fn(&str) -> Option<Arc<ScalarUDF>>) -> Vec<ScalarUDF> {
    let mut functions: Vec<_> = to_timestamp::functions().collect();
    functions.extend(known("date_trunc").map(|inner| date_trunc::function(Some(inner))));
    functions.extend(known("date_bin").map(date_bin::function));
    functions
}

/// Returns `expr` without nanoseconds, if it has any. Its parts have none any more. `columns` are the columns that it
/// can read.
///
/// # Errors
/// Fails if the expression has no type, or a constant cannot be cast.
pub fn without_nanos(expr: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Literal(value, metadata) => {
            let Some(micros) = in_micros(&value.data_type()) else {
                return Ok(Transformed::no(Expr::Literal(value, metadata)));
            };
            let value = match value {
                ScalarValue::TimestampNanosecond(nanos, zone) => ScalarValue::TimestampMicrosecond(
                    nanos.map(|nanos| nanos.div_euclid(1_000)),
                    zone,
                ),
                other => other.cast_to(&micros)?,
            };
            Ok(Transformed::yes(Expr::Literal(value, metadata)))
        }
        Expr::Cast(cast) => {
            let from = type_of(&cast.expr, columns)?;
            Ok(
                match converted(&cast.expr, &from, cast.field.data_type(), OnBeyond::Fail) {
                    Some((expr, to)) => {
                        let field = retyped(&cast.field, to);
                        Transformed::yes(Expr::Cast(Cast::new_from_field(Box::new(expr), field)))
                    }
                    None => Transformed::no(Expr::Cast(cast)),
                },
            )
        }
        Expr::TryCast(cast) => {
            let from = type_of(&cast.expr, columns)?;
            Ok(
                match converted(&cast.expr, &from, cast.field.data_type(), OnBeyond::Null) {
                    Some((expr, to)) => Transformed::yes(Expr::TryCast(TryCast {
                        expr: Box::new(expr),
                        field: retyped(&cast.field, to),
                    })),
                    None => Transformed::no(Expr::TryCast(cast)),
                },
            )
        }
        Expr::ScalarFunction(call) => {
            let call = Expr::ScalarFunction(call);
            let Some(micros) = in_micros(&type_of(&call, columns)?) else {
                return Ok(Transformed::no(call));
            };
            Ok(Transformed::yes(match call {
                Expr::ScalarFunction(ScalarFunction { func, mut args })
                    if func.name() == "arrow_cast" && !args.is_empty() =>
                {
                    cast_to(args.swap_remove(0), micros)
                }
                other => cast_to(other, micros),
            }))
        }
        Expr::BinaryExpr(operation) => Ok(durations::comparable(operation)),
        other => Ok(Transformed::no(other)),
    }
}

/// Returns what to cast in place of `expr`, and to which type, if the cast of `expr` from `from` to `to` would be
/// wrong. `on_beyond` decides about a number that is too large for a time.
fn converted(
    expr: &Expr,
    from: &DataType,
    to: &DataType,
    on_beyond: OnBeyond,
) -> Option<(Expr, DataType)> {
    use DataType::{Duration, Interval, Timestamp};
    match (from, to) {
        (Duration(_), Interval(_)) => {
            return Some((durations::as_interval(expr.clone()), to.clone()));
        }
        // An interval that is added to a timestamp becomes a duration.
        (_, Duration(TimeUnit::Nanosecond)) => {
            return Some((cast_to(expr.clone(), to.clone()), durations::DURATION));
        }
        _ => {}
    }
    let micros = in_micros(to);
    match (from, &micros, to) {
        // A number counts seconds, as in Spark.
        (number, Some(Timestamp(..)), _) if number.is_numeric() => {
            let of_seconds = to_timestamp::of_seconds(on_beyond);
            Some((of_seconds.call(vec![expr.clone()]), micros?))
        }
        // Arrow would cut off towards 1970.
        (Timestamp(_, _), _, Timestamp(unit, _))
            if per_second(unit_of(from)?) > per_second(*unit) =>
        {
            let name = match unit {
                TimeUnit::Second => "second",
                _ => "millisecond",
            };
            let cut = date_trunc::function(None);
            Some((cut.call(vec![lit(name), expr.clone()]), to.clone()))
        }
        _ => micros.map(|micros| (expr.clone(), micros)),
    }
}

fn unit_of(data_type: &DataType) -> Option<TimeUnit> {
    match data_type {
        DataType::Timestamp(unit, _) => Some(*unit),
        _ => None,
    }
}

fn cast_to(expr: Expr, to: DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), to))
}

fn retyped(field: &Field, to: DataType) -> Arc<Field> {
    Arc::new(field.clone().with_data_type(to))
}

/// Returns the same type with microseconds in place of nanoseconds, or `None` if the type has no such timestamp.
fn in_micros(data_type: &DataType) -> Option<DataType> {
    use DataType::{FixedSizeList, LargeList, List, Struct, Timestamp};
    let item = |item: &Arc<Field>| in_micros(item.data_type()).map(|of| retyped(item, of));
    Some(match data_type {
        Timestamp(TimeUnit::Nanosecond, zone) => Timestamp(TimeUnit::Microsecond, zone.clone()),
        List(of) => List(item(of)?),
        LargeList(of) => LargeList(item(of)?),
        FixedSizeList(of, size) => FixedSizeList(item(of)?, *size),
        Struct(fields) if fields.iter().any(|field| item(field).is_some()) => {
            let fields = fields.iter();
            Struct(
                fields
                    .map(|field| item(field).unwrap_or_else(|| Arc::clone(field)))
                    .collect(),
            )
        }
        _ => return None,
    })
}

/// Returns the timestamp type to which our functions cast an argument of this type, if there is one.
fn coerced(data_type: &DataType) -> Option<DataType> {
    use DataType::{Date32, Date64, Null, Timestamp};
    match data_type {
        Timestamp(TimeUnit::Nanosecond, zone) => {
            Some(Timestamp(TimeUnit::Microsecond, zone.clone()))
        }
        Timestamp(..) => Some(data_type.clone()),
        Date32 | Date64 | Null => Some(Timestamp(TimeUnit::Microsecond, None)),
        text if text.is_string() => Some(Timestamp(TimeUnit::Microsecond, None)),
        _ => None,
    }
}

/// Returns how many of this unit a second has.
fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// Returns whether the type is a time of day.
fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Time32(_) | DataType::Time64(_))
}

fn is_utc(zone: &str) -> bool {
    matches!(zone, "UTC" | "Z" | "+00:00" | "+00" | "Etc/UTC")
}

/// Applies `of` to an argument. The result for a constant is a constant.
fn per_row(
    argument: &ColumnarValue,
    of: impl Fn(&ArrayRef) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    rows_of(std::slice::from_ref(argument), |columns| of(&columns[0]))
}

/// Applies `of` to arguments of the same length. The result for constants is a constant.
fn rows_of(
    arguments: &[ColumnarValue],
    of: impl Fn(&[ArrayRef]) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    let are_constant = arguments
        .iter()
        .all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
    let rows = of(&ColumnarValue::values_to_arrays(arguments)?)?;
    Ok(match are_constant {
        true => ColumnarValue::Scalar(ScalarValue::try_from_array(&rows, 0)?),
        false => ColumnarValue::Array(rows),
    })
}

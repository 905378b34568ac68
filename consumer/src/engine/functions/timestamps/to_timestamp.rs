//! `to_timestamp` and its variants, and `to_unixtime`, for all years. DataFusion's functions use nanoseconds, which end
//! in 2262.

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::compute::kernels::cast_utils::string_to_datetime;
use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, DecimalType, Field, FieldRef, Float64Type,
    Int64Type, TimeUnit,
};
use chrono::format::{Parsed, StrftimeItems, parse};
use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeZone, Utc};
use datafusion_common::{DataFusionError, Result, exec_datafusion_err, exec_err, plan_err};
use datafusion_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::{per_second, rows_of};

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// The way in which a function reads a number, a text or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ArgumentKind {
    name: &'static str,
    /// The unit that a number counts.
    counts: TimeUnit,
    /// The unit that the result counts.
    result: TimeUnit,
    /// Whether the result is a BIGINT.
    is_number: bool,
    on_beyond: OnBeyond,
}

/// The outcome for a number that is too large for a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum OnBeyond {
    Fail,
    Null,
}

/// Returns all functions of this kind.
pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    [
        ("to_timestamp", Second, Microsecond, false),
        ("to_timestamp_seconds", Second, Second, false),
        ("to_timestamp_millis", Millisecond, Millisecond, false),
        ("to_timestamp_micros", Microsecond, Microsecond, false),
        ("to_timestamp_nanos", Nanosecond, Microsecond, false),
        ("to_unixtime", Second, Second, true),
    ]
    .into_iter()
    .map(|(name, counts, result, is_number)| {
        function(ArgumentKind {
            name,
            counts,
            result,
            is_number,
            on_beyond: OnBeyond::Fail,
        })
    })
}

/// Returns the function that replaces a cast of a number of seconds to a timestamp.
pub(super) fn of_seconds(on_beyond: OnBeyond) -> ScalarUDF {
    function(ArgumentKind {
        name: match on_beyond {
            OnBeyond::Fail => "to_timestamp",
            OnBeyond::Null => "try_to_timestamp",
        },
        counts: TimeUnit::Second,
        result: TimeUnit::Microsecond,
        is_number: false,
        on_beyond,
    })
}

fn function(kind: ArgumentKind) -> ScalarUDF {
    ScalarUDF::from(ToTimestamp {
        kind,
        signature: Signature::user_defined(Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToTimestamp {
    kind: ArgumentKind,
    signature: Signature,
}

impl ScalarUDFImpl for ToTimestamp {
    fn name(&self) -> &str {
        self.kind.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name();
        let Some((value, formats)) = types.split_first() else {
            return plan_err!("{name} takes a text, a number or a time");
        };
        let value = match value {
            text if text.is_string() => DataType::Utf8,
            number if number.is_integer() => DataType::Int64,
            number if number.is_floating() => DataType::Float64,
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => {
                DataType::Decimal128(DECIMAL128_MAX_PRECISION, *scale)
            }
            DataType::Decimal128(..) => value.clone(),
            DataType::Decimal256(_, scale) => {
                DataType::Decimal128(DECIMAL128_MAX_PRECISION, (*scale).min(9))
            }
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
            }
            DataType::Timestamp(..) => value.clone(),
            DataType::Date32 | DataType::Date64 => DataType::Timestamp(TimeUnit::Second, None),
            DataType::Null => DataType::Int64,
            other => return plan_err!("{name} takes a text, a number or a time, not {other}"),
        };
        if !formats.is_empty() && value != DataType::Utf8 {
            return plan_err!("{name} takes a pattern only behind a text");
        }
        if let Some(other) = formats.iter().find(|of| !of.is_string() && !of.is_null()) {
            return plan_err!("the pattern of {name} is a text, not {other}");
        }
        let mut coerced = vec![value];
        coerced.extend(formats.iter().map(|_| DataType::Utf8));
        Ok(coerced)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(match self.kind.is_number {
            true => DataType::Int64,
            false => DataType::Timestamp(self.kind.result, None),
        })
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let result = self.return_type(&[])?;
        Ok(Arc::new(Field::new(self.name(), result, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        rows_of(&args.args, |columns| {
            // The types of a call that replaces a cast have not been coerced.
            let types: Vec<_> = columns.iter().map(|of| of.data_type().clone()).collect();
            let types = self.coerce_types(&types)?.into_iter();
            let columns = columns.iter().zip(types).map(|(of, to)| cast(of, &to));
            let columns: &[ArrayRef] = &columns.collect::<Result<Vec<_>, _>>()?;
            let counts: Int64Array = match columns[0].data_type() {
                DataType::Utf8 => self.of_texts(columns)?,
                DataType::Float64 => {
                    let numbers = columns[0].as_primitive::<Float64Type>();
                    // A float that is not a number gives no time, as in Spark.
                    let finite = numbers
                        .iter()
                        .map(|number| number.filter(|n| n.is_finite()));
                    self.each(finite, |number| self.of_float(number))?
                }
                DataType::Decimal128(_, scale) => {
                    let numbers = columns[0].as_primitive::<Decimal128Type>();
                    self.each(numbers.iter(), |number| self.of_decimal(number, *scale))?
                }
                DataType::Timestamp(unit, _) => self.of_times(&columns[0], *unit)?,
                _ => {
                    let numbers = columns[0].as_primitive::<Int64Type>();
                    self.each(numbers.iter(), |number| self.of_number(number))?
                }
            };
            Ok(cast(&counts, &self.return_type(&[])?)?)
        })
    }
}

impl ToTimestamp {
    /// Computes `of` for each value that is not NULL.
    fn each<T>(
        &self,
        values: impl Iterator<Item = Option<T>>,
        of: impl Fn(T) -> Result<i64>,
    ) -> Result<Int64Array> {
        let computed = values.map(|value| match value.map(&of) {
            Some(Err(_)) if self.kind.on_beyond == OnBeyond::Null => Ok(None),
            result => result.transpose(),
        });
        computed.collect()
    }

    /// Returns `nanos` in the result's unit, cut off towards the past.
    fn fitting(&self, nanos: i128) -> Option<i64> {
        let nanos_each = NANOS_PER_SECOND / i128::from(per_second(self.kind.result));
        i64::try_from(nanos.div_euclid(nanos_each)).ok()
    }

    /// Returns how many of the units that numbers count make a second.
    fn counts(&self) -> i128 {
        i128::from(per_second(self.kind.counts))
    }

    fn of_number(&self, number: i64) -> Result<i64> {
        // If the result is a number of seconds, a number is already the result.
        if self.kind.is_number {
            return Ok(number);
        }
        let nanos = i128::from(number) * (NANOS_PER_SECOND / self.counts());
        self.fitting(nanos).ok_or_else(|| self.too_far(number))
    }

    fn of_float(&self, number: f64) -> Result<i64> {
        let has_fraction =
            self.kind.counts == TimeUnit::Second && self.kind.result == TimeUnit::Microsecond;
        let whole = match has_fraction {
            true => number.floor(),
            false => number.trunc(),
        };
        // The digits after the point are too few for exact nanoseconds.
        let micros = match has_fraction {
            true => ((number - whole) * 1e6).round(),
            false => 0.0,
        };
        if !(-1e19..1e19).contains(&whole) {
            return Err(self.too_far(format!("{number:?}")));
        }
        let nanos = (whole as i128) * (NANOS_PER_SECOND / self.counts()) + micros as i128 * 1_000;
        self.fitting(nanos)
            .ok_or_else(|| self.too_far(format!("{number:?}")))
    }

    fn of_decimal(&self, number: i128, scale: i8) -> Result<i64> {
        let too_far = || {
            let shown = Decimal128Type::format_decimal(number, DECIMAL128_MAX_PRECISION, scale);
            self.too_far(shown)
        };
        // A timestamp has only nine digits after the point.
        let (up, down) = match scale {
            ..=8 => (9 - i32::from(scale), 0),
            _ => (0, i32::from(scale) - 9),
        };
        let power = |exponent: i32| 10_i128.checked_pow(exponent.unsigned_abs());
        let billionths = power(up).and_then(|up| number.checked_mul(up));
        let billionths = billionths.zip(power(down)).ok_or_else(too_far)?;
        let billionths = billionths.0.div_euclid(billionths.1);
        self.fitting(billionths.div_euclid(self.counts()))
            .ok_or_else(too_far)
    }

    fn of_times(&self, times: &ArrayRef, unit: TimeUnit) -> Result<Int64Array> {
        let nanos_each = NANOS_PER_SECOND / i128::from(per_second(unit));
        let each_of = |time: i64| {
            let nanos = i128::from(time) * nanos_each;
            self.fitting(nanos).ok_or_else(|| self.too_far(time))
        };
        match unit {
            TimeUnit::Second => {
                self.each(times.as_primitive::<TimestampSecondType>().iter(), each_of)
            }
            TimeUnit::Millisecond => self.each(
                times.as_primitive::<TimestampMillisecondType>().iter(),
                each_of,
            ),
            TimeUnit::Microsecond => self.each(
                times.as_primitive::<TimestampMicrosecondType>().iter(),
                each_of,
            ),
            TimeUnit::Nanosecond => self.each(
                times.as_primitive::<TimestampNanosecondType>().iter(),
                each_of,
            ),
        }
    }

    fn of_texts(&self, columns: &[ArrayRef]) -> Result<Int64Array> {
        let utc: Tz = "+00:00".parse()?;
        let texts: &StringArray = columns[0].as_string();
        let formats: Vec<&StringArray> = columns[1..].iter().map(|of| of.as_string()).collect();
        let rows = (0..texts.len()).map(|row| {
            if texts.is_null(row) {
                return Ok(None);
            }
            let text = texts.value(row);
            let time = match formats.is_empty() {
                true => Some(string_to_datetime(&utc, text)?.naive_utc()),
                false => {
                    let patterns = formats.iter().filter(|of| of.is_valid(row));
                    first_of(text, patterns.map(|of| of.value(row)))?
                }
            };
            let Some(time) = time.map(|time| time.and_utc()) else {
                return Ok(None);
            };
            let nanos = i128::from(time.timestamp()) * NANOS_PER_SECOND
                + i128::from(time.timestamp_subsec_nanos());
            Ok(Some(self.fitting(nanos).ok_or_else(|| self.too_far(text))?))
        });
        rows.collect()
    }

    fn too_far(&self, number: impl std::fmt::Display) -> DataFusionError {
        exec_datafusion_err!("{}({number}) is beyond all timestamps", self.name())
    }
}

/// Reads a time by the first pattern that fits. Returns `None` if there is no pattern.
///
/// # Errors
/// Fails if no pattern fits, with the reason of the last pattern.
fn first_of<'a>(
    text: &str,
    patterns: impl Iterator<Item = &'a str>,
) -> Result<Option<NaiveDateTime>> {
    let mut last = Ok(None);
    for pattern in patterns {
        match parsed(text, pattern) {
            Ok(time) => return Ok(Some(time)),
            Err(reason) => {
                last = exec_err!("'{text}' does not fit the pattern '{pattern}': {reason}");
            }
        }
    }
    last
}

/// Reads a time in UTC, which is the zone of a text without a zone. A zone's name may stand at the end, as ` %Z`.
fn parsed(text: &str, pattern: &str) -> Result<NaiveDateTime, String> {
    let (mut text, mut pattern, mut zone) = (text, pattern, None);
    if let Some(before) = pattern.trim_end().strip_suffix(" %Z") {
        let (time, name) = text
            .trim_end()
            .rsplit_once(' ')
            .ok_or("no zone behind it")?;
        (text, pattern) = (time, before);
        zone = Some(name.parse::<Tz>().map_err(|_| format!("no zone {name}"))?);
    }
    let mut parts = Parsed::new();
    let words = |error: chrono::ParseError| error.to_string();
    parse(&mut parts, text, StrftimeItems::new(pattern)).map_err(words)?;
    let zoned: Result<DateTime<FixedOffset>, _> = parts.to_datetime();
    if let (Ok(time), None) = (zoned, zone) {
        return Ok(time.naive_utc());
    }
    let local =
        parts
            .to_naive_datetime_with_offset(0)
            .or_else(|error| match parts.to_naive_date() {
                Ok(date) => Ok(date.into()),
                Err(_) => Err(words(error)),
            })?;
    let Some(zone) = zone else {
        return Ok(local);
    };
    let time = zone.from_local_datetime(&local).single();
    let time = time.ok_or("its zone has no such time, or has it twice")?;
    Ok(time.with_timezone(&Utc).naive_utc())
}

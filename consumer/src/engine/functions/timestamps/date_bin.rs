//! `date_bin` for all years. DataFusion's function uses nanoseconds, which end in 2262.

use std::sync::Arc;

use arrow::array::types::{
    ArrowTimestampType, IntervalMonthDayNano, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampSecondType,
};
use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use datafusion_common::{Result, ScalarValue, exec_err, plan_err};
use datafusion_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::calendar::{date_of, day_of, days_in};
use super::{NANOS_PER_DAY, coerced, is_time, per_row, per_second};

/// The distance between the starts of two bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stride {
    /// A number of months.
    Months(i64),
    /// A number of nanoseconds.
    Nanos(i128),
}

impl Stride {
    fn of(interval: IntervalMonthDayNano) -> Result<Self> {
        let nanos = i128::from(interval.days) * NANOS_PER_DAY + i128::from(interval.nanoseconds);
        match (i64::from(interval.months), nanos) {
            (0, nanos) if nanos > 0 => Ok(Self::Nanos(nanos)),
            (months, 0) if months > 0 => Ok(Self::Months(months)),
            (0, _) | (_, 0) => exec_err!("the INTERVAL of date_bin must be above zero"),
            _ => exec_err!("the INTERVAL of date_bin has months, or days and less, not both"),
        }
    }
}

/// Returns the start of the bin of `value`. Values count parts of a second, `per_second` of them in each second, and
/// `origin` is the start of a bin. Returns `None` if the start does not fit 64 bits.
fn bin(value: i64, origin: i64, per_second: i64, stride: Stride) -> Option<i64> {
    match stride {
        Stride::Months(months) => bin_of_months(value, origin, per_second, months),
        Stride::Nanos(nanos) => {
            let nanos_each = i128::from(1_000_000_000 / per_second);
            if nanos % nanos_each == 0
                && let Ok(length) = i64::try_from(nanos / nanos_each)
                && let Some(since) = value.checked_sub(origin)
            {
                return value.checked_sub(since.rem_euclid(length));
            }
            let since = (i128::from(value) - i128::from(origin)) * nanos_each;
            let start = i128::from(origin) * nanos_each + since - since.rem_euclid(nanos);
            i64::try_from(start.div_euclid(nanos_each)).ok()
        }
    }
}

/// Does what [`bin`] does, for a stride of months. If a bin would start on a day that its month does not have, it
/// starts on the month's last day.
fn bin_of_months(value: i64, origin: i64, per_second: i64, months: i64) -> Option<i64> {
    let per_day = 86_400 * per_second;
    let month_of = |value: i64| {
        let (year, month, _) = date_of(value.div_euclid(per_day));
        year * 12 + month - 1
    };
    let (of_day, (_, _, day)) = (
        origin.rem_euclid(per_day),
        date_of(origin.div_euclid(per_day)),
    );
    let start_in = |month: i64| {
        let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        let day = day_of(year, month, day.min(days_in(year, month)));
        day.checked_mul(per_day)?.checked_add(of_day)
    };
    let first = month_of(origin);
    let month = first + (month_of(value) - first).div_euclid(months) * months;
    match start_in(month)? {
        // This start is later in the month than the value, so the value is in the bin before.
        start if start > value => start_in(month - months),
        start => Some(start),
    }
}

/// Returns `date_bin`. `inner` is DataFusion's function, which is called for times of day.
pub(super) fn function(inner: Arc<ScalarUDF>) -> ScalarUDF {
    ScalarUDF::from(DateBin {
        inner,
        signature: Signature::user_defined(Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateBin {
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for DateBin {
    fn name(&self) -> &str {
        "date_bin"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let (interval, time, origin) = match types {
            [interval, time] => (interval, time, None),
            [interval, time, origin] => (interval, time, Some(origin)),
            _ => {
                return plan_err!(
                    "date_bin takes an INTERVAL, a time and perhaps an origin, as in date_bin(INTERVAL '1 minute', t)"
                );
            }
        };
        if !matches!(interval, DataType::Interval(_)) && !interval.is_string() {
            return plan_err!(
                "date_bin takes an INTERVAL first, as in date_bin(INTERVAL '1 minute', t), not {interval}"
            );
        }
        let Some(coerced_time) = coerced(time).or_else(|| is_time(time).then(|| time.clone()))
        else {
            return plan_err!("date_bin takes a TIMESTAMP, a DATE or a TIME, not {time}");
        };
        let mut coerced_types = vec![DataType::Interval(IntervalUnit::MonthDayNano)];
        if let Some(origin) = origin {
            coerced_types.push(match &coerced_time {
                // The bins of a timestamp with a zone are those of UTC.
                DataType::Timestamp(unit, Some(_)) => {
                    DataType::Timestamp(*unit, Some("UTC".into()))
                }
                other => other.clone(),
            });
            if coerced(origin).is_none() && !is_time(origin) {
                return plan_err!("the origin of date_bin is a TIMESTAMP, not {origin}");
            }
        }
        coerced_types.insert(1, coerced_time);
        Ok(coerced_types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[1].clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let time = args.arg_fields[1].data_type();
        Ok(Arc::new(Field::new(self.name(), time.clone(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let DataType::Timestamp(unit, _) = args.args[1].data_type() else {
            return self.inner.invoke_with_args(args);
        };
        let ColumnarValue::Scalar(ScalarValue::IntervalMonthDayNano(Some(interval))) =
            &args.args[0]
        else {
            return exec_err!("the INTERVAL of date_bin is a constant, as in INTERVAL '1 minute'");
        };
        let stride = Stride::of(*interval)?;
        let origin = match args.args.get(2) {
            None => Some(0),
            Some(ColumnarValue::Scalar(
                ScalarValue::TimestampSecond(origin, _)
                | ScalarValue::TimestampMillisecond(origin, _)
                | ScalarValue::TimestampMicrosecond(origin, _),
            )) => *origin,
            Some(_) => return exec_err!("the origin of date_bin is a constant"),
        };
        let second = per_second(unit);
        let start = |value| origin.and_then(|origin| bin(value, origin, second, stride));
        per_row(&args.args[1], |times| {
            Ok(match unit {
                TimeUnit::Second => bins::<TimestampSecondType>(times, start),
                TimeUnit::Millisecond => bins::<TimestampMillisecondType>(times, start),
                _ => bins::<TimestampMicrosecondType>(times, start),
            })
        })
    }
}

/// Returns the start of each time's bin, or NULL where there is none.
fn bins<T: ArrowTimestampType>(times: &ArrayRef, start: impl Fn(i64) -> Option<i64>) -> ArrayRef {
    let bins: PrimitiveArray<T> = times.as_primitive::<T>().unary_opt(start);
    Arc::new(bins.with_data_type(times.data_type().clone()))
}

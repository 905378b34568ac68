//! `date_trunc` for all years. DataFusion's function uses nanoseconds, which end in 2262.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::types::{
    ArrowTimestampType, TimestampMicrosecondType, TimestampMillisecondType, TimestampSecondType,
};
use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone};
use datafusion_common::{Result, ScalarValue, exec_err, plan_err};
use datafusion_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::calendar::{date_of, day_of};
use super::{coerced, is_time, is_utc, per_row, per_second};

/// The unit to which a timestamp is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    /// Returns the unit of this name. The short names of Spark are known, too.
    fn of_name(name: &str) -> Option<Self> {
        Some(match name.to_lowercase().as_str() {
            "microsecond" => Self::Microsecond,
            "millisecond" => Self::Millisecond,
            "second" => Self::Second,
            "minute" => Self::Minute,
            "hour" => Self::Hour,
            "day" | "dd" => Self::Day,
            "week" => Self::Week,
            "month" | "mon" | "mm" => Self::Month,
            "quarter" => Self::Quarter,
            "year" | "yyyy" | "yy" => Self::Year,
            _ => return None,
        })
    }

    /// Returns the unit's length in parts of a second, of which a second has `per_second`. Returns `None` if the unit
    /// is shorter than such a part, or is a day or longer.
    fn length(self, per_second: i64) -> Option<i64> {
        match self {
            Self::Microsecond => per_second.checked_div(1_000_000),
            Self::Millisecond => per_second.checked_div(1_000),
            Self::Second => Some(per_second),
            Self::Minute => Some(60 * per_second),
            Self::Hour => Some(3_600 * per_second),
            _ => None,
        }
    }
}

/// Returns `value` cut to `unit`. It counts parts of a second, `per_second` of them in each second. Returns `None` if
/// the result does not fit 64 bits.
pub(super) fn truncated(value: i64, per_second: i64, unit: Unit) -> Option<i64> {
    if let Some(length) = unit.length(per_second) {
        return value.checked_sub(value.rem_euclid(length.max(1)));
    }
    let per_day = 86_400 * per_second;
    let day = value.div_euclid(per_day);
    let first = match unit {
        // 1970-01-01 was a Thursday.
        Unit::Week => day - (day + 3).rem_euclid(7),
        Unit::Month => day - date_of(day).2 + 1,
        Unit::Quarter => {
            let (year, month, _) = date_of(day);
            day_of(year, (month - 1) / 3 * 3 + 1, 1)
        }
        Unit::Year => day_of(date_of(day).0, 1, 1),
        _ => day,
    };
    first.checked_mul(per_day)
}

/// Does what [`truncated`] does, by the clocks of a time zone. It also returns `None` if the zone has no such time or
/// chrono no such year.
fn truncated_in(value: i64, per_second: i64, unit: Unit, zone: Tz) -> Option<i64> {
    let seconds = value.div_euclid(per_second);
    let utc = DateTime::from_timestamp(seconds, 0)?.naive_utc();
    let offset = zone.offset_from_utc_datetime(&utc).fix();
    let local = value.checked_add(i64::from(offset.local_minus_utc()) * per_second)?;
    let cut = truncated(local, per_second, unit)?;
    let wanted = DateTime::from_timestamp(cut.div_euclid(per_second), 0)?.naive_utc();
    let back = offset_at(zone, wanted, offset.local_minus_utc())?;
    cut.checked_sub(i64::from(back) * per_second)
}

/// Returns by how many seconds clocks that show `local` are ahead of UTC. If they show it twice, returns `before` if
/// that is one of the two offsets. If they skip it, returns the offset of three hours earlier.
fn offset_at(zone: Tz, local: NaiveDateTime, before: i32) -> Option<i32> {
    let of = |local: &NaiveDateTime| zone.offset_from_local_datetime(local);
    let seconds = |offset: arrow::array::timezone::TzOffset| offset.fix().local_minus_utc();
    match of(&local) {
        chrono::LocalResult::Single(offset) => Some(seconds(offset)),
        chrono::LocalResult::Ambiguous(one, other) => Some(match seconds(one) == before {
            true => before,
            false => seconds(other),
        }),
        chrono::LocalResult::None => {
            let earlier = local.checked_sub_signed(TimeDelta::hours(3))?;
            of(&earlier).earliest().map(seconds)
        }
    }
}

/// Returns `date_trunc`, also called `datetrunc`. `inner` is DataFusion's function, which is called for times of day.
pub(super) fn function(inner: Option<Arc<ScalarUDF>>) -> ScalarUDF {
    ScalarUDF::from(DateTrunc {
        inner,
        aliases: ["datetrunc".to_owned()],
        signature: Signature::user_defined(Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateTrunc {
    inner: Option<Arc<ScalarUDF>>,
    aliases: [String; 1],
    signature: Signature,
}

impl ScalarUDFImpl for DateTrunc {
    fn name(&self) -> &str {
        "date_trunc"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [_unit, time] = types else {
            return plan_err!("date_trunc takes a unit and a time, as in date_trunc('day', t)");
        };
        let Some(time) = coerced(time).or_else(|| is_time(time).then(|| time.clone())) else {
            return plan_err!("date_trunc takes a TIMESTAMP, a DATE or a TIME, not {time}");
        };
        Ok(vec![DataType::Utf8, time])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[1].clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let time = args.arg_fields[1].data_type();
        Ok(Arc::new(Field::new(self.name(), time.clone(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let DataType::Timestamp(time_unit, zone) = args.args[1].data_type() else {
            return match &self.inner {
                Some(inner) => inner.invoke_with_args(args),
                None => exec_err!("date_trunc of what is no timestamp"),
            };
        };
        let ColumnarValue::Scalar(ScalarValue::Utf8(Some(name))) = &args.args[0] else {
            return exec_err!("the unit of date_trunc is a text in quotes, as in 'day'");
        };
        let Some(unit) = Unit::of_name(name) else {
            return exec_err!(
                "date_trunc knows no unit '{name}'; there are microsecond, millisecond, second, minute, hour, day, \
                 week, month, quarter and year"
            );
        };
        let zone = match zone.as_deref() {
            Some(zone) if !is_utc(zone) => Some(Tz::from_str(zone)?),
            _ => None,
        };
        let second = per_second(time_unit);
        let cut = |value| match zone {
            Some(zone) => truncated_in(value, second, unit, zone),
            None => truncated(value, second, unit),
        };
        per_row(&args.args[1], |times| {
            Ok(match time_unit {
                TimeUnit::Second => cut_all::<TimestampSecondType>(times, cut),
                TimeUnit::Millisecond => cut_all::<TimestampMillisecondType>(times, cut),
                _ => cut_all::<TimestampMicrosecondType>(times, cut),
            })
        })
    }
}

/// Cuts each time. A time that cannot be cut becomes NULL.
fn cut_all<T: ArrowTimestampType>(times: &ArrayRef, cut: impl Fn(i64) -> Option<i64>) -> ArrayRef {
    let cut: PrimitiveArray<T> = times.as_primitive::<T>().unary_opt(cut);
    Arc::new(cut.with_data_type(times.data_type().clone()))
}

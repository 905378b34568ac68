//! Durations, which are differences of two timestamps, and intervals.
//!
//! DataFusion turns a duration into an interval of nanoseconds, which cannot count three centuries. It compares
//! intervals by their months first and then by their days, so that 25 hours would be less than one day.

use std::sync::Arc;

use arrow::array::types::{
    DurationMicrosecondType, IntervalMonthDayNano, IntervalMonthDayNanoType,
};
use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use arrow::error::ArrowError;
use datafusion_common::tree_node::Transformed;
use datafusion_common::{DataFusionError, Result};
use datafusion_expr::{
    BinaryExpr, Cast, ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::{NANOS_PER_DAY, per_row};

const MICROS_PER_DAY: i64 = 86_400_000_000;

pub(super) const DURATION: DataType = DataType::Duration(TimeUnit::Microsecond);
const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

/// Returns a duration as an interval of days and the rest of a day.
pub(super) fn as_interval(duration: Expr) -> Expr {
    call(
        Conversion::ToInterval,
        Expr::Cast(Cast::new(Box::new(duration), DURATION)),
    )
}

/// Rewrites a comparison of a duration with an interval to compare durations.
pub(super) fn comparable(operation: BinaryExpr) -> Transformed<Expr> {
    let BinaryExpr { left, op, right } = operation;
    let is_comparison = op.supports_propagation();
    // A duration has become an interval here if it is compared with one.
    if is_comparison && (is_converted(&left) || is_converted(&right)) {
        let (left, right) = (as_duration(*left), as_duration(*right));
        let operation = BinaryExpr::new(Box::new(left), op, Box::new(right));
        return Transformed::yes(Expr::BinaryExpr(operation));
    }
    Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }))
}

/// Returns whether the expression is the result of [`as_interval`], perhaps cast.
fn is_converted(expr: &Expr) -> bool {
    match expr {
        Expr::Cast(cast) => is_converted(&cast.expr),
        Expr::ScalarFunction(call) => call
            .func
            .inner()
            .downcast_ref::<Convert>()
            .is_some_and(|convert| convert.conversion == Conversion::ToInterval),
        _ => false,
    }
}

fn as_duration(interval: Expr) -> Expr {
    let interval = Expr::Cast(Cast::new(Box::new(interval), INTERVAL));
    call(Conversion::ToDuration, interval)
}

fn call(conversion: Conversion, argument: Expr) -> Expr {
    let function = Convert {
        conversion,
        signature: Signature::any(1, Volatility::Immutable),
    };
    ScalarUDF::from(function).call(vec![argument])
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Conversion {
    ToInterval,
    ToDuration,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Convert {
    conversion: Conversion,
    signature: Signature,
}

impl ScalarUDFImpl for Convert {
    fn name(&self) -> &str {
        match self.conversion {
            Conversion::ToInterval => "interval_of",
            Conversion::ToDuration => "duration_of",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(match self.conversion {
            Conversion::ToInterval => INTERVAL,
            Conversion::ToDuration => DURATION,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        per_row(&args.args[0], |values| match self.conversion {
            Conversion::ToInterval => intervals(values),
            Conversion::ToDuration => durations(values),
        })
    }
}

fn intervals(durations: &ArrayRef) -> Result<ArrayRef> {
    let durations = durations.as_primitive::<DurationMicrosecondType>();
    let intervals: PrimitiveArray<IntervalMonthDayNanoType> = durations.try_unary(|micros| {
        let days = i32::try_from(micros / MICROS_PER_DAY).map_err(|_| {
            ArrowError::ComputeError(format!("{} days are no INTERVAL", micros / MICROS_PER_DAY))
        })?;
        let nanos = micros % MICROS_PER_DAY * 1_000;
        Ok::<_, ArrowError>(IntervalMonthDayNano::new(0, days, nanos))
    })?;
    Ok(Arc::new(intervals))
}

fn durations(intervals: &ArrayRef) -> Result<ArrayRef> {
    let intervals = cast(intervals, &INTERVAL)?;
    let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
    let durations: PrimitiveArray<DurationMicrosecondType> = intervals.try_unary(|interval| {
        if interval.months != 0 {
            return Err(DataFusionError::Execution(
                "a month has no fixed length; compare with an INTERVAL of days, as in INTERVAL '30 days'"
                    .to_owned(),
            ));
        }
        let nanos = i128::from(interval.days) * NANOS_PER_DAY + i128::from(interval.nanoseconds);
        i64::try_from(nanos.div_euclid(1_000))
            .map_err(|_| DataFusionError::Execution("an INTERVAL is too long".to_owned()))
    })?;
    Ok(Arc::new(durations))
}

//! `now()`, `current_timestamp` and `current_date`: the trigger's time.
//!
//! DataFusion would replace them by the time at which the query was planned. Our functions are volatile, so that they
//! stay in the plan, and read the clock that each trigger sets. A volatile function below the aggregate is refused, so
//! they stand only above it, where each trigger has one time.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, Utc};
use datafusion_common::Result;
use datafusion_common::ScalarValue;
use datafusion_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The time of the current trigger, in microseconds since the epoch.
#[derive(Clone, Debug, Default)]
pub struct TriggerClock(Arc<AtomicI64>);

impl TriggerClock {
    /// Sets the value of `now()` from here on.
    pub fn set(&self, now: DateTime<Utc>) {
        self.0.store(now.timestamp_micros(), Ordering::Relaxed);
    }

    /// Returns the functions that read this clock.
    pub fn functions(&self) -> [ScalarUDF; 2] {
        let function = |name, date| {
            ScalarUDF::from(ClockFunction {
                name,
                date,
                clock: self.clone(),
                signature: Signature::nullary(Volatility::Volatile),
            })
        };
        [
            function("now", false).with_aliases(["current_timestamp"]),
            function("current_date", true).with_aliases(["today"]),
        ]
    }
}

#[derive(Debug)]
struct ClockFunction {
    name: &'static str,
    date: bool,
    clock: TriggerClock,
    signature: Signature,
}

impl PartialEq for ClockFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.clock.0, &other.clock.0)
    }
}

impl Eq for ClockFunction {}

impl Hash for ClockFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for ClockFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _inputs: &[DataType]) -> Result<DataType> {
        Ok(if self.date {
            DataType::Date32
        } else {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        })
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let micros = self.clock.0.load(Ordering::Relaxed);
        let value = if self.date {
            let days = i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok();
            ScalarValue::Date32(days)
        } else {
            ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()))
        };
        Ok(ColumnarValue::Scalar(value))
    }
}

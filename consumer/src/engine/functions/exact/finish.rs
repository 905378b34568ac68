//! Turns the sum and the count of a group into its result: rounds it, and reports a result that does not fit.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int64Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use datafusion_common::{DataFusionError, Result};
use datafusion_expr::function::AccumulatorArgs;
use datafusion_physical_expr_common::physical_expr::fmt_sql;

use super::Outcome;
use crate::engine::functions::arithmetic::as_written;
use crate::engine::functions::rounding::divide_half_up;

/// The way in which the sum and count of a group become its result.
#[derive(Clone, Debug)]
pub(super) struct Finish {
    outcome: Outcome,
    /// The text of the call, for errors.
    call: String,
    input: DataType,
    output: DataType,
}

impl Finish {
    pub(super) fn new(outcome: Outcome, args: &AccumulatorArgs) -> Self {
        Self {
            outcome,
            call: call(outcome, args),
            input: args.expr_fields[0].data_type().clone(),
            output: args.return_field.data_type().clone(),
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub(super) fn input(&self) -> &DataType {
        &self.input
    }

    /// Returns the results of groups with these sums and counts. The result is NULL if the count is 0.
    pub(super) fn results(&self, sums: Vec<i128>, counts: &[i64]) -> Result<ArrayRef> {
        match &self.output {
            DataType::Int64 => self.integers(&sums, counts),
            DataType::Float64 => Ok(doubles(&sums, counts)),
            DataType::Decimal128(precision, scale) => {
                self.decimals(sums, counts, *precision, *scale)
            }
            other => Err(DataFusionError::Internal(format!(
                "{} cannot result in {other}",
                self.call
            ))),
        }
    }

    fn integers(&self, sums: &[i128], counts: &[i64]) -> Result<ArrayRef> {
        let sums = sums
            .iter()
            .map(|&sum| i64::try_from(sum).map_err(|_| self.overflow()))
            .collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(Int64Array::new(sums.into(), seen(counts))))
    }

    fn decimals(
        &self,
        mut results: Vec<i128>,
        counts: &[i64],
        precision: u8,
        scale: i8,
    ) -> Result<ArrayRef> {
        let limit = 10_u128.pow(precision.into());
        let factor = match (self.outcome, &self.input) {
            (Outcome::Average, DataType::Decimal128(_, from)) => {
                10_i128.pow(scale.abs_diff(*from).into())
            }
            _ => 1,
        };
        for (result, &count) in results.iter_mut().zip(counts) {
            if self.outcome == Outcome::Average && count > 0 {
                // The whole part is computed separately, because the sum times the factor may not fit even if the
                // average does.
                let count = i128::from(count);
                let whole = (*result / count).checked_mul(factor);
                let rest = divide_half_up(*result % count * factor, count);
                *result = whole
                    .zip(rest)
                    .and_then(|(whole, rest)| whole.checked_add(rest))
                    .ok_or_else(|| self.overflow())?;
            }
            if result.unsigned_abs() >= limit {
                return Err(self.overflow());
            }
        }
        let array = Decimal128Array::new(results.into(), seen(counts))
            .with_precision_and_scale(precision, scale)?;
        Ok(Arc::new(array))
    }

    /// Returns the error of a result that does not fit, with the name of the call. A wrapped total would look like any
    /// other.
    pub(super) fn overflow(&self) -> DataFusionError {
        DataFusionError::Execution(format!(
            "{} no longer fits its type {}: CAST its argument to a type with more digits \
             (DECIMAL(38, n) is the widest) or to DOUBLE",
            self.call, self.output
        ))
    }
}

/// Returns the call's text, such as `sum(amount * 1.1)`. The planner's name for it contains the table.
fn call(outcome: Outcome, args: &AccumulatorArgs) -> String {
    let function = match outcome {
        Outcome::Sum => "sum",
        Outcome::Average => "avg",
    };
    let distinct = if args.is_distinct { "DISTINCT " } else { "" };
    let argument = as_written(&args.exprs[0]).unwrap_or_else(|_| Arc::clone(&args.exprs[0]));
    format!("{function}({distinct}{})", fmt_sql(argument.as_ref()))
}

/// Marks the groups that have had no value as NULL.
pub(super) fn seen(counts: &[i64]) -> Option<NullBuffer> {
    counts
        .contains(&0)
        .then(|| counts.iter().map(|&count| count > 0).collect())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the average of integers is a DOUBLE: the exact sum is rounded here, once"
)]
fn doubles(sums: &[i128], counts: &[i64]) -> ArrayRef {
    let averages: Vec<f64> = sums
        .iter()
        .zip(counts)
        .map(|(&sum, &count)| sum as f64 / count as f64)
        .collect();
    Arc::new(Float64Array::new(averages.into(), seen(counts)))
}

//! `sum` and `avg` that are exact. For integers and decimals they add 128-bit integers, fail if the result does not fit
//! its type instead of wrapping around, and round an average half up, as Spark does.
//!
//! Both store the sum as DECIMAL(38, scale), whatever the result's type, so that an overflow depends only on the final
//! value and not on the order in which records came. All other types (floats, durations, intervals) are left to
//! DataFusion's functions of the same name.

mod accumulator;
mod distinct;
mod finish;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::Result;
use datafusion_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion_expr::utils::format_state_name;
use datafusion_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility,
};
use datafusion_functions_aggregate::{average::avg_udaf, sum::sum_udaf};

use self::accumulator::{ExactAccumulator, ExactGroups};
use self::distinct::DistinctExact;
use self::finish::Finish;

/// The digits of the widest decimal that is added exactly.
const SUM_PRECISION: u8 = 38;

/// Returns the exact `sum`.
pub fn sum() -> AggregateUDF {
    AggregateUDF::new_from_impl(Exact::new(Outcome::Sum))
}

/// Returns the exact `avg`, also called `mean`.
pub fn avg() -> AggregateUDF {
    AggregateUDF::new_from_impl(Exact::new(Outcome::Average)).with_aliases(["mean"])
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Outcome {
    Sum,
    Average,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    outcome: Outcome,
    signature: Signature,
}

impl Exact {
    fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    /// Returns DataFusion's function, for the types that are not computed here.
    fn inexact(&self) -> Arc<AggregateUDF> {
        match self.outcome {
            Outcome::Sum => sum_udaf(),
            Outcome::Average => avg_udaf(),
        }
    }
}

/// Returns whether values of this type are added as 128-bit integers.
fn is_exact(input: &DataType) -> bool {
    matches!(input, DataType::Int64 | DataType::Decimal128(_, _))
}

/// Returns the type in which a sum of such values is stored.
fn sum_type(input: &DataType) -> DataType {
    match input {
        DataType::Decimal128(_, scale) => DataType::Decimal128(SUM_PRECISION, *scale),
        _ => DataType::Decimal128(SUM_PRECISION, 0),
    }
}

impl AggregateUDFImpl for Exact {
    fn name(&self) -> &str {
        match self.outcome {
            Outcome::Sum => "sum",
            Outcome::Average => "avg",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, inputs: &[DataType]) -> Result<Vec<DataType>> {
        use DataType::{
            Decimal32, Decimal64, Decimal128, Float16, Float32, Int8, Int16, Int32, Int64, Null,
            UInt8, UInt16, UInt32, UInt64,
        };
        let [input] = inputs else {
            return datafusion_common::plan_err!("{} takes one argument", self.name());
        };
        Ok(vec![match input {
            Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | Null => Int64,
            UInt64 => Decimal128(20, 0),
            Float16 | Float32 => DataType::Float64,
            Decimal32(precision, scale) | Decimal64(precision, scale) => {
                Decimal128(*precision, *scale)
            }
            Decimal128(_, _)
            | DataType::Decimal256(_, _)
            | DataType::Float64
            | DataType::Duration(_)
            | DataType::Interval(_) => input.clone(),
            other => {
                return datafusion_common::plan_err!(
                    "{} takes numbers, not {other}; CAST the argument",
                    self.name()
                );
            }
        }])
    }

    fn return_type(&self, inputs: &[DataType]) -> Result<DataType> {
        match (self.outcome, &inputs[0]) {
            (Outcome::Average, DataType::Int64) => Ok(DataType::Float64),
            _ => self.inexact().return_type(inputs),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if !is_exact(args.expr_fields[0].data_type()) {
            return self.inexact().accumulator(args);
        }
        let finish = Finish::new(self.outcome, &args);
        Ok(if args.is_distinct {
            Box::new(DistinctExact::new(finish))
        } else {
            Box::new(ExactAccumulator::new(finish))
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let input = args.input_fields[0].data_type();
        if !is_exact(input) {
            return self.inexact().state_fields(args);
        }
        let sum = sum_type(input);
        let field = |name: &str, data_type, nullable| {
            Arc::new(Field::new(
                format_state_name(args.name, name),
                data_type,
                nullable,
            ))
        };
        Ok(if args.is_distinct {
            let values = DataType::List(Arc::new(Field::new_list_field(sum, true)));
            vec![field("distinct values", values, true)]
        } else {
            match self.outcome {
                Outcome::Sum => vec![field("sum", sum, true)],
                Outcome::Average => vec![
                    field("sum", sum, true),
                    field("count", DataType::Int64, true),
                ],
            }
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        if is_exact(args.expr_fields[0].data_type()) {
            !args.is_distinct
        } else {
            self.inexact().groups_accumulator_supported(args)
        }
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        if is_exact(args.expr_fields[0].data_type()) {
            Ok(Box::new(ExactGroups::new(Finish::new(self.outcome, &args))))
        } else {
            self.inexact().create_groups_accumulator(args)
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if is_exact(args.expr_fields[0].data_type()) && !args.is_distinct {
            return Ok(Box::new(ExactAccumulator::new(Finish::new(
                self.outcome,
                &args,
            ))));
        }
        self.inexact().create_sliding_accumulator(args)
    }
}

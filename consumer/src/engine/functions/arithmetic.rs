//! Arithmetic that is exact, or ends the query: `+`, `-` and `*` of whole numbers, and `/` of decimals.
//!
//! DataFusion's whole numbers wrap, and a wrapped product in a sum is a number like any other; here, as in Spark, what
//! does not fit its type is an error. Its quotients of decimals are cut off behind their last digit; here they are
//! rounded half up, as averages are, with as many digits. All other arithmetic of decimals is checked already. Floats have
//! no end, but several values that are no number, of which groups know one.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ArrowNativeTypeOp, AsArray, Decimal128Array};
use datafusion::arrow::compute::kernels::arity::try_binary;
use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::error::ArrowError;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::BinaryExpr as PhysicalBinaryExpr;
use datafusion::physical_expr_common::datum;
use datafusion::physical_expr_common::physical_expr::PhysicalExpr;
use datafusion::scalar::ScalarValue;

use super::nan::one_nan;
use super::rounding::divide_half_up;

/// The same plan with the arithmetic that is here. Its columns keep their names. It should have been optimized: the
/// optimizer knows nothing of these functions.
///
/// # Errors
/// If an expression has no type, which a plan of DataFusion's does not come to.
pub fn exact(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up(|node| {
        let columns = match node.inputs().as_slice() {
            [] => node.schema().as_ref().clone(),
            inputs => merge_schema(inputs),
        };
        let names = NamePreserver::new(&node);
        let groups = matches!(node, LogicalPlan::Aggregate(_));
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let expr = expr.transform_up(|expr| exact_operation(expr, &columns))?;
            let expr = expr.transform_data(|expr| match groups {
                true => exact_key(expr, &columns),
                false => Ok(Transformed::no(expr)),
            })?;
            Ok(expr.update_data(|expr| name.restore(expr)))
        })
    })?;
    Ok(plan.data)
}

fn exact_operation(expr: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    let (left, op, right) = match &expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => (Expr::clone(left), *op, right),
        // The least number has no opposite.
        Expr::Negative(number) => {
            let zero = ScalarValue::new_zero(&number.get_type(columns)?)?;
            (Expr::Literal(zero, None), Operator::Minus, number)
        }
        _ => return Ok(Transformed::no(expr)),
    };
    let types = [left.get_type(columns)?, right.get_type(columns)?];
    let name = match (op, &types) {
        (Operator::Plus, [left, right]) if are_whole(left, right) => "exact_add",
        (Operator::Minus, [left, right]) if are_whole(left, right) => "exact_subtract",
        (Operator::Multiply, [left, right]) if are_whole(left, right) => "exact_multiply",
        (Operator::Divide, [DataType::Decimal128(..), DataType::Decimal128(..)]) => "exact_divide",
        _ => return Ok(Transformed::no(expr)),
    };
    let function = Operation {
        op,
        name,
        result: expr.get_type(columns)?,
        signature: Signature::any(2, Volatility::Immutable),
    };
    let operands = vec![left, Expr::clone(right)];
    Ok(Transformed::yes(ScalarUDF::from(function).call(operands)))
}

/// What an aggregate groups by; the rest of its expressions are calls.
fn exact_key(expr: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    let is_key = match &expr {
        Expr::Alias(alias) => !matches!(*alias.expr, Expr::AggregateFunction(_)),
        Expr::AggregateFunction(_) | Expr::GroupingSet(_) => false,
        _ => true,
    };
    Ok(match is_key && expr.get_type(columns)?.is_floating() {
        true => Transformed::yes(one_nan(expr.unalias())),
        false => Transformed::no(expr),
    })
}

fn are_whole(left: &DataType, right: &DataType) -> bool {
    left.is_integer() && right.is_integer()
}

/// The expression as it was written, for messages.
///
/// # Errors
/// None that an expression of this module comes to.
pub fn as_written(expr: &Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
    let written = Arc::clone(expr).transform_up(|expr| {
        let operator = expr.downcast_ref::<ScalarFunctionExpr>().and_then(|call| {
            let op = call.fun().inner().downcast_ref::<Operation>()?.op;
            let [left, right] = call.args() else {
                return None;
            };
            Some(PhysicalBinaryExpr::new(
                Arc::clone(left),
                op,
                Arc::clone(right),
            ))
        });
        Ok(match operator {
            Some(operator) => Transformed::yes(Arc::new(operator) as _),
            None => Transformed::no(expr),
        })
    })?;
    Ok(written.data)
}

/// One of the four, as a function.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Operation {
    op: Operator,
    name: &'static str,
    result: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for Operation {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _operands: &[DataType]) -> Result<DataType> {
        Ok(self.result.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(
            self.name,
            self.result.clone(),
            nullable,
        )))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else {
            return Err(DataFusionError::Internal(format!("{} of two", self.name)));
        };
        let result = match (self.op, &self.result) {
            (Operator::Plus, _) => datum::apply(left, right, add),
            (Operator::Minus, _) => datum::apply(left, right, sub),
            (Operator::Multiply, _) => datum::apply(left, right, mul),
            (_, DataType::Decimal128(precision, scale)) => {
                let operands = ColumnarValue::values_to_arrays(&args.args)?;
                let (left, right) = (operands[0].as_primitive(), operands[1].as_primitive());
                quotients(left, right, *precision, *scale).map(ColumnarValue::Array)
            }
            (op, result) => {
                return Err(DataFusionError::Internal(format!("{op} to a {result}")));
            }
        };
        result.map_err(|error| self.overflow(error))
    }
}

/// Each of the one by each of the other, with so many digits behind the point.
fn quotients(
    dividends: &Decimal128Array,
    divisors: &Decimal128Array,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef> {
    let shift = i32::from(scale) - i32::from(dividends.scale()) + i32::from(divisors.scale());
    let power = 10_i128.pow_checked(shift.unsigned_abs())?;
    let (up, down) = if shift < 0 { (1, power) } else { (power, 1) };
    let quotients: Decimal128Array = try_binary(dividends, divisors, |dividend, divisor| {
        if divisor == 0 {
            return Err(ArrowError::DivideByZero);
        }
        let overflow = || ArrowError::ArithmeticOverflow("a quotient".to_owned());
        let (dividend, divisor) = (dividend.checked_mul(up), divisor.checked_mul(down));
        let (dividend, divisor) = dividend.zip(divisor).ok_or_else(overflow)?;
        divide_half_up(dividend, divisor).ok_or_else(overflow)
    })?;
    Ok(Arc::new(
        quotients.with_precision_and_scale(precision, scale)?,
    ))
}

impl Operation {
    /// What did not fit, and how to make room.
    fn overflow(&self, error: DataFusionError) -> DataFusionError {
        let DataFusionError::ArrowError(arrow, _) = &error else {
            return error;
        };
        let ArrowError::ArithmeticOverflow(text) = arrow.as_ref() else {
            return error;
        };
        // Of Arrow's "Overflow happened on: 70000 * 40000".
        let operation = text.rsplit(": ").next().unwrap_or(text);
        DataFusionError::Execution(format!(
            "{operation} does not fit its type {}: CAST one side to a type with more digits (BIGINT, or \
             DECIMAL(38, 0)) or to DOUBLE",
            self.result
        ))
    }
}

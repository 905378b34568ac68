//! Arithmetic that is exact, or ends the query: `+`, `-`, `*` and unary `-` of whole numbers, and that of decimals.
//!
//! DataFusion's whole numbers wrap, and a wrapped product in a sum is a number like any other; here, as in Spark, what
//! does not fit its type is an error. Its quotients of decimals are cut off behind their last digit; here they are
//! rounded half up, as averages are, with as many digits. Decimals of 38 digits are checked, too, against their digits
//! and not only against 128 bits. Floats have no end.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowNativeTypeOp, AsArray, Decimal128Array};
use arrow::compute::kernels::arity::try_binary;
use arrow::compute::kernels::numeric::{add, mul, sub};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Field, FieldRef};
use arrow::error::ArrowError;
use datafusion_common::DFSchema;
use datafusion_common::ScalarValue;
use datafusion_common::config::ConfigOptions;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DataFusionError, Result};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion_expr::utils::merge_schema;
use datafusion_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion_optimizer::AnalyzerRule;
use datafusion_physical_expr::ScalarFunctionExpr;
use datafusion_physical_expr::expressions::BinaryExpr as PhysicalBinaryExpr;
use datafusion_physical_expr_common::datum;
use datafusion_physical_expr_common::physical_expr::PhysicalExpr;

use super::rounding::divide_half_up;

/// Has a plan compute with what is here. Its columns keep their names. Rules that give operands a type of their own must
/// have run, and those that compute constants not yet.
#[derive(Debug)]
pub struct ExactArithmetic;

impl AnalyzerRule for ExactArithmetic {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|node| {
            let columns = columns_of(&node);
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                keeping_names(expr, &names, &mut |expr| {
                    expr.transform_up(|expr| exact_operation(expr, &columns))
                })
            })
        })?;
        Ok(plan.data)
    }

    fn name(&self) -> &str {
        "exact_arithmetic"
    }
}

/// One of a node's expressions rewritten, which keeps its name; of GROUPING SETS each key does.
pub(super) fn keeping_names(
    expr: Expr,
    names: &NamePreserver,
    rewrite: &mut dyn FnMut(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<Expr>> {
    if matches!(expr, Expr::GroupingSet(_)) {
        return expr.map_children(|key| keeping_names(key, names, rewrite));
    }
    let name = names.save(&expr);
    Ok(rewrite(expr)?.update_data(|expr| name.restore(expr)))
}

/// What the expressions of a node are about.
pub(super) fn columns_of(node: &LogicalPlan) -> DFSchema {
    match node.inputs().as_slice() {
        [] => node.schema().as_ref().clone(),
        inputs => merge_schema(inputs),
    }
}

fn exact_operation(expr: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    let (left, op, right) = match &expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => (Expr::clone(left), *op, right),
        // The least number has no opposite; that of a decimal has as many digits.
        Expr::Negative(number) if type_of(number, columns)?.is_integer() => {
            let zero = ScalarValue::new_zero(&type_of(number, columns)?)?;
            (Expr::Literal(zero, None), Operator::Minus, number)
        }
        _ => return Ok(Transformed::no(expr)),
    };
    let of = [type_of(&left, columns)?, type_of(right, columns)?];
    let result = BinaryTypeCoercer::new(&of[0], &op, &of[1]).get_result_type()?;
    let is_inexact = match (op, &of, &result) {
        (Operator::Plus | Operator::Minus | Operator::Multiply, [left, right], result) => {
            let are_whole = left.is_integer() && right.is_integer();
            // With fewer digits the result has room for all that its operands may come to.
            are_whole || matches!(result, DataType::Decimal128(DECIMAL128_MAX_PRECISION, _))
        }
        (Operator::Divide, [DataType::Decimal128(..), DataType::Decimal128(..)], _) => true,
        _ => false,
    };
    if !is_inexact {
        return Ok(Transformed::no(expr));
    }
    let function = Operation {
        op,
        name: match op {
            Operator::Plus => "exact_add",
            Operator::Minus => "exact_subtract",
            Operator::Multiply => "exact_multiply",
            _ => "exact_divide",
        },
        result,
        signature: Signature::any(2, Volatility::Immutable),
    };
    let operands = vec![left, Expr::clone(right)];
    Ok(Transformed::yes(ScalarUDF::from(function).call(operands)))
}

/// Its type, which of an operation of ours is known: to ask DataFusion takes a time that grows with what is in it, and in
/// a row of operators each is in the next.
fn type_of(expr: &Expr, columns: &DFSchema) -> Result<DataType> {
    if let Expr::ScalarFunction(call) = expr
        && let Some(operation) = call.func.inner().downcast_ref::<Operation>()
    {
        return Ok(operation.result.clone());
    }
    expr.get_type(columns)
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
            (Operator::Plus, of) => datum::apply(left, right, |l, r| fitting(add(l, r)?, of)),
            (Operator::Minus, of) => datum::apply(left, right, |l, r| fitting(sub(l, r)?, of)),
            (Operator::Multiply, of) => datum::apply(left, right, |l, r| fitting(mul(l, r)?, of)),
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

/// `results`, unless they are decimals of more digits than their type has; 128 bits hold some of these.
fn fitting(results: ArrayRef, of: &DataType) -> Result<ArrayRef, ArrowError> {
    if let DataType::Decimal128(precision, _) = of
        && let Some(decimals) = results.as_primitive_opt::<Decimal128Type>()
    {
        let fits = decimals.validate_decimal_precision(*precision);
        fits.map_err(|_| ArrowError::ArithmeticOverflow("a decimal".to_owned()))?;
    }
    Ok(results)
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
        let wider = match self.result {
            DataType::Decimal128(..) => "fewer digits behind the point, or to DOUBLE",
            DataType::Int64 | DataType::UInt64 => "DECIMAL(38, 0) or DOUBLE",
            _ => "BIGINT, DECIMAL(38, 0) or DOUBLE",
        };
        DataFusionError::Execution(format!(
            "{operation} does not fit its type {}: CAST one side to {wider}",
            self.result
        ))
    }
}

//! Arithmetic that is exact or ends the query: `+`, `-`, `*` and unary `-` of whole numbers, and all operations of
//! decimals.
//!
//! DataFusion's whole numbers wrap around, and a wrapped product in a sum looks like any other number. Here, as in
//! Spark, a result that does not fit its type is an error. DataFusion cuts quotients of decimals off after their last
//! digit; here they are rounded half up, as averages are. Decimals of 38 digits are checked against their digits and
//! not only against 128 bits. Results have as many digits after the point as in Spark. Floats are left as they are.

mod decimals;
mod digits;
mod planning;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Datum};
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

use self::decimals::Operands;
use self::digits::Digits;

pub use self::planning::DecimalPlanner;

/// Makes a plan compute by these functions. The plan's columns keep their names. This rule must run after the rules
/// that give operands the same type, and before the rules that compute constants.
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

/// Rewrites an expression of a node, which keeps its name. In GROUPING SETS each key keeps its name.
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

/// Returns the columns that the expressions of a node can read.
pub(super) fn columns_of(node: &LogicalPlan) -> DFSchema {
    match node.inputs().as_slice() {
        [] => node.schema().as_ref().clone(),
        inputs => merge_schema(inputs),
    }
}

fn exact_operation(expr: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    let (left, op, right) = match &expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => (Expr::clone(left), *op, right),
        // The least whole number has no opposite. A decimal's opposite always has as many digits as the decimal.
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
            // A result of fewer digits has room for every result of its operands.
            are_whole || matches!(result, DataType::Decimal128(DECIMAL128_MAX_PRECISION, _))
        }
        (Operator::Divide, [DataType::Decimal128(..), DataType::Decimal128(..)], _) => true,
        (Operator::Modulo, [left, right], _) => needs_more_digits(left, right),
        _ => false,
    };
    if !is_inexact {
        return Ok(Transformed::no(expr));
    }
    let function = operation(
        op,
        match op {
            Operator::Plus => "exact_add",
            Operator::Minus => "exact_subtract",
            Operator::Multiply => "exact_multiply",
            Operator::Divide => "exact_divide",
            _ => "exact_remainder",
        },
        result,
    );
    let operands = vec![left, Expr::clone(right)];
    Ok(Transformed::yes(function.call(operands)))
}

/// Returns whether one of two decimals may have too many digits once it has as many digits after its point as the
/// other.
fn needs_more_digits(left: &DataType, right: &DataType) -> bool {
    let digits = Digits::of(left).zip(Digits::of(right));
    digits.is_some_and(|(left, right)| {
        let behind = left.behind.max(right.behind);
        let most = i16::from(DECIMAL128_MAX_PRECISION);
        [left, right]
            .iter()
            .any(|operand| operand.all + behind - operand.behind > most)
    })
}

/// Returns the function for an operation on two decimals whose result has Spark's digits. The names are in the
/// identities of queries, and distinguish these results from those of earlier versions.
fn decimal_operation(op: Operator, result: DataType) -> ScalarUDF {
    let name = match op {
        Operator::Plus => "decimal_add",
        Operator::Minus => "decimal_subtract",
        Operator::Multiply => "decimal_multiply",
        Operator::Divide => "decimal_divide",
        _ => "decimal_remainder",
    };
    operation(op, name, result)
}

fn operation(op: Operator, name: &'static str, result: DataType) -> ScalarUDF {
    ScalarUDF::from(Operation {
        op,
        name,
        result,
        signature: Signature::any(2, Volatility::Immutable),
    })
}

/// Returns the type of an expression. The type of one of our operations is stored with it. DataFusion would derive the
/// type from everything inside the expression, and do so again for each operator of a chain.
pub(super) fn type_of(expr: &Expr, columns: &DFSchema) -> Result<DataType> {
    if let Expr::ScalarFunction(call) = expr
        && let Some(operation) = call.func.inner().downcast_ref::<Operation>()
    {
        return Ok(operation.result.clone());
    }
    expr.get_type(columns)
}

/// Returns the expression as it was written, for messages.
///
/// # Errors
/// Fails for no expression of this module.
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

/// One of the five operations, as a function.
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

    /// Returns the operation as the query writes it: `a + b`.
    fn schema_name(&self, operands: &[Expr]) -> Result<String> {
        let [left, right] = operands else {
            return Ok(self.name.to_owned());
        };
        Ok(format!(
            "{} {} {}",
            left.schema_name(),
            self.op,
            right.schema_name()
        ))
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
            (op, DataType::Decimal128(precision, scale)) => {
                datum::apply(left, right, |l, r| decimals(op, l, r, *precision, *scale))
            }
            (Operator::Plus, _) => datum::apply(left, right, |l, r| add(l, r)),
            (Operator::Minus, _) => datum::apply(left, right, |l, r| sub(l, r)),
            (Operator::Multiply, _) => datum::apply(left, right, |l, r| mul(l, r)),
            (op, result) => {
                return Err(DataFusionError::Internal(format!("{op} to a {result}")));
            }
        };
        result.map_err(|error| self.overflow(error))
    }
}

fn decimals(
    op: Operator,
    left: &dyn Datum,
    right: &dyn Datum,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef, ArrowError> {
    let ((left, is_left_one), (right, is_right_one)) = (left.get(), right.get());
    let operand = |side: &dyn Array| side.as_primitive_opt::<Decimal128Type>().cloned();
    let (Some(left), Some(right)) = (operand(left), operand(right)) else {
        return Err(ArrowError::ComputeError(format!("{op} of decimals")));
    };
    let operands = Operands::new(op, [left.scale(), right.scale()], precision, scale);
    let results = operands.apply((&left, is_left_one), (&right, is_right_one))?;
    Ok(Arc::new(results))
}

impl Operation {
    /// Returns the error that names what did not fit and how to make room for it.
    fn overflow(&self, error: DataFusionError) -> DataFusionError {
        let DataFusionError::ArrowError(arrow, _) = &error else {
            return error;
        };
        let ArrowError::ArithmeticOverflow(text) = arrow.as_ref() else {
            return error;
        };
        // Arrow's text is "Overflow happened on: 70000 * 40000".
        let operation = text.rsplit(": ").next().unwrap_or(text);
        let wider = match self.result {
            DataType::Decimal128(..) => {
                "a DECIMAL with fewer digits behind the point, or to DOUBLE"
            }
            DataType::Int64 | DataType::UInt64 => "DECIMAL(38, 0) or DOUBLE",
            _ => "BIGINT, DECIMAL(38, 0) or DOUBLE",
        };
        DataFusionError::Execution(format!(
            "{operation} does not fit its type {}: CAST one side to {wider}",
            self.result
        ))
    }
}

//! Plans operations on decimals so that the types of their results are Spark's.
//!
//! DataFusion gives a quotient four digits after the point more than its dividend has, and a product the digits of both
//! factors, until there is no room left before the point. If Spark gives a result as many digits after the point as
//! DataFusion does, the operation is left to DataFusion.

use arrow::datatypes::DataType;
use datafusion_common::{DFSchema, Result, ScalarValue};
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion_expr::{BinaryExpr, Cast, Expr, ExprSchemable, Operator};
use sqlparser::ast::BinaryOperator;

use super::digits::{Digits, of_result};
use super::{Operation, decimal_operation};

/// Plans the operations whose results would otherwise have another type than in Spark.
#[derive(Debug)]
pub struct DecimalPlanner;

impl ExprPlanner for DecimalPlanner {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let op = match expr.op {
            BinaryOperator::Plus => Operator::Plus,
            BinaryOperator::Minus => Operator::Minus,
            BinaryOperator::Multiply => Operator::Multiply,
            BinaryOperator::Divide => Operator::Divide,
            BinaryOperator::Modulo => Operator::Modulo,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let operands = (kind(&expr.left, schema), kind(&expr.right, schema));
        let (Some(left), Some(right)) = operands else {
            return Ok(PlannerResult::Original(expr));
        };
        let is_decimal = left.is_decimal || right.is_decimal;
        let result = of_result(left.sparks, op, right.sparks).filter(|_| is_decimal);
        match result {
            Some(result) if behind_elsewhere(left, op, right) != result.behind => {
                let operands = [decimal(expr.left, left), decimal(expr.right, right)];
                let operation = decimal_operation(op, result.data_type());
                Ok(PlannerResult::Planned(operation.call(operands.into())))
            }
            _ => Ok(PlannerResult::Original(expr)),
        }
    }
}

/// The kind of an operand: a decimal, or a whole number beside a decimal.
#[derive(Clone, Copy)]
struct OperandKind {
    is_decimal: bool,
    /// The digits that the operand has in Spark, which counts the digits of a whole number that is written in the
    /// query.
    sparks: Digits,
    /// The digits of the operand's type here.
    ours: Digits,
}

/// Returns the kind of an operand, or `None` if it is neither a decimal nor a whole number.
fn kind(expr: &Expr, schema: &DFSchema) -> Option<OperandKind> {
    let known = |ours: Digits, is_decimal| OperandKind {
        is_decimal,
        sparks: ours,
        ours,
    };
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(number)), _) => {
            let digits = number.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
            let sparks = Digits::new(i16::try_from(digits).ok()?, 0);
            Some(OperandKind {
                is_decimal: false,
                sparks,
                ours: Digits::new(20, 0),
            })
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (left, right) = (kind(left, schema)?, kind(right, schema)?);
            if !left.is_decimal && !right.is_decimal {
                let whole = Digits::of_whole(&expr.get_type(schema).ok()?)?;
                return Some(known(whole, false));
            }
            let behind = behind_elsewhere(left, *op, right);
            let ours = of_result(left.ours, *op, right.ours)?;
            let sparks = of_result(left.sparks, *op, right.sparks)?;
            Some(OperandKind {
                is_decimal: true,
                sparks,
                ours: Digits::new(ours.all, behind),
            })
        }
        Expr::ScalarFunction(call) => {
            let operation = call.func.inner().downcast_ref::<Operation>();
            match operation {
                Some(operation) => of_type(&operation.result),
                None => of_type(&expr.get_type(schema).ok()?),
            }
        }
        _ => of_type(&expr.get_type(schema).ok()?),
    }
}

fn of_type(data_type: &DataType) -> Option<OperandKind> {
    let (digits, is_decimal) = match Digits::of(data_type) {
        Some(digits) => (digits, true),
        None => (Digits::of_whole(data_type)?, false),
    };
    Some(OperandKind {
        is_decimal,
        sparks: digits,
        ours: digits,
    })
}

/// Returns the number of digits after the point that DataFusion's result would have.
fn behind_elsewhere(left: OperandKind, op: Operator, right: OperandKind) -> i16 {
    match op {
        Operator::Multiply => left.ours.behind + right.ours.behind,
        Operator::Divide => left.ours.behind + 4,
        _ => left.ours.behind.max(right.ours.behind),
    }
}

/// Returns the operand as a decimal.
fn decimal(expr: Expr, kind: OperandKind) -> Expr {
    if kind.is_decimal {
        return expr;
    }
    let digits = kind.sparks;
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(number)), metadata) => {
            let all = u8::try_from(digits.all).unwrap_or(20);
            Expr::Literal(
                ScalarValue::Decimal128(Some(number.into()), all, 0),
                metadata,
            )
        }
        other => Expr::Cast(Cast::new(Box::new(other), digits.data_type())),
    }
}

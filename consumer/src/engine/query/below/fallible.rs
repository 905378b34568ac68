//! Decides which expressions may fail on a record.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::Operator;
use datafusion_physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, Literal, NotExpr,
};
use datafusion_physical_expr::{PhysicalExpr, ScalarFunctionExpr};

/// Returns whether `expr` may fail on a record of `columns`. It cannot fail if all its parts are known here to have a
/// value for every record.
pub(in crate::engine::query) fn can_fail(expr: &Arc<dyn PhysicalExpr>, columns: &Schema) -> bool {
    let mut fails = false;
    // Visiting cannot fail, since the visitor does not.
    let _ = expr.apply(|part| {
        fails |= !has_always_a_value(part, columns);
        Ok(match fails {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    });
    fails
}

/// Returns whether `expr` has a value for every record for which its operands have values.
fn has_always_a_value(expr: &Arc<dyn PhysicalExpr>, columns: &Schema) -> bool {
    if let Some(operation) = expr.downcast_ref::<BinaryExpr>() {
        return matches!(
            operation.op(),
            Operator::Eq
                | Operator::NotEq
                | Operator::Lt
                | Operator::LtEq
                | Operator::Gt
                | Operator::GtEq
                | Operator::And
                | Operator::Or
                | Operator::IsDistinctFrom
                | Operator::IsNotDistinctFrom
        );
    }
    if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() {
        return matches!(call.name(), "get_field" | "one_nan");
    }
    if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        let from = cast.expr().data_type(columns);
        return from.is_ok_and(|from| is_wider(cast.cast_type(), &from));
    }
    expr.is::<Column>()
        || expr.is::<Literal>()
        || expr.is::<IsNullExpr>()
        || expr.is::<IsNotNullExpr>()
        || expr.is::<NotExpr>()
        || expr.is::<CaseExpr>()
        || expr.is::<InListExpr>()
}

/// Returns whether every value of `from` has a value in `to`.
fn is_wider(to: &DataType, from: &DataType) -> bool {
    use DataType::{Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Utf8, Utf8View};
    match (from, to) {
        (from, to) if from == to => true,
        (Int8, Int16 | Int32 | Int64 | Float32 | Float64)
        | (Int16, Int32 | Int64 | Float32 | Float64)
        | (Int32, Int64 | Float32 | Float64)
        | (Int64, Float32 | Float64)
        | (Float32 | Decimal128(..), Float64)
        | (Utf8, Utf8View)
        | (Utf8View, Utf8) => true,
        (Decimal128(precision, scale), Decimal128(wider, longer)) => {
            let before = |precision: &u8, scale: &i8| i16::from(*precision) - i16::from(*scale);
            longer >= scale && before(wider, longer) >= before(precision, scale)
        }
        (Int8 | Int16 | Int32 | Int64, Decimal128(precision, scale)) => {
            let digits = match from {
                Int8 => 3,
                Int16 => 5,
                Int32 => 10,
                _ => 19,
            };
            i16::from(*precision) - i16::from(*scale) >= digits && *scale >= 0
        }
        _ => false,
    }
}

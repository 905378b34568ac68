//! Puts all NaNs of a key into one group, as Spark does.
//!
//! A NaN has a sign and a payload, which depend on the operation that made it, and DataFusion groups by them.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, FieldRef, Float32Type, Float64Type};
use datafusion_common::DFSchema;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DataFusionError, Result};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::arithmetic::{columns_of, keeping_names};

/// Returns the same plan with only one NaN in the keys of its aggregate. The plan should have been optimized, because
/// the optimizer makes some aggregates.
///
/// # Errors
/// Fails if a key has no type, which no plan of DataFusion has.
pub fn one_nan(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up(|node| {
        if !matches!(node, LogicalPlan::Aggregate(_)) {
            return Ok(Transformed::no(node));
        }
        let columns = columns_of(&node);
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| keeping_names(expr, &names, &mut |expr| key(expr, &columns)))
    })?;
    Ok(plan.data)
}

/// Rewrites an expression that is a key of an aggregate. The aggregate's other expressions are calls.
fn key(expr: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    let is_key = match &expr {
        Expr::Alias(alias) => !matches!(*alias.expr, Expr::AggregateFunction(_)),
        Expr::AggregateFunction(_) => false,
        _ => true,
    };
    if !is_key || !expr.get_type(columns)?.is_floating() {
        return Ok(Transformed::no(expr));
    }
    let function = OneNan {
        signature: Signature::any(1, Volatility::Immutable),
    };
    let one = ScalarUDF::from(function).call(vec![expr.unalias()]);
    Ok(Transformed::yes(one))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OneNan {
    signature: Signature,
}

impl ScalarUDFImpl for OneNan {
    fn name(&self) -> &str {
        "one_nan"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let of = &args.arg_fields[0];
        let field = Field::new(self.name(), of.data_type().clone(), of.is_nullable());
        Ok(Arc::new(field))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let keys = ColumnarValue::values_to_arrays(&args.args)?;
        let keys = keys
            .first()
            .ok_or_else(|| DataFusionError::Internal("one_nan of nothing".to_owned()))?;
        let floats = keys.as_primitive_opt::<Float64Type>();
        let narrow = keys.as_primitive_opt::<Float32Type>();
        Ok(ColumnarValue::Array(match (floats, narrow) {
            (Some(keys), _) => Arc::new(keys.unary::<_, Float64Type>(|key| one(key, f64::NAN))),
            (_, Some(keys)) => Arc::new(keys.unary::<_, Float32Type>(|key| one(key, f32::NAN))),
            (None, None) => Arc::clone(keys),
        }))
    }
}

#[expect(clippy::eq_op, reason = "only what is no number differs from itself")]
fn one<T: PartialEq + Copy>(key: T, nan: T) -> T {
    if key == key { key } else { nan }
}

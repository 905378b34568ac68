//! Makes a plan compare floats with decimals as floats, as Spark does.
//!
//! A number such as `0.5` in a query is a decimal. DataFusion would turn each float that is compared with it into a
//! decimal of 15 digits after the point. NaN, Infinity and numbers of more than 15 digits before the point have no such
//! decimal, and one of them would end the query; numbers that differ after the 15th digit would be equal.

use arrow::datatypes::DataType;
use datafusion_common::config::ConfigOptions;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, Result};
use datafusion_expr::expr::InList;
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::{Between, BinaryExpr, Case, Cast, Expr, ExprSchemable, LogicalPlan};
use datafusion_optimizer::AnalyzerRule;

use super::arithmetic::{columns_of, keeping_names};

/// The functions whose arguments all get one type, which is also the type of the result.
const OF_ONE_TYPE: [&str; 4] = ["coalesce", "greatest", "least", "nullif"];

/// Makes a plan turn decimals into floats where both meet. The plan's columns keep their names. This rule must run
/// before the rules that give operands the same type.
#[derive(Debug)]
pub struct FloatsBesideDecimals;

impl AnalyzerRule for FloatsBesideDecimals {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|node| {
            let columns = columns_of(&node);
            let names = NamePreserver::new(&node);
            let node = node.map_expressions(|expr| {
                keeping_names(expr, &names, &mut |expr| {
                    expr.transform_up(|expr| as_floats(expr, &columns))
                })
            })?;
            // The inputs may have other types now, too.
            node.map_data(LogicalPlan::recompute_schema)
        })?;
        Ok(plan.data)
    }

    fn name(&self) -> &str {
        "floats_beside_decimals"
    }
}

fn as_floats(mut expr: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    let mut are_changed = false;
    for mut operands in groups_of(&mut expr) {
        are_changed |= make_floats(&mut operands, columns);
    }
    Ok(match are_changed {
        true => Transformed::yes(expr),
        false => Transformed::no(expr),
    })
}

/// Casts the decimals among operands of one type to floats if one of the operands is a float. Returns whether there are
/// both.
fn make_floats(operands: &mut [&mut Expr], columns: &DFSchema) -> bool {
    let is_some = |is_it: fn(&DataType) -> bool, operands: &[&mut Expr]| {
        let mut types = operands.iter().map(|operand| operand.get_type(columns));
        types.any(|found| found.is_ok_and(|found| is_it(&found)))
    };
    if !is_some(DataType::is_floating, operands) || !is_some(DataType::is_decimal, operands) {
        return false;
    }
    for operand in operands {
        if operand
            .get_type(columns)
            .is_ok_and(|found| found.is_decimal())
        {
            let decimal = Box::new(std::mem::take(*operand));
            **operand = Expr::Cast(Cast::new(decimal, DataType::Float64));
        }
    }
    true
}

/// Returns the parts of an expression that get one type, group by group.
fn groups_of(expr: &mut Expr) -> Vec<Vec<&mut Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.supports_propagation() => {
            vec![vec![left, right]]
        }
        Expr::Between(Between {
            expr, low, high, ..
        }) => vec![vec![expr, low, high]],
        Expr::InList(InList { expr, list, .. }) => {
            vec![std::iter::once(&mut **expr).chain(list).collect()]
        }
        Expr::Case(Case {
            expr: compared,
            when_then_expr,
            else_expr,
        }) => {
            let pairs = when_then_expr.iter_mut();
            let (whens, mut results): (Vec<&mut Expr>, Vec<&mut Expr>) =
                pairs.map(|(when, then)| (&mut **when, &mut **then)).unzip();
            results.extend(else_expr.as_deref_mut());
            let compared = compared.as_deref_mut();
            let conditions = compared.map(|of| std::iter::once(of).chain(whens).collect());
            conditions.into_iter().chain([results]).collect()
        }
        Expr::ScalarFunction(call) if OF_ONE_TYPE.contains(&call.func.name()) => {
            vec![call.args.iter_mut().collect()]
        }
        _ => Vec::new(),
    }
}

//! Makes a plan convert times and bytes by the functions of this folder: without nanoseconds, and without text that is
//! not UTF-8.

use datafusion_common::Result;
use datafusion_common::config::ConfigOptions;
use datafusion_common::tree_node::TreeNode;
use datafusion_expr::LogicalPlan;
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_optimizer::AnalyzerRule;

use super::arithmetic::{columns_of, keeping_names};
use super::{text, timestamps, whole};

/// The plan's columns keep their names. This rule must run after the rules that give operands the same type, since it
/// looks at the casts that they add, and before the rules that compute constants.
#[derive(Debug)]
pub struct Casts;

impl AnalyzerRule for Casts {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|node| {
            let columns = columns_of(&node);
            let names = NamePreserver::new(&node);
            let node = node.map_expressions(|expr| {
                keeping_names(expr, &names, &mut |expr| {
                    expr.transform_up(|expr| {
                        timestamps::without_nanos(expr, &columns)?
                            .transform_data(|expr| text::of_bytes(expr, &columns))?
                            .transform_data(|expr| whole::named(expr, &columns))
                    })
                })
            })?;
            // The inputs may have other types now, too.
            node.map_data(LogicalPlan::recompute_schema)
        })?;
        Ok(plan.data)
    }

    fn name(&self) -> &str {
        "casts"
    }
}

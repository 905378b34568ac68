//! Has a plan convert times and bytes with what is here: no nanoseconds, and no text that is not UTF-8.

use datafusion_common::Result;
use datafusion_common::config::ConfigOptions;
use datafusion_common::tree_node::TreeNode;
use datafusion_expr::LogicalPlan;
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_optimizer::AnalyzerRule;

use super::arithmetic::{columns_of, keeping_names};
use super::{text, timestamps, whole};

/// Its columns keep their names. Rules that give operands a type of their own must have run, since their casts are
/// what is looked at, and those that compute constants not yet.
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
            // What is below may have other types now, too.
            node.map_data(LogicalPlan::recompute_schema)
        })?;
        Ok(plan.data)
    }

    fn name(&self) -> &str {
        "casts"
    }
}

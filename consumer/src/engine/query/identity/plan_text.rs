//! Writes a plan as a text that distinguishes it from any other plan.

use std::fmt::Write;
use std::sync::Arc;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_physical_expr::expressions::Literal;
use datafusion_physical_expr_common::physical_expr::PhysicalExpr;
use datafusion_physical_plan::{ExecutionPlan, displayable};

/// Returns the plan as DataFusion shows it, followed by each of its expressions with its literals on a line of its own.
///
/// DataFusion's text is for people and not exact: it shows an aggregate's call by the name of its column, which leaves
/// out every CAST in it, and it shows strings without quotes.
pub(in crate::engine::query) fn of_plan(plan: &Arc<dyn ExecutionPlan>) -> String {
    let mut text = displayable(plan.as_ref()).indent(false).to_string();
    // Visiting and writing cannot fail, since neither the visitors nor a String do.
    let _ = plan.apply(|node| {
        node.apply_expressions(&mut |expr| {
            let literals = literals_of(expr);
            let _ = write!(text, "exactly: {expr}");
            if !literals.is_empty() {
                let _ = write!(text, " of {}", literals.join(", "));
            }
            text.push('\n');
            Ok(TreeNodeRecursion::Continue)
        })
    });
    text
}

/// Returns the literals of an expression, each with its type, and strings in quotes.
fn literals_of(expr: &Arc<dyn PhysicalExpr>) -> Vec<String> {
    let mut literals = Vec::new();
    let _ = expr.apply(|part| {
        if let Some(literal) = part.downcast_ref::<Literal>() {
            literals.push(format!("{:?}", literal.value()));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    literals
}

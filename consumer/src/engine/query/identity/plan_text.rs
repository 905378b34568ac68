//! A plan as text that tells it apart from any other.

use std::fmt::Write;
use std::sync::Arc;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_physical_expr::expressions::Literal;
use datafusion_physical_expr_common::physical_expr::PhysicalExpr;
use datafusion_physical_plan::{ExecutionPlan, displayable};

/// The plan as DataFusion shows it, and behind that each of its expressions with its literals, in a line of its own.
///
/// What DataFusion shows is for people: a call of an aggregate has the name of its column, which leaves out every CAST
/// in it, and a text has no quotes.
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

/// Each with its type, and a text in quotes.
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

//! Which whole numbers of a result are quantities, and which are names: 1,234 transactions, but the year
//! 2026 and customer 48151623.
//!
//! What `count` or `sum` has made, and what is computed from that, is a quantity. What a record holds,
//! whether it groups, stands in a row, or is the largest of all, may be a year or an id: it is shown as
//! it stands there. Decimals with digits behind the point and floats are quantities anyway.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::expr::WindowFunctionDefinition;
use datafusion_expr::{Distinct, Expr, LogicalPlan};

/// The mark on a column of a result, in its field's metadata.
const AS_IT_STANDS: &str = "cardstream.as_it_stands";

/// Aggregates and window functions whose result is one of the values that went in, or like one.
const CHOOSING: &[&str] = &[
    "any_value",
    "approx_median",
    "approx_percentile_cont",
    "approx_percentile_cont_with_weight",
    "bit_and",
    "bit_or",
    "bit_xor",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "max",
    "median",
    "min",
    "nth_value",
    "percentile_cont",
];

/// Whether the numbers of this column are shown without separators.
pub fn as_it_stands(column: &Field) -> bool {
    column.metadata().contains_key(AS_IT_STANDS)
}

/// `schema`, the columns of `plan`, with a mark on the whole numbers that are no quantities.
pub fn marked(schema: &SchemaRef, plan: &LogicalPlan) -> SchemaRef {
    let fields = schema.fields().iter().enumerate().map(|(i, field)| {
        if is_whole(field.data_type()) && !is_quantity(plan, i) {
            let mark = HashMap::from([(AS_IT_STANDS.to_owned(), String::new())]);
            Arc::new(field.as_ref().clone().with_metadata(mark))
        } else {
            Arc::clone(field)
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn is_whole(kind: &DataType) -> bool {
    match kind {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => *scale <= 0,
        DataType::Dictionary(_, value) => is_whole(value),
        kind => kind.is_integer(),
    }
}

/// Whether column `i` of `plan` is one.
fn is_quantity(plan: &LogicalPlan, i: usize) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => is_made(&projection.expr[i], &projection.input),
        LogicalPlan::Aggregate(aggregate) => {
            let keys = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
            i >= keys && is_made(&aggregate.aggr_expr[i - keys], &aggregate.input)
        }
        LogicalPlan::Window(window) => {
            let below = window.input.schema().fields().len();
            match i.checked_sub(below) {
                Some(i) => is_made(&window.window_expr[i], &window.input),
                None => is_quantity(&window.input, i),
            }
        }
        LogicalPlan::Filter(filter) => is_quantity(&filter.input, i),
        LogicalPlan::Sort(sort) => is_quantity(&sort.input, i),
        LogicalPlan::Limit(limit) => is_quantity(&limit.input, i),
        LogicalPlan::SubqueryAlias(alias) => is_quantity(&alias.input, i),
        LogicalPlan::Distinct(Distinct::All(input)) => is_quantity(input, i),
        _ => false,
    }
}

/// Whether `expr` over `input` is one: something in it is.
fn is_made(expr: &Expr, input: &LogicalPlan) -> bool {
    let mut made = false;
    // Visiting cannot fail, since the visitor does not.
    let _ = expr.apply(|part| {
        let function = match part {
            Expr::AggregateFunction(call) => call.func.name(),
            Expr::WindowFunction(call) => match &call.fun {
                WindowFunctionDefinition::AggregateUDF(function) => function.name(),
                WindowFunctionDefinition::WindowUDF(function) => function.name(),
            },
            Expr::Column(column) => {
                let index = input.schema().maybe_index_of_column(column);
                made |= index.is_some_and(|i| is_quantity(input, i));
                return Ok(TreeNodeRecursion::Continue);
            }
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        made |= !CHOOSING.contains(&function);
        Ok(TreeNodeRecursion::Continue)
    });
    made
}

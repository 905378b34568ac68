//! Decides which whole numbers of a result are quantities, such as 1,234 transactions, and which are names, such as the
//! year 2026 and customer 48151623.
//!
//! A result of `count` or `sum`, and a number computed from it, is a quantity. A number from a record may be a year or
//! an id, whether it is a group's key, a value of a row, or the largest of all values, so it is shown as it stands in
//! the record. Decimals with digits after the point and floats are always quantities.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::expr::WindowFunctionDefinition;
use datafusion_expr::{Distinct, Expr, LogicalPlan};

/// The mark in the metadata of a result's field, if its numbers are not quantities.
const AS_IT_STANDS: &str = "cardstream.as_it_stands";

/// The aggregates and window functions whose result is one of their input values, or resembles one.
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

/// Returns whether the numbers of this column are shown without separators.
pub fn as_it_stands(column: &Field) -> bool {
    column.metadata().contains_key(AS_IT_STANDS)
}

/// Returns `schema`, which has the columns of `plan`, with a mark on the whole numbers that are not quantities.
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

/// Returns whether column `i` of `plan` is a quantity.
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

/// Returns whether `expr` over `input` is a quantity, which it is if a part of it is one.
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

//! Where a physical plan is cut, and what becomes of its aggregate.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Fields, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};

use super::{AggregatePlan, Plan, QueryError};
use crate::engine::feed::FeedExec;
use crate::engine::refusal::Refusal;

/// The columns of the table that `plan` reads.
pub(super) fn columns_read(plan: &Arc<dyn ExecutionPlan>) -> Result<Vec<usize>, QueryError> {
    let mut columns = None;
    plan.apply(|node| {
        if let Some(feed) = node.downcast_ref::<FeedExec>() {
            columns = Some(feed.columns().to_vec());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    columns.ok_or(QueryError::Refused(Refusal::ReadsNothing))
}

/// Checks that what is above the aggregate looks at one group at a time.
pub(super) fn check_group_by_group(above: &Arc<dyn ExecutionPlan>) -> Result<(), Refusal> {
    if above.fetch().is_some() {
        return Err(Refusal::NeedsAllGroups("LIMIT"));
    }
    let what = match above.name() {
        "FeedExec" | "FilterExec" | "ProjectionExec" | "UnnestExec" => None,
        "SortExec" => Some("ORDER BY"),
        "GlobalLimitExec" | "LocalLimitExec" => Some("LIMIT"),
        "BoundedWindowAggExec" | "WindowAggExec" => Some("a window function"),
        _ => Some("what stands above the aggregate"),
    };
    if let Some(what) = what {
        return Err(Refusal::NeedsAllGroups(what));
    }
    above
        .children()
        .into_iter()
        .try_for_each(check_group_by_group)
}

/// Cuts the plan at its lowest aggregate (the optimizer may have put others above it). It comes as one
/// node, or, with GROUPING SETS, as a `Final` one over a `Partial` one.
pub(super) fn cut(plan: &Arc<dyn ExecutionPlan>) -> Result<Plan, DataFusionError> {
    let mut found = None;
    let above = Arc::clone(plan).transform_up(|node| {
        let Some(aggregate) = node.downcast_ref::<AggregateExec>() else {
            return Ok(Transformed::no(node));
        };
        found.get_or_insert_with(|| aggregate.clone());
        if *aggregate.mode() == AggregateMode::Partial {
            return Ok(Transformed::no(node));
        }
        let leaf: Arc<dyn ExecutionPlan> = Arc::new(FeedExec::new(aggregate.schema()));
        Ok(Transformed::new(leaf, true, TreeNodeRecursion::Stop))
    })?;
    match found {
        Some(aggregate) => Ok(Plan::Aggregate(modes(&aggregate, above.data)?)),
        None => Ok(Plan::Rows(Arc::clone(plan))),
    }
}

/// The aggregate in its three modes.
fn modes(
    aggregate: &AggregateExec,
    above: Arc<dyn ExecutionPlan>,
) -> Result<AggregatePlan, DataFusionError> {
    let calls = aggregate.aggr_expr().to_vec();
    let records = aggregate.input_schema();
    let partial = Arc::new(AggregateExec::try_new(
        AggregateMode::Partial,
        aggregate.group_expr().clone(),
        calls.clone(),
        aggregate.filter_expr().to_vec(),
        Arc::clone(aggregate.input()),
        Arc::clone(&records),
    )?);
    // FILTER (WHERE …) has been applied when a state is made.
    let merge = |mode| {
        AggregateExec::try_new(
            mode,
            aggregate.group_expr().as_final(),
            calls.clone(),
            vec![None; calls.len()],
            Arc::new(FeedExec::new(partial.schema())),
            Arc::clone(&records),
        )
        .map(|exec| Arc::new(exec) as Arc<dyn ExecutionPlan>)
    };
    let keys = aggregate.group_expr().num_group_exprs();
    let states = partial.schema();
    let keys = states.fields().iter().take(keys).cloned();
    Ok(AggregatePlan {
        keys: Arc::new(Schema::new(keys.collect::<Fields>())),
        reduce: merge(AggregateMode::PartialReduce)?,
        last: merge(AggregateMode::Final)?,
        partial,
        above,
    })
}

//! Decides whether a result can be computed from only some of the groups.

use std::sync::Arc;

use datafusion_physical_plan::ExecutionPlan;

use crate::engine::refusal::Refusal;

/// Checks that the part of the plan above the aggregate looks at one group at a time.
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

//! What DataFusion plans with: its own functions and ours, and none of the rules that would take a query's
//! rows for all there are.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{ScalarValue, TableReference};
use datafusion::error::DataFusionError;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::optimizer::Optimizer;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::TABLE;
use crate::engine::feed::FeedTable;
use crate::engine::functions::arithmetic::ExactArithmetic;
use crate::engine::functions::clock::TriggerClock;
use crate::engine::functions::exact;

/// Physical rules that must not run, each because it takes a run over all rows at once for granted.
const REFUSED_RULES: &[&str] = &[
    // Folds `count(*)`, `min`, `max` to constants from statistics.
    "aggregate_statistics",
    // Stop an aggregate early, when enough groups have been seen for a LIMIT above it.
    "LimitedDistinctAggregation",
    "LimitAggregation",
    // Give the thread back to a runtime that is not there.
    "EnsureCooperative",
    // Push filters, dynamic ones among them, across the place where the plan is cut.
    "FilterPushdown",
    "FilterPushdown(Post)",
];

/// What plans a query over `table`, which is called [`TABLE`], and `topic`.
pub(super) fn session(
    table: &SchemaRef,
    topic: Option<&str>,
    clock: &TriggerClock,
) -> Result<SessionState, DataFusionError> {
    let number = |value| ScalarValue::Float64(Some(value));
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .with_information_schema(false)
        // `1.1` is DECIMAL as in Spark: amounts times it stay exact.
        .set_bool("datafusion.sql_parser.parse_float_as_decimal", true)
        .set_bool("datafusion.optimizer.enable_dynamic_filter_pushdown", false)
        // Above this share of distinct groups a partial aggregate would stop grouping.
        .set(
            "datafusion.execution.skip_partial_aggregation_probe_ratio_threshold",
            &number(2.0),
        );
    let rules = PhysicalOptimizer::new()
        .rules
        .into_iter()
        .filter(|rule| !REFUSED_RULES.contains(&rule.name()))
        .collect();
    let logical = Optimizer::new()
        .rules
        .into_iter()
        // `count(DISTINCT x)` would become an aggregate over an aggregate.
        .filter(|rule| rule.name() != "single_distinct_aggregation_to_group_by")
        .collect();
    let state = SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .with_optimizer_rules(logical)
        .with_physical_optimizer_rules(rules)
        .build();

    let context = SessionContext::new_with_state(state);
    context.add_analyzer_rule(Arc::new(ExactArithmetic));
    context.register_udaf(exact::sum());
    context.register_udaf(exact::avg());
    for function in clock.functions() {
        context.register_udf(function);
    }
    // Would be folded to the time of planning.
    context.deregister_udf("current_time");
    let records = Arc::new(FeedTable::new(Arc::clone(table)));
    context.register_table(TABLE, Arc::clone(&records) as _)?;
    for name in topic
        .into_iter()
        .flat_map(|topic| [topic.to_owned(), topic.to_lowercase()])
    {
        let reference = TableReference::bare(name);
        if !context.table_exist(reference.clone())? {
            context.register_table(reference, Arc::clone(&records) as _)?;
        }
    }
    Ok(context.state())
}

/// The names of all functions, Spark's among them.
pub(super) fn functions(state: &SessionState) -> Vec<&str> {
    let mut names: Vec<&str> = sql::spark_names().collect();
    names.extend(state.scalar_functions().keys().map(String::as_str));
    names.extend(state.aggregate_functions().keys().map(String::as_str));
    names.extend(state.window_functions().keys().map(String::as_str));
    names
}

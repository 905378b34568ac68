//! Makes an optimized logical plan from the text of a query. It applies DataFusion's rules and our own, except for
//! those rules that assume that the rows of one run are all the rows there are.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use datafusion_common::alias::AliasGenerator;
use datafusion_common::config::ConfigOptions;
use datafusion_common::{Result, ScalarValue};
use datafusion_execution::config::SessionConfig;
use datafusion_expr::planner::ContextProvider;
use datafusion_expr::registry::{FunctionRegistry, MemoryFunctionRegistry};
use datafusion_expr::{LogicalPlan, TableSource};
use datafusion_functions_aggregate::first_last::first_value_udaf;
use datafusion_optimizer::{Analyzer, Optimizer, OptimizerConfig};
use sql::Catalog;

use super::TABLE;
use crate::engine::feed::{FeedTable, InputId};
use crate::engine::functions::arithmetic::{DecimalPlanner, ExactArithmetic};
use crate::engine::functions::casts::Casts;
use crate::engine::functions::clock::TriggerClock;
use crate::engine::functions::floats::FloatsBesideDecimals;
use crate::engine::functions::header::{self, HeaderPlanner};
use crate::engine::functions::{exact, timestamps, whole};

/// Returns the configuration by which queries are planned and run.
pub(super) fn config() -> SessionConfig {
    SessionConfig::new()
        .with_target_partitions(1)
        // `1.1` is DECIMAL, as in Spark, so that amounts multiplied by it stay exact.
        .set_bool("datafusion.sql_parser.parse_float_as_decimal", true)
        // A global min or max would have one filter for all runs of its plan, behind a lock, though nothing reads the
        // filter.
        .set_bool("datafusion.optimizer.enable_dynamic_filter_pushdown", false)
        // If the share of distinct groups exceeds this ratio, a partial aggregate stops grouping. No share exceeds 2.
        .set(
            "datafusion.execution.skip_partial_aggregation_probe_ratio_threshold",
            &ScalarValue::Float64(Some(2.0)),
        )
}

/// Returns the catalog of names that a query can use. `table` is called [`TABLE`] and `topic`, and is `input` of the
/// query's plan.
pub(super) fn catalog(
    input: InputId,
    table: &SchemaRef,
    topic: Option<&str>,
    clock: &TriggerClock,
    config: &SessionConfig,
) -> Catalog {
    let mut catalog = Catalog::new(Arc::clone(config.options()));
    catalog.add_aggregate(Arc::new(exact::sum()));
    catalog.add_aggregate(Arc::new(exact::avg()));
    for function in clock.functions() {
        catalog.add_scalar(Arc::new(function));
    }
    let known = |name: &str| catalog.get_function_meta(name);
    let ours = [timestamps::functions(known), whole::functions(known)].concat();
    for function in ours {
        catalog.add_scalar(Arc::new(function));
    }
    catalog.add_scalar(Arc::new(header::header()));
    catalog.add_planner(Arc::new(DecimalPlanner));
    catalog.add_planner(Arc::new(HeaderPlanner));
    // The optimizer would replace this function by the time of planning.
    catalog.remove_scalar("current_time");
    let table: Arc<dyn TableSource> = Arc::new(FeedTable::new(input, Arc::clone(table)));
    catalog.add_table(TABLE, &table);
    if let Some(topic) = topic {
        catalog.add_table(topic, &table);
        catalog.add_table(topic.to_lowercase(), &table);
    }
    catalog
}

/// Returns the plan after types have been made to fit and it has been simplified.
///
/// # Errors
/// Fails if an expression has no type, or a constant cannot be computed.
pub(super) fn optimize(plan: LogicalPlan, options: &Arc<ConfigOptions>) -> Result<LogicalPlan> {
    let mut analyzer = Analyzer::new();
    analyzer.rules.insert(0, Arc::new(FloatsBesideDecimals));
    analyzer.rules.push(Arc::new(Casts));
    analyzer.rules.push(Arc::new(ExactArithmetic));
    let analyzed = analyzer.execute_and_check(plan, options, |_, _| {})?;
    let mut optimizer = Optimizer::new();
    // This rule would turn `count(DISTINCT x)` into an aggregate over an aggregate.
    optimizer
        .rules
        .retain(|rule| rule.name() != "single_distinct_aggregation_to_group_by");
    optimizer.optimize(analyzed, &Optimizing::new(options)?, |_, _| {})
}

/// The settings that the optimizer asks for.
struct Optimizing {
    options: Arc<ConfigOptions>,
    aliases: Arc<AliasGenerator>,
    /// The functions that `DISTINCT ON` is rewritten to.
    functions: MemoryFunctionRegistry,
}

impl Optimizing {
    fn new(options: &Arc<ConfigOptions>) -> Result<Self> {
        let mut functions = MemoryFunctionRegistry::new();
        functions.register_udaf(first_value_udaf())?;
        Ok(Self {
            options: Arc::clone(options),
            aliases: Arc::default(),
            functions,
        })
    }
}

impl OptimizerConfig for Optimizing {
    /// Returns no time, because what depends on it differs from one trigger to the next.
    fn query_execution_start_time(&self) -> Option<DateTime<Utc>> {
        None
    }

    fn alias_generator(&self) -> &Arc<AliasGenerator> {
        &self.aliases
    }

    fn options(&self) -> Arc<ConfigOptions> {
        Arc::clone(&self.options)
    }

    fn function_registry(&self) -> Option<&dyn FunctionRegistry> {
        Some(&self.functions)
    }
}

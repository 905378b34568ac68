//! The modes in which an aggregate is run.

use std::sync::Arc;

use arrow::datatypes::{Fields, Schema, SchemaRef};
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::{GroupingSet, physical_name};
use datafusion_expr::utils::powerset;
use datafusion_expr::{Aggregate, Expr};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::aggregate::{AggregateFunctionExpr, LoweredAggregateBuilder};
use datafusion_physical_expr::expressions::Literal;
use datafusion_physical_plan::ExecutionPlan;
use datafusion_physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};

use super::apart::Apart;
use super::{Planner, ordered};
use crate::engine::feed::{FeedExec, InputId};

/// The plans of the aggregate next to the scan.
#[derive(Clone)]
pub struct Modes {
    /// Makes states from records.
    pub partial: Arc<dyn ExecutionPlan>,
    /// Merges states into states in which each group comes once.
    pub reduce: Arc<dyn ExecutionPlan>,
    /// Makes groups from states.
    pub last: Arc<dyn ExecutionPlan>,
    /// The first columns of a state: the keys of its groups.
    pub keys: SchemaRef,
    /// The plan `partial` in two parts, if there may be records on which it fails.
    pub apart: Option<Apart>,
}

/// The parts from which an aggregate can be made in any mode.
pub(super) struct Parts {
    pub(super) groups: PhysicalGroupBy,
    pub(super) calls: Vec<Arc<AggregateFunctionExpr>>,
    pub(super) filters: Vec<Option<Arc<dyn PhysicalExpr>>>,
}

impl Parts {
    fn over(&self, mode: AggregateMode, input: &Arc<dyn ExecutionPlan>) -> Result<AggregateExec> {
        AggregateExec::try_new(
            mode,
            self.groups.clone(),
            self.calls.clone(),
            self.filters.clone(),
            Arc::clone(input),
            input.schema(),
        )
    }
}

/// Returns the aggregate that makes states from the rows of `input`.
pub(super) fn partial_over(parts: &Parts, input: &Arc<dyn ExecutionPlan>) -> Result<AggregateExec> {
    let partial = parts.over(AggregateMode::Partial, input)?;
    // Most calls with an order sort the values that they hold, which are fewer than all records. Only the others need
    // sorted input.
    let mut calls = partial.aggr_expr().iter();
    if calls.any(|call| call.order_sensitivity().hard_requires())
        && let Some(sorted) = ordered(&partial, input)?
    {
        return parts.over(AggregateMode::Partial, &sorted);
    }
    Ok(partial)
}

impl Planner {
    /// Returns `aggregate` over the rows of `input`, in all modes, and a leaf that yields its groups.
    pub(super) fn modes(
        &self,
        aggregate: &Aggregate,
        input: &Arc<dyn ExecutionPlan>,
    ) -> Result<(Modes, FeedExec)> {
        let parts = self.parts(aggregate, &input.schema())?;
        let partial = partial_over(&parts, input)?;
        // DataFusion may have reversed a call, for instance turned the first value in one order into the last in the
        // opposite order.
        let calls = partial.aggr_expr();
        // A call that drops duplicates stays in the order to which it was reversed.
        if calls
            .iter()
            .any(|call| call.is_distinct() && call.is_reversed())
        {
            return plan_err!(
                "aggregates with DISTINCT and ORDER BY are in opposite orders; give all of them the same one"
            );
        }
        // FILTER (WHERE …) has already been applied when a state is made.
        let merge = |mode| {
            AggregateExec::try_new(
                mode,
                partial.group_expr().as_final(),
                calls.to_vec(),
                vec![None; calls.len()],
                Arc::new(FeedExec::new(InputId::FIRST, partial.schema())),
                input.schema(),
            )
            .map(|exec| Arc::new(exec) as Arc<dyn ExecutionPlan>)
        };
        let at_once = parts.over(AggregateMode::Single, input)?;
        let groups = match parts.groups.has_grouping_set() {
            // If WHERE leaves only one value of a key, DataFusion assumes that value in all rows. But the key is NULL
            // in the rows of a set that leaves it out.
            true => FeedExec::new(InputId::FIRST, at_once.schema()),
            // The leaf gets the known properties of the groups: for instance, that there is only one, or that all have
            // the same key.
            false => {
                let known = at_once.properties().equivalence_properties();
                FeedExec::with(InputId::FIRST, known.clone())
            }
        };
        let states = partial.schema();
        let keys = partial.group_expr().num_group_exprs();
        let keys = states.fields().iter().take(keys).cloned();
        let modes = Modes {
            keys: Arc::new(Schema::new(keys.collect::<Fields>())),
            reduce: merge(AggregateMode::PartialReduce)?,
            last: merge(AggregateMode::Final)?,
            apart: Apart::of_aggregate(&partial, &parts, input)?,
            partial: Arc::new(partial),
        };
        Ok((modes, groups))
    }

    fn parts(&self, aggregate: &Aggregate, input: &Schema) -> Result<Parts> {
        let columns = aggregate.input.schema();
        let calls = aggregate.aggr_expr.iter().map(|call| {
            LoweredAggregateBuilder::new(call, columns, input, &self.properties, &self.context)
                .build()
                .map(|call| (call.aggregate, call.filter))
        });
        let (calls, filters) = calls.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        Ok(Parts {
            groups: self.groups(&aggregate.group_expr, columns, input)?,
            calls,
            filters,
        })
    }

    fn groups(
        &self,
        exprs: &[Expr],
        columns: &DFSchema,
        input: &Schema,
    ) -> Result<PhysicalGroupBy> {
        let named = |expr: &Expr| Ok((self.expr(expr, columns)?, physical_name(expr)?));
        match exprs {
            [] => Ok(PhysicalGroupBy::new(
                Vec::new(),
                Vec::new(),
                Vec::new(),
                false,
            )),
            [Expr::GroupingSet(sets)] => {
                let keys = sets.distinct_expr();
                let null = |expr: &&Expr| {
                    let (key, name) = named(expr)?;
                    let null = ScalarValue::try_from(&key.data_type(input)?)?;
                    Ok((Arc::new(Literal::new(null)) as _, name))
                };
                let left_out = grouping_sets(sets)?.into_iter().map(|set| {
                    let is_left_out = |key: &&Expr| !set.contains(key);
                    keys.iter().map(is_left_out).collect()
                });
                Ok(PhysicalGroupBy::new(
                    keys.iter().map(|expr| named(expr)).collect::<Result<_>>()?,
                    keys.iter().map(null).collect::<Result<_>>()?,
                    left_out.collect(),
                    true,
                ))
            }
            keys => Ok(PhysicalGroupBy::new_single(
                keys.iter().map(named).collect::<Result<_>>()?,
            )),
        }
    }
}

/// The most columns of a CUBE. They make 4,096 sets, which is the most that DataFusion takes of GROUPING SETS beside
/// other keys.
const MOST_OF_CUBE: usize = 12;

/// Returns the grouping sets, each with its keys.
fn grouping_sets(sets: &GroupingSet) -> Result<Vec<Vec<&Expr>>> {
    match sets {
        GroupingSet::GroupingSets(sets) => {
            Ok(sets.iter().map(|set| set.iter().collect()).collect())
        }
        GroupingSet::Rollup(keys) => {
            let prefixes = (0..=keys.len()).map(|length| keys.iter().take(length).collect());
            Ok(prefixes.collect())
        }
        GroupingSet::Cube(keys) if keys.len() > MOST_OF_CUBE => {
            plan_err!(
                "CUBE has {} columns and takes at most {MOST_OF_CUBE}; name the sets that are wanted with GROUPING SETS",
                keys.len()
            )
        }
        GroupingSet::Cube(keys) => powerset(keys),
    }
}

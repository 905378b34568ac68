//! A plan in two parts: the part that is computed for each record, and the part that takes its rows.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion_common::Result;
use datafusion_physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion_physical_expr::expressions::{Column, Literal};
use datafusion_physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion_physical_plan::ExecutionPlan;
use datafusion_physical_plan::aggregates::{AggregateExec, PhysicalGroupBy};

use super::aggregate::{Parts, partial_over};
use crate::engine::feed::{FeedExec, InputId};
use crate::engine::query::below::{Below, Computed, can_fail};
use crate::engine::query::renamed::are_alike;

/// The two parts of a plan whose expressions may fail on a record.
#[derive(Clone)]
pub struct Apart {
    /// The part that is computed for each record.
    pub below: Arc<Below>,
    /// The part that takes the rows of `below`: an aggregate over columns, or only a leaf.
    pub over: Arc<dyn ExecutionPlan>,
}

impl Apart {
    /// Returns the parts of a plan without an aggregate, or `None` if the plan cannot fail on a record.
    ///
    /// # Errors
    /// Fails if the plan has several inputs.
    pub fn of_rows(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        let below = Below::of_plan(plan)?;
        Ok(below.can_fail().then(|| Self {
            below: Arc::new(below),
            over: Arc::new(FeedExec::new(InputId::FIRST, plan.schema())),
        }))
    }

    /// Returns the parts of `partial`, an aggregate of `parts` over the rows of `input`, or `None` if it cannot fail on
    /// a record.
    ///
    /// # Errors
    /// Fails if an aggregate cannot be made over columns.
    pub(super) fn of_aggregate(
        partial: &AggregateExec,
        parts: &Parts,
        input: &Arc<dyn ExecutionPlan>,
    ) -> Result<Option<Self>> {
        let input_schema = input.schema();
        let mut columns = Columns {
            input: &input_schema,
            computed: Vec::new(),
            fields: Vec::new(),
        };
        let keys = parts.groups.expr().iter();
        let keys = keys.map(|(key, name)| Ok((columns.column(key, None)?, name.clone())));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let calls = parts.calls.iter().zip(&parts.filters);
        let calls = calls.map(|(call, filter)| columns.call(call, filter.as_ref()));
        let calls = calls.collect::<Result<Vec<_>>>()?;
        let Columns {
            computed, fields, ..
        } = columns;
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let below = Below::of_plan(input)?.then(computed, Arc::clone(&schema));
        if !below.can_fail() {
            return Ok(None);
        }
        let filters = calls.iter().map(|call| call.filter.clone()).collect();
        let calls = calls.into_iter().map(|call| call.over(&schema));
        let over = Parts {
            groups: PhysicalGroupBy::new(
                keys,
                parts.groups.null_expr().to_vec(),
                parts.groups.groups().to_vec(),
                parts.groups.has_grouping_set(),
            ),
            calls: calls.collect::<Result<_>>()?,
            filters,
        };
        let feed: Arc<dyn ExecutionPlan> = Arc::new(FeedExec::new(InputId::FIRST, schema));
        let over = partial_over(&over, &feed)?;
        Ok(make_the_same(&over, partial).then(|| Self {
            below: Arc::new(below),
            over: Arc::new(over),
        }))
    }
}

/// Returns whether two aggregates make the same states, except for the names of their columns.
fn make_the_same(one: &AggregateExec, other: &AggregateExec) -> bool {
    let (types, of_other) = (one.schema(), other.schema());
    let mut fields = types.fields().iter().zip(of_other.fields());
    // DataFusion may have reversed a call, which turns the first value in one order into the last in the opposite
    // order.
    let mut calls = one.aggr_expr().iter().zip(other.aggr_expr());
    types.fields().len() == of_other.fields().len()
        && fields.all(|(one, other)| are_alike(one.data_type(), other.data_type()))
        && calls.all(|(one, other)| {
            one.fun().name() == other.fun().name() && one.is_reversed() == other.is_reversed()
        })
}

/// The columns that an aggregate reads in place of its expressions.
struct Columns<'a> {
    input: &'a Schema,
    computed: Vec<Computed>,
    fields: Vec<Field>,
}

/// A call of an aggregate function whose expressions are columns.
struct Call {
    of: Arc<AggregateFunctionExpr>,
    args: Vec<Arc<dyn PhysicalExpr>>,
    order: Vec<PhysicalSortExpr>,
    filter: Option<Arc<dyn PhysicalExpr>>,
}

impl Columns<'_> {
    fn call(
        &mut self,
        call: &Arc<AggregateFunctionExpr>,
        filter: Option<&Arc<dyn PhysicalExpr>>,
    ) -> Result<Call> {
        let args = call.expressions();
        let args = args.iter().map(|arg| match arg.is::<Literal>() {
            // Some functions read a literal argument when they are made, so it stays a literal.
            true => Ok(Arc::clone(arg)),
            false => self.column(arg, filter),
        });
        let args = args.collect::<Result<Vec<_>>>()?;
        let order = call.order_bys().iter().map(|sort| {
            let expr = self.column(&sort.expr, filter)?;
            Ok(PhysicalSortExpr::new(expr, sort.options))
        });
        Ok(Call {
            of: Arc::clone(call),
            args,
            order: order.collect::<Result<_>>()?,
            filter: filter.map(|filter| self.column(filter, None)).transpose()?,
        })
    }

    /// Returns the column of `expr`, which is read only in rows for which `filter` is true.
    fn column(
        &mut self,
        expr: &Arc<dyn PhysicalExpr>,
        filter: Option<&Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        // An expression that cannot fail is faster to compute for all rows than for some.
        let only_if = filter.filter(|_| can_fail(expr, self.input));
        let is_it = |column: &Computed| column.expr.eq(expr) && column.only_if.as_ref() == only_if;
        let index = match self.computed.iter().position(is_it) {
            Some(index) => index,
            None => {
                let field = expr.return_field(self.input)?;
                // An expression that is not a column may be NULL although its field says that it is not.
                let nullable = field.is_nullable() || !expr.is::<Column>();
                let name = self.computed.len().to_string();
                let field = field
                    .as_ref()
                    .clone()
                    .with_name(name)
                    .with_nullable(nullable);
                self.fields.push(field);
                self.computed.push(Computed {
                    expr: Arc::clone(expr),
                    only_if: only_if.cloned(),
                });
                self.computed.len() - 1
            }
        };
        Ok(Arc::new(Column::new(&index.to_string(), index)))
    }
}

impl Call {
    fn over(self, schema: &SchemaRef) -> Result<Arc<AggregateFunctionExpr>> {
        let call = AggregateExprBuilder::new(Arc::new(self.of.fun().clone()), self.args)
            .schema(Arc::clone(schema))
            .alias(self.of.name())
            .order_by(self.order)
            .with_ignore_nulls(self.of.ignore_nulls())
            .with_distinct(self.of.is_distinct())
            .with_reversed(self.of.is_reversed());
        Ok(Arc::new(call.build()?))
    }
}

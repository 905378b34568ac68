//! Plans the run of an optimized logical plan.
//!
//! A query that can be kept up to date has one scan and at most one aggregate, so there are few kinds of nodes, and
//! each has one input. The plan is cut at the aggregate, which is made in the modes of [`aggregate`]; the part above it
//! reads its groups. The rows come from one partition and run on one thread, so nothing is repartitioned, and a node
//! requires nothing of its input except an order.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion_common::{DFSchema, Result, internal_err, plan_err};
use datafusion_execution::config::SessionConfig;
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::expr::physical_name;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::{
    Aggregate, Expr, FetchType, Filter, Limit, LogicalPlan, Projection, SkipType, Sort, SortExpr,
    TableScan, TableSource, Unnest,
};
use datafusion_physical_expr::{
    LexOrdering, PhysicalExpr, PhysicalSortExpr, create_physical_expr, create_physical_sort_exprs,
};
use datafusion_physical_plan::empty::EmptyExec;
use datafusion_physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion_physical_plan::limit::GlobalLimitExec;
use datafusion_physical_plan::projection::{ProjectionExec, ProjectionExpr, try_embed_projection};
use datafusion_physical_plan::sorts::sort::SortExec;
use datafusion_physical_plan::unnest::{ListUnnest, UnnestExec};
use datafusion_physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use self::aggregate::Modes;
use crate::engine::feed::{FeedExec, FeedTable, InputId};

pub(super) mod aggregate;
pub(super) mod apart;
mod window;

/// The physical plans of a query.
pub(super) struct Physical {
    /// The columns of its table that are read for each input. An input that is not read after optimization has no
    /// entry.
    pub columns: BTreeMap<InputId, Vec<usize>>,
    /// The aggregate, if there is one.
    pub aggregate: Option<Modes>,
    /// The part of the plan above the aggregate, or the whole plan if there is no aggregate.
    pub above: Arc<dyn ExecutionPlan>,
}

/// Plans an optimized and checked logical plan in the form in which it is run.
///
/// # Errors
/// Fails if the plan has an expression that cannot be run.
pub(super) fn plan(logical: &LogicalPlan, config: &SessionConfig) -> Result<Physical> {
    let mut properties = ExecutionProps::new();
    // Functions run with the options with which they were planned.
    properties.config_options = Some(Arc::clone(config.options()));
    let mut planner = Planner {
        batch_size: config.batch_size(),
        properties,
        context: PhysicalPlanningContext::default(),
        columns: BTreeMap::new(),
        aggregate: None,
    };
    let above = planner.node(logical)?;
    Ok(Physical {
        columns: planner.columns,
        aggregate: planner.aggregate,
        above,
    })
}

struct Planner {
    batch_size: usize,
    properties: ExecutionProps,
    context: PhysicalPlanningContext,
    /// The columns that each scan reads which has been planned so far.
    columns: BTreeMap<InputId, Vec<usize>>,
    /// The aggregate, once it is planned.
    aggregate: Option<Modes>,
}

impl Planner {
    fn node(&mut self, node: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        match node {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::EmptyRelation(empty) => {
                Ok(Arc::new(EmptyExec::new(Arc::clone(empty.schema.inner()))))
            }
            LogicalPlan::SubqueryAlias(alias) => self.node(&alias.input),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Sort(sort) => self.sort(sort),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Window(window) => {
                let input = self.node(&window.input)?;
                self.window(window, input)
            }
            other => internal_err!("a plan that was checked has {}", other.display()),
        }
    }

    fn scan(&mut self, scan: &TableScan) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(table) = scan.source.downcast_ref::<FeedTable>() else {
            return internal_err!("{} is no table of ours", scan.table_name);
        };
        let schema = table.schema();
        let columns = match &scan.projection {
            Some(columns) => columns.clone(),
            None => (0..schema.fields().len()).collect(),
        };
        let read = schema.project(&columns)?;
        // An input has only one leaf, which gets each of its rows.
        if self.columns.insert(table.input(), columns).is_some() {
            return internal_err!("{} is scanned twice", scan.table_name);
        }
        Ok(Arc::new(FeedExec::new(table.input(), Arc::new(read))))
    }

    fn projection(&mut self, projection: &Projection) -> Result<Arc<dyn ExecutionPlan>> {
        let input = self.node(&projection.input)?;
        let columns = projection.input.schema();
        let exprs = projection.expr.iter().map(|expr| {
            Ok(ProjectionExpr {
                expr: self.expr(expr, columns)?,
                alias: physical_name(expr)?,
            })
        });
        let exprs = exprs.collect::<Result<Vec<_>>>()?;
        let metadata = projection.schema.as_arrow();
        let node =
            ProjectionExec::try_new_with_schema_metadata(exprs, Arc::clone(&input), metadata)?;
        // A filter copies the rows that it lets through, so the columns that are not read any more are left out there.
        if let Some(filter) = input.downcast_ref::<FilterExec>()
            && let Some(narrower) = try_embed_projection(&node, filter)?
        {
            return Ok(narrower);
        }
        Ok(Arc::new(node))
    }

    fn filter(&mut self, filter: &Filter) -> Result<Arc<dyn ExecutionPlan>> {
        let input = self.node(&filter.input)?;
        let predicate = self.expr(&filter.predicate, filter.input.schema())?;
        let node = FilterExecBuilder::new(predicate, input)
            .with_batch_size(self.batch_size)
            .build()?;
        Ok(Arc::new(node))
    }

    fn sort(&mut self, sort: &Sort) -> Result<Arc<dyn ExecutionPlan>> {
        let input = self.node(&sort.input)?;
        let order = self.sort_exprs(&sort.expr, sort.input.schema())?;
        // One row is always sorted, and so are rows that are equal in everything they are sorted by.
        let is_sorted = input
            .equivalence_properties()
            .ordering_satisfy(order.clone())?;
        match LexOrdering::new(order) {
            Some(order) if !is_sorted => {
                Ok(Arc::new(SortExec::new(order, input).with_fetch(sort.fetch)))
            }
            _ if sort.fetch.is_some() => Ok(Arc::new(GlobalLimitExec::new(input, 0, sort.fetch))),
            _ => Ok(input),
        }
    }

    fn limit(&mut self, limit: &Limit) -> Result<Arc<dyn ExecutionPlan>> {
        let input = self.node(&limit.input)?;
        match (limit.get_skip_type()?, limit.get_fetch_type()?) {
            (SkipType::Literal(skip), FetchType::Literal(fetch)) => {
                Ok(Arc::new(GlobalLimitExec::new(input, skip, fetch)))
            }
            _ => plan_err!("LIMIT and OFFSET take numbers"),
        }
    }

    fn unnest(&mut self, unnest: &Unnest) -> Result<Arc<dyn ExecutionPlan>> {
        let input = self.node(&unnest.input)?;
        let lists = unnest.list_type_columns.iter();
        let lists = lists.map(|(index, list)| ListUnnest {
            index_in_input_schema: *index,
            depth: list.depth,
        });
        let node = UnnestExec::new(
            input,
            lists.collect(),
            unnest.struct_type_columns.clone(),
            Arc::clone(unnest.schema.inner()),
            unnest.options.clone(),
        )?;
        Ok(Arc::new(node))
    }

    /// Cuts the plan at the aggregate. Returns the leaf that yields its groups.
    fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Arc<dyn ExecutionPlan>> {
        let input = self.node(&aggregate.input)?;
        let (modes, groups) = self.modes(aggregate, &input)?;
        self.aggregate = Some(modes);
        Ok(Arc::new(groups))
    }

    fn expr(&self, expr: &Expr, columns: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
        create_physical_expr(expr, columns, &self.properties, &self.context)
    }

    fn exprs(&self, exprs: &[Expr], columns: &DFSchema) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
        exprs.iter().map(|expr| self.expr(expr, columns)).collect()
    }

    fn sort_exprs(&self, exprs: &[SortExpr], columns: &DFSchema) -> Result<Vec<PhysicalSortExpr>> {
        create_physical_sort_exprs(exprs, columns, &self.properties, &self.context)
    }
}

/// Returns the input of `node`, sorted in the order that `node` requires. Returns `None` if the input has that order or
/// `node` requires none.
fn ordered(
    node: &dyn ExecutionPlan,
    input: &Arc<dyn ExecutionPlan>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(Some(wanted)) = node.required_input_ordering().into_iter().next() else {
        return Ok(None);
    };
    let wanted = wanted.into_single();
    if input
        .equivalence_properties()
        .ordering_satisfy_requirement(wanted.clone())?
    {
        return Ok(None);
    }
    Ok(Some(Arc::new(SortExec::new(
        LexOrdering::from(wanted),
        Arc::clone(input),
    ))))
}

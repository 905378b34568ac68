//! From an optimized logical plan to what runs it.
//!
//! What can be kept up to date has one scan and at most one aggregate, so there are few kinds of nodes, each with one
//! input. The plan is cut at the aggregate: that is there in the modes of [`aggregate`], and what stands above it reads
//! its groups. Rows come from one partition and on one thread, so nothing is repartitioned, and the only thing that a
//! node asks of its input is an order.

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

/// What runs a query.
pub(super) struct Physical {
    /// The columns of its table that are read for each input. An input that the optimizer has found not to be read is
    /// not there.
    pub columns: BTreeMap<InputId, Vec<usize>>,
    /// The aggregate, if there is one.
    pub aggregate: Option<Modes>,
    /// What stands above it; without one, all of it.
    pub above: Arc<dyn ExecutionPlan>,
}

/// Plans what has been optimized and checked, as it will be run.
///
/// # Errors
/// If it has an expression that cannot be run.
pub(super) fn plan(logical: &LogicalPlan, config: &SessionConfig) -> Result<Physical> {
    let mut properties = ExecutionProps::new();
    // Functions run by the options that they were planned by.
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
    /// What each scan reads that is planned.
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
        // Each row of an input goes to one leaf.
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
        // A filter copies the rows that it lets through: not those columns that nobody reads any more.
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
        // One row is, and so are rows that differ in nothing they are sorted by.
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

    /// Cuts the plan here.
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

/// The input of `node` in the order that `node` wants it in; `None` if it is so, or any order is as good.
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

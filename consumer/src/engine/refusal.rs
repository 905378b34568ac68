//! The queries whose result cannot be kept up to date, each with the reason and, if there is one, another way to write
//! it.
//!
//! The engine maintains one aggregate over one scan. It refuses, before the first record is read, every query that
//! would need more state than that, or whose result would depend on when records came.

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::expr::AggregateFunction;
use datafusion_expr::{Expr, LogicalPlan};
use thiserror::Error;

/// The reason why a query cannot be kept up to date.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// The statement is INSERT, CREATE, EXPLAIN or the like.
    #[error("only a SELECT can be kept up to date, not {0}")]
    NotSelect(String),
    /// The query has words that the planner would silently ignore.
    #[error(transparent)]
    Ignored(#[from] sql::Ignored),
    /// The query reads no table, like `SELECT 1`.
    #[error("it reads no table; write FROM {0}")]
    NoScan(String),
    /// The optimizer leaves no scan, as for `WHERE false` or `LIMIT 0`.
    #[error(
        "it reads no records, whatever they are: a condition in it is never true, or its LIMIT is 0"
    )]
    ReadsNothing,
    /// The query has a join or a union, or names the table twice.
    #[error(
        "it reads the table more than once ({0}); a query is kept over one scan: use FILTER (WHERE …) or CASE \
         inside the aggregates instead"
    )]
    ManyScans(&'static str),
    /// The query has a subquery in an expression, like `WHERE x IN (SELECT …)`.
    #[error("it has a subquery inside an expression; write it with HAVING or CASE over one scan")]
    Subquery,
    /// The query aggregates an aggregate, like `SELECT avg(n) FROM (SELECT count(*) AS n … GROUP BY …)`.
    #[error(
        "it aggregates the result of an aggregate; keep the inner one and compute the rest from its \
         result"
    )]
    NestedAggregate,
    /// The query has a window function or a LIMIT over records.
    #[error(
        "{0} over single records would need all of them kept; aggregate first (GROUP BY), then it \
         may stand above the aggregate"
    )]
    OverRecords(&'static str),
    /// The query has a window function in HAVING, like `HAVING rank() OVER (…) = 1`.
    #[error(
        "a window function cannot stand in HAVING, which chooses groups before there are windows; write QUALIFY in \
         its place, or SELECT * FROM (SELECT …) WHERE …"
    )]
    WindowInHaving,
    /// The query has ORDER BY without an aggregate.
    #[error(
        "its rows are streamed as they come and so cannot be sorted; leave ORDER BY out, or \
         aggregate first (GROUP BY)"
    )]
    SortedRows,
    /// The query has LIMIT without an aggregate.
    #[error(
        "its rows are streamed without end; leave LIMIT out (TABLE_ROWS limits what a table shows)"
    )]
    LimitedRows,
    /// The query has `random()` or `now()` where records are evaluated.
    #[error(
        "{0} differs from one evaluation of a record to the next; compare with the record's own \
         time (_kafka_timestamp), or use it above the aggregate (HAVING, SELECT list)"
    )]
    Volatile(String),
    /// The query has `first_value`, `array_agg` or another function that depends on the order of the records.
    #[error(
        "{function} depends on the order of the records; order it by a unique key, \
         {function}(… ORDER BY {}), or by what it collects: {function}(x ORDER BY x)",
        .unique.join(", ")
    )]
    OrderDependent {
        /// The function's name.
        function: String,
        /// The columns whose values identify a record.
        unique: &'static [&'static str],
    },
    /// The query has ORDER BY or the like above the aggregate, in update mode.
    #[error(
        "{0} needs all groups, and with OUTPUT_MODE=update a result has those that have changed; leave it out, \
         or set OUTPUT_MODE=complete"
    )]
    NeedsAllGroups(&'static str),
}

/// The functions whose result depends on the order of their input.
const ORDER_DEPENDENT: &[&str] = &[
    "any_value",
    "array_agg",
    "first_value",
    "last_value",
    "nth_value",
    "string_agg",
];

/// Checks the plan as it was written, before the optimizer turns subqueries into joins.
///
/// # Errors
/// Returns the first reason found.
pub fn check_written(plan: &LogicalPlan, table: &str) -> Result<(), Refusal> {
    let mut scans = 0_usize;
    let mut aggregates = 0_usize;
    let mut refusal = None;
    let mut visit = |plan: &LogicalPlan| {
        match plan {
            LogicalPlan::TableScan(_) => scans += 1,
            LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => aggregates += 1,
            LogicalPlan::Join(_) => refusal = Some(Refusal::ManyScans("a join")),
            LogicalPlan::Union(_) => refusal = Some(Refusal::ManyScans("UNION")),
            LogicalPlan::RecursiveQuery(_) => {
                refusal = Some(Refusal::ManyScans("WITH RECURSIVE"));
            }
            _ => {}
        }
        if refusal.is_none() && plan.expressions().iter().any(has_subquery) {
            refusal = Some(Refusal::Subquery);
        }
        // A window function in any other place has become a column of a Window node by now.
        if let LogicalPlan::Filter(filter) = plan
            && refusal.is_none()
            && has_window(&filter.predicate)
        {
            refusal = Some(match lowest_aggregate(&filter.input) {
                Some(_) => Refusal::WindowInHaving,
                None => Refusal::OverRecords("a window function"),
            });
        }
        if refusal.is_some() {
            TreeNodeRecursion::Stop
        } else {
            TreeNodeRecursion::Continue
        }
    };
    // Visiting cannot fail, since the visitor does not.
    let _ = plan.apply(|node| Ok(visit(node)));
    match (refusal, scans) {
        (Some(refusal), _) => Err(refusal),
        (None, 0) => Err(Refusal::NoScan(table.to_owned())),
        (None, 1) if aggregates > 1 => Err(Refusal::NestedAggregate),
        (None, 1) => Ok(()),
        (None, _) => Err(Refusal::ManyScans("the same table twice")),
    }
}

fn has_window(expr: &Expr) -> bool {
    let is_window = |expr: &Expr| matches!(expr, Expr::WindowFunction(_));
    expr.exists(|expr| Ok(is_window(expr))).unwrap_or(false)
}

fn has_subquery(expr: &Expr) -> bool {
    expr.exists(|expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
        ))
    })
    .unwrap_or(false)
}

/// Checks the optimized plan: the expressions that are evaluated for each record, and the state of the aggregate. If
/// there are several `topics`, partitions of different topics have the same numbers.
///
/// # Errors
/// Returns the first reason found.
pub fn check_optimized(plan: &LogicalPlan, topics: usize) -> Result<(), Refusal> {
    let unique: &[&str] = match topics {
        0 | 1 => &["_partition", "_offset"],
        _ => &["_topic", "_partition", "_offset"],
    };
    match lowest_aggregate(plan) {
        Some(aggregate) => {
            check_expressions(aggregate, unique)?;
            for child in aggregate.inputs() {
                check_below(
                    child,
                    unique,
                    Refusal::OverRecords("ORDER BY"),
                    Refusal::OverRecords("LIMIT"),
                )?;
            }
            Ok(())
        }
        None => check_below(plan, unique, Refusal::SortedRows, Refusal::LimitedRows),
    }
}

/// Returns the aggregate next to the scan, if there is one.
fn lowest_aggregate(plan: &LogicalPlan) -> Option<&LogicalPlan> {
    plan.inputs()
        .into_iter()
        .find_map(lowest_aggregate)
        .or(matches!(plan, LogicalPlan::Aggregate(_)).then_some(plan))
}

fn check_below(
    plan: &LogicalPlan,
    unique: &'static [&'static str],
    sorted: Refusal,
    limited: Refusal,
) -> Result<(), Refusal> {
    match plan {
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => return Err(sorted),
        LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => return Err(limited),
        LogicalPlan::Window(_) => return Err(Refusal::OverRecords("a window function")),
        LogicalPlan::TableScan(scan) if scan.fetch.is_some() => return Err(limited),
        _ => {}
    }
    check_expressions(plan, unique)?;
    plan.inputs()
        .into_iter()
        .try_for_each(|child| check_below(child, unique, sorted.clone(), limited.clone()))
}

fn check_expressions(plan: &LogicalPlan, unique: &'static [&'static str]) -> Result<(), Refusal> {
    let mut refusal = None;
    for expr in plan.expressions() {
        let _ = expr.apply(|expr| {
            match expr {
                Expr::ScalarFunction(call) if expr.is_volatile_node() => {
                    refusal = Some(Refusal::Volatile(format!("{}()", call.func.name())));
                }
                Expr::AggregateFunction(call) if depends_on_order(call, unique) => {
                    let function = call.func.name().to_owned();
                    refusal = Some(Refusal::OrderDependent { function, unique });
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        });
    }
    refusal.map_or(Ok(()), Err)
}

/// Returns whether the result of `call` depends on the order of the records. It does not if the call is ordered by the
/// columns that identify a record. Nor does it if the values taken from a record follow from the values by which it is
/// ordered, because records that are equal in these may then change places.
fn depends_on_order(call: &AggregateFunction, unique: &[&str]) -> bool {
    if !ORDER_DEPENDENT.contains(&call.func.name()) {
        return false;
    }
    let keys: Vec<&Expr> = call.params.order_by.iter().map(|sort| &sort.expr).collect();
    let by = |name: &&str| {
        keys.iter()
            .any(|key| matches!(key, Expr::Column(column) if column.name == *name))
    };
    let is_unique = unique.iter().all(by);
    !(is_unique || call.params.args.iter().all(|taken| follows(taken, &keys)))
}

/// Returns whether `expr` has the same value for all records that have the same `keys`.
fn follows(expr: &Expr, keys: &[&Expr]) -> bool {
    let mut follows = true;
    let _ = expr.apply(|part| {
        if keys.contains(&part) {
            return Ok(TreeNodeRecursion::Jump);
        }
        follows &= !matches!(part, Expr::Column(_)) && !part.is_volatile_node();
        Ok(TreeNodeRecursion::Continue)
    });
    follows
}

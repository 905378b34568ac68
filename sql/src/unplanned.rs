//! Refuses what must not reach the planner: statements that are no SELECT, words that the planner would pass over in
//! silence, and more operators in a row than it could finish.

use std::iter;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, GroupByExpr, NamedWindowDefinition, NamedWindowExpr, OrderByKind, Query, Select,
    SelectItem, SetExpr, TableFactor, WindowSpec, WindowType,
};

use crate::walk::{Walker, walk};
use crate::{Ignored, SqlError};

/// The most operators in a row. Each of them is an operand of the next one, so whatever goes through them calls itself
/// for each, and the planner's time grows with the square of their number: 300 of them take a second. The parser itself
/// limits what stands in parentheses.
const MOST_IN_A_ROW: usize = 500;

/// Checks that the query has nothing of this kind. The query is not changed.
///
/// # Errors
/// Returns [`SqlError::NotSelect`], [`SqlError::Ignored`] or [`SqlError::TooLong`] for the first that is found.
pub(crate) fn check(query: &mut Query) -> Result<(), SqlError> {
    let mut unplanned = Unplanned { first: None };
    walk(query, &mut unplanned);
    unplanned.first.map_or(Ok(()), Err)
}

struct Unplanned {
    first: Option<SqlError>,
}

impl Unplanned {
    fn ignored(&mut self, words: &'static str, mend: &'static str) {
        self.first.get_or_insert(Ignored(words, mend).into());
    }

    fn not_select(&mut self, words: &str) {
        self.first
            .get_or_insert_with(|| SqlError::NotSelect(words.to_owned()));
    }

    /// Refuses a window that refers to another window by its name.
    fn window(&mut self, window: &WindowSpec) {
        if window.window_name.is_some() {
            self.ignored(
                "a window that goes on from another, (w …)",
                "write all of it: OVER (PARTITION BY … ORDER BY …)",
            );
        }
    }

    /// Ends the walk before it descends into the long row, which would be too long for the walk, too.
    fn too_long(&mut self) -> ControlFlow<()> {
        self.first = Some(SqlError::TooLong(MOST_IN_A_ROW));
        ControlFlow::Break(())
    }
}

impl Walker for Unplanned {
    fn query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if set_operations(&query.body) > MOST_IN_A_ROW {
            return self.too_long();
        }
        // These can follow a WITH; without one the parser does not take them for a query.
        match *query.body {
            SetExpr::Insert(_) => self.not_select("INSERT"),
            SetExpr::Update(_) => self.not_select("UPDATE"),
            SetExpr::Delete(_) => self.not_select("DELETE"),
            SetExpr::Merge(_) => self.not_select("MERGE"),
            _ => {}
        }
        if !query.locks.is_empty() {
            self.ignored("FOR UPDATE", "leave it out");
        }
        if query.for_clause.is_some() {
            self.ignored("FOR XML or JSON", "leave it out");
        }
        if query.settings.is_some() {
            self.ignored("SETTINGS", "leave it out");
        }
        if query.format_clause.is_some() {
            self.ignored("FORMAT", "leave it out; OUTPUT says how a result is shown");
        }
        if let Some(order) = &query.order_by {
            let fills = match &order.kind {
                OrderByKind::Expressions(exprs) => exprs.iter().any(|by| by.with_fill.is_some()),
                OrderByKind::All(_) => false,
            };
            if fills || order.interpolate.is_some() {
                self.ignored("WITH FILL or INTERPOLATE", "leave it out");
            }
        }
        if let SetExpr::Select(select) = &*query.body
            && select.projection.is_empty()
            && query.pipe_operators.is_empty()
        {
            self.ignored("a SELECT of nothing", "write SELECT * FROM …");
        }
        ControlFlow::Continue(())
    }

    fn select(&mut self, select: &mut Select) {
        if select.into.is_some() {
            self.not_select("SELECT … INTO");
        }
        for item in &select.projection {
            if let SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) = item
                && (options.opt_replace.is_some()
                    || options.opt_ilike.is_some()
                    || options.opt_rename.is_some()
                    || options.opt_alias.is_some())
            {
                self.ignored(
                    "* REPLACE, RENAME, ILIKE or AS",
                    "write the columns, or * EXCEPT (…)",
                );
            }
        }
        if select.prewhere.is_some() {
            self.ignored("PREWHERE", "write WHERE");
        }
        if !select.connect_by.is_empty() {
            self.ignored("CONNECT BY", "leave it out");
        }
        for NamedWindowDefinition(_, window) in &select.named_window {
            if let NamedWindowExpr::WindowSpec(window) = window {
                self.window(window);
            }
        }
        if select.value_table_mode.is_some() {
            self.ignored("SELECT AS STRUCT or VALUE", "leave the AS out");
        }
        let (GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers)) =
            &select.group_by;
        if !modifiers.is_empty() {
            self.ignored(
                "GROUP BY … WITH …",
                "write GROUP BY ROLLUP (a, b) or CUBE (a, b)",
            );
        }
    }

    fn table(&mut self, table: &mut TableFactor) {
        if let TableFactor::Table {
            sample: Some(_), ..
        }
        | TableFactor::Derived {
            sample: Some(_), ..
        } = table
        {
            self.ignored(
                "TABLESAMPLE",
                "choose by a column, for instance WHERE _offset % 10 = 0",
            );
        }
        if let TableFactor::Table {
            with_hints,
            version,
            partitions,
            index_hints,
            with_ordinality,
            json_path,
            ..
        } = table
        {
            if !partitions.is_empty() {
                self.ignored(
                    "PARTITION (…)",
                    "choose by a column, for instance WHERE _partition = 0",
                );
            }
            if !with_hints.is_empty() || !index_hints.is_empty() {
                self.ignored("a hint behind a table", "leave it out");
            }
            if *with_ordinality || json_path.is_some() {
                self.ignored("WITH ORDINALITY, or a path behind a table", "leave it out");
            }
            if version.is_some() {
                self.ignored(
                    "a version of a table",
                    "choose by a column, for instance WHERE _kafka_timestamp < …",
                );
            }
        }
    }

    fn before(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let expr: &Expr = expr;
        if let Expr::Function(call) = expr
            && let Some(WindowType::WindowSpec(window)) = &call.over
        {
            self.window(window);
        }
        let operators = iter::successors(Some(expr), |next| first_operand(next)).count() - 1;
        match operators > MOST_IN_A_ROW {
            true => self.too_long(),
            false => ControlFlow::Continue(()),
        }
    }
}

/// Returns the first operand of an operator that stands behind it. The parser reads rows of these operators without
/// calling itself.
fn first_operand(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::BinaryOp { left: expr, .. }
        | Expr::Cast { expr, .. }
        | Expr::AtTimeZone {
            timestamp: expr, ..
        }
        | Expr::Collate { expr, .. }
        | Expr::Between { expr, .. }
        | Expr::InList { expr, .. }
        | Expr::Like { expr, .. }
        | Expr::ILike { expr, .. }
        | Expr::RLike { expr, .. }
        | Expr::SimilarTo { expr, .. }
        | Expr::AnyOp { left: expr, .. }
        | Expr::AllOp { left: expr, .. }
        | Expr::InSubquery { expr, .. }
        | Expr::InUnnest { expr, .. }
        | Expr::IsNormalized { expr, .. }
        | Expr::JsonAccess { value: expr, .. }
        | Expr::IsNull(expr)
        | Expr::IsNotNull(expr)
        | Expr::IsTrue(expr)
        | Expr::IsNotTrue(expr)
        | Expr::IsFalse(expr)
        | Expr::IsNotFalse(expr)
        | Expr::IsUnknown(expr)
        | Expr::IsNotUnknown(expr)
        | Expr::IsDistinctFrom(expr, _)
        | Expr::IsNotDistinctFrom(expr, _) => Some(expr),
        _ => None,
    }
}

/// Returns how many UNIONs and other set operations a query has, without those in parentheses.
fn set_operations(body: &SetExpr) -> usize {
    let mut count = 0;
    let mut open = vec![body];
    while let Some(next) = open.pop() {
        if let SetExpr::SetOperation { left, right, .. } = next {
            count += 1;
            open.extend([&**left, &**right]);
        }
    }
    count
}

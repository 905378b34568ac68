//! A walk through a parsed query.
//!
//! sqlparser's visitors are generic, and each kind of them is half a megabyte of code: one function for each type that
//! can stand in any statement. So there is one kind, and what it does on the way is behind a pointer.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Select, TableFactor, VisitMut, VisitorMut};

/// What is done on the way, which ends at a `Break`.
pub(crate) trait Walker {
    /// With a query, before what is in it.
    fn query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    /// With a SELECT, before what is in it.
    fn select(&mut self, _select: &mut Select) {}
    /// With what stands in a FROM, before what is in it.
    fn table(&mut self, _table: &mut TableFactor) {}
    /// With an expression, before what is in it.
    fn before(&mut self, _expr: &mut Expr) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    /// With an expression, after what is in it.
    fn after(&mut self, _expr: &mut Expr) {}
}

/// Takes `walker` through all of `query`.
pub(crate) fn walk(query: &mut Query, walker: &mut dyn Walker) {
    let _ = query.visit(&mut Steps(walker));
}

/// Takes `walker` through an expression.
pub(crate) fn walk_expr(expr: &mut Expr, walker: &mut dyn Walker) {
    let _ = expr.visit(&mut Steps(walker));
}

struct Steps<'a>(&'a mut dyn Walker);

impl VisitorMut for Steps<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.0.query(query)
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.0.select(select);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        self.0.table(table);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.0.before(expr)
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.0.after(expr);
        ControlFlow::Continue(())
    }
}

//! Walks through a parsed query.
//!
//! sqlparser's visitors are generic, and each kind of visitor is half a megabyte of code: one function for each type
//! that can stand in any statement. So there is only one kind, which calls the walker through a pointer.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Select, TableFactor, VisitMut, VisitorMut};

/// A walker, which the walk calls for each part of a query. The walk ends when one of its methods returns `Break`.
pub(crate) trait Walker {
    /// Handles a query, before its parts are visited.
    fn query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    /// Handles a SELECT, before its parts are visited.
    fn select(&mut self, _select: &mut Select) {}
    /// Handles an item of a FROM, before its parts are visited.
    fn table(&mut self, _table: &mut TableFactor) {}
    /// Handles an expression, before its parts are visited.
    fn before(&mut self, _expr: &mut Expr) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    /// Handles an expression, after its parts were visited.
    fn after(&mut self, _expr: &mut Expr) {}
}

/// Walks through all of `query` and calls `walker` for its parts.
pub(crate) fn walk(query: &mut Query, walker: &mut dyn Walker) {
    let _ = query.visit(&mut Steps(walker));
}

/// Walks through an expression and calls `walker` for its parts.
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

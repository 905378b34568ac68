//! Refuses clauses that only an aggregate or a window function can have, where another function has them.
//!
//! The planner would pass over such a clause: `round(sum(x), 2) FILTER (WHERE y)` would sum up all records.

use std::ops::ControlFlow;

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArgumentClause, FunctionArguments, Query,
};

use crate::catalog::Catalog;
use crate::spark::names::{self, simple_name};
use crate::walk::{Walker, walk};
use crate::{Ignored, SqlError};

/// Checks that no call of a plain function has such a clause.
///
/// # Errors
/// Returns [`SqlError::Ignored`] with the first clause that is found.
pub(crate) fn check(query: &mut Query, catalog: &Catalog) -> Result<(), SqlError> {
    let mut calls = Calls {
        catalog,
        first: None,
    };
    walk(query, &mut calls);
    calls.first.map_or(Ok(()), |ignored| Err(ignored.into()))
}

struct Calls<'a> {
    catalog: &'a Catalog,
    first: Option<Ignored>,
}

impl Walker for Calls<'_> {
    fn before(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(call) = expr
            && let Some(clause) = of(call)
            && self.is_plain(call)
        {
            self.first = Some(Ignored(clause, "write it in the call of the aggregate"));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl Calls<'_> {
    /// Returns whether `call` is a call of a function that looks at one row. An unknown function is reported later.
    fn is_plain(&self, call: &Function) -> bool {
        simple_name(&call.name).is_some_and(|name| {
            let is_known = name == "unnest"
                || self.catalog.is_scalar(&name)
                || names::names().any(|spark| spark == name);
            is_known && !self.catalog.is_of_rows(&name)
        })
    }
}

/// Returns the words for the first such clause of a call.
pub(crate) fn of(call: &Function) -> Option<&'static str> {
    let (distinct, inner) = match &call.args {
        FunctionArguments::List(list) => (list.duplicate_treatment, list.clauses.as_slice()),
        _ => (None, &[][..]),
    };
    let is_inner = |found: fn(&FunctionArgumentClause) -> bool| inner.iter().any(found);
    let clauses = [
        (call.filter.is_some(), "FILTER behind a plain function"),
        (call.over.is_some(), "OVER behind a plain function"),
        (
            !call.within_group.is_empty(),
            "WITHIN GROUP behind a plain function",
        ),
        (
            distinct == Some(DuplicateTreatment::Distinct),
            "DISTINCT in a plain function",
        ),
        (
            call.null_treatment.is_some()
                || is_inner(|clause| {
                    matches!(clause, FunctionArgumentClause::IgnoreOrRespectNulls(_))
                }),
            "IGNORE or RESPECT NULLS in a plain function",
        ),
        (
            is_inner(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_))),
            "ORDER BY in a plain function",
        ),
    ];
    let mut found = clauses.into_iter().filter(|(is_there, _)| *is_there);
    found.next().map(|(_, clause)| clause)
}

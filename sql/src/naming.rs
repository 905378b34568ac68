//! Names the columns of a result as they were written.
//!
//! The planner would name a column without an alias after its own reading of it, as in `sum(transactions.amount *
//! Decimal128(1.1,2,1))`. So each such column gets its own text as an alias, before anything else changes the query.
//! Plain columns and `*` have names already. A name that the user has given stays as it was written.

use std::collections::HashMap;

use sqlparser::ast::{AccessExpr, Expr, Ident, ObjectNamePart, Query, Select, SelectItem};

use crate::walk::{Walker, walk, walk_expr};

/// Gives every unnamed column of `query`, and of the SELECTs in its FROM, its text as its name.
pub(crate) fn name_columns(query: &mut Query) {
    walk(query, &mut Selects);
}

struct Selects;

impl Walker for Selects {
    fn select(&mut self, select: &mut Select) {
        name_items(&mut select.projection);
    }
}

fn name_items(items: &mut [SelectItem]) {
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut whole_table = false;
    for item in items.iter() {
        match item {
            SelectItem::ExprWithAlias { alias, .. } => {
                *taken.entry(alias.value.clone()).or_default() += 1;
            }
            SelectItem::UnnamedExpr(expr) => {
                *taken.entry(short(expr)).or_default() += 1;
            }
            _ => whole_table = true,
        }
    }
    for item in items {
        let expr = match item {
            // Without quotes the name would be lower-cased.
            SelectItem::ExprWithAlias { alias, .. } => {
                alias.quote_style = Some('"');
                continue;
            }
            SelectItem::UnnamedExpr(expr) => expr,
            _ => continue,
        };
        if matches!(bare(expr), Expr::Identifier(_)) {
            continue;
        }
        let mut name = short(expr);
        // The column `battery.volts` is called `volts`, unless another column has this name.
        if whole_table || taken.get(&name).is_some_and(|times| *times > 1) {
            name = text(expr);
        }
        *item = SelectItem::ExprWithAlias {
            expr: expr.clone(),
            alias: Ident::with_quote('"', name),
        };
    }
}

/// Returns the last word of a path, which is how Spark calls it, or the text of any other expression.
fn short(expr: &Expr) -> String {
    let last = match bare(expr) {
        Expr::Identifier(word) => Some(word),
        Expr::CompoundIdentifier(words) => words.last(),
        Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last() {
            Some(AccessExpr::Dot(Expr::Identifier(word))) => Some(word),
            _ => None,
        },
        _ => None,
    };
    last.map_or_else(|| text(expr), |word| word.value.clone())
}

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}

/// Returns the expression in one line. Names of functions are in small letters, and only string literals have quotes.
fn text(expr: &Expr) -> String {
    let mut shown = bare(expr).clone();
    walk_expr(&mut shown, &mut Plain);
    shown.to_string()
}

/// Removes the quotes of names, and writes names of functions in small letters.
struct Plain;

impl Walker for Plain {
    fn after(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Identifier(word) => word.quote_style = None,
            Expr::CompoundIdentifier(words) => {
                words.iter_mut().for_each(|word| word.quote_style = None);
            }
            Expr::Function(call) => {
                for part in &mut call.name.0 {
                    if let ObjectNamePart::Identifier(word) = part {
                        word.value = word.value.to_lowercase();
                    }
                }
            }
            _ => {}
        }
    }
}

//! What the columns of a result are called: as they were written.
//!
//! The planner would name a column that has no alias after its own reading of it, as in
//! `sum(transactions.amount * Decimal128(1.1,2,1))`. So each such column gets its own text for an
//! alias, before anything else changes the query. Plain columns and `*` have names already, and
//! what the user has called a column stays to the letter.

use std::collections::HashMap;

use sqlparser::ast::{AccessExpr, Expr, Ident, ObjectNamePart, Query, Select, SelectItem};

use crate::walk::{Walker, walk, walk_expr};

/// Gives every unnamed column of `query`, and of the SELECTs in its FROM, its text for a name.
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
            // Without quotes it would be lower-cased.
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
        // `battery.volts` is `volts`, unless there is another one.
        if whole_table || taken.get(&name).is_some_and(|times| *times > 1) {
            name = text(expr);
        }
        *item = SelectItem::ExprWithAlias {
            expr: expr.clone(),
            alias: Ident::with_quote('"', name),
        };
    }
}

/// The last word of a path, as Spark calls it; the text of anything else.
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

/// The expression in one line, names of functions in small letters and nothing in quotes but text.
fn text(expr: &Expr) -> String {
    let mut shown = bare(expr).clone();
    walk_expr(&mut shown, &mut Plain);
    shown.to_string()
}

/// Takes quotes off, and writes names of functions in small letters.
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

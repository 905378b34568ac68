//! Columns found whatever their case, as Spark finds them.
//!
//! DataFusion lower-cases a word without quotes, and finds nothing else. So each word that is a column's, a field's or a
//! name that the query has given gets that name in quotes.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr,
};

use crate::walk::{Walker, walk};

/// The names that a query gives behind AS, by what they are without their case.
#[derive(Default)]
pub(crate) struct Given {
    names: HashMap<String, String>,
}

impl Given {
    /// Adds those of `query`; of two that differ in their case only the first stays.
    pub(crate) fn add(&mut self, query: &mut Query) {
        walk(query, self);
    }
}

/// Has each word of `query` in quotes that stands for one of `columns`, for a field in them, or for a given name.
pub(crate) fn resolve(query: &mut Query, columns: &Fields, given: Given) {
    let mut fields = HashMap::new();
    for column in columns {
        collect_fields(column.data_type(), &mut fields);
    }
    let mut words = Words {
        columns,
        fields,
        given: given.names,
    };
    walk(query, &mut words);
}

fn folded(word: &str) -> String {
    word.to_lowercase()
}

impl Walker for Given {
    fn select(&mut self, select: &mut Select) {
        for name in given_by(select) {
            self.names.entry(folded(name)).or_insert(name.to_owned());
        }
    }
}

fn given_by(select: &Select) -> impl Iterator<Item = &str> {
    select.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.as_str()),
        _ => None,
    })
}

/// All fields at any depth, for where it is not known whose they are.
fn collect_fields(of: &DataType, names: &mut HashMap<String, String>) {
    match of {
        DataType::Struct(fields) => {
            for field in fields {
                names
                    .entry(folded(field.name()))
                    .or_insert(field.name().clone());
                collect_fields(field.data_type(), names);
            }
        }
        DataType::List(item) => collect_fields(item.data_type(), names),
        _ => {}
    }
}

struct Words<'a> {
    columns: &'a Fields,
    fields: HashMap<String, String>,
    given: HashMap<String, String>,
}

impl Walker for Words<'_> {
    /// What a result is sorted by is one of its own columns first.
    fn query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let SetExpr::Select(select) = &*query.body else {
            return ControlFlow::Continue(());
        };
        let Some(order) = &mut query.order_by else {
            return ControlFlow::Continue(());
        };
        if let OrderByKind::Expressions(keys) = &mut order.kind {
            for key in keys {
                if let Expr::Identifier(word) = &mut key.expr
                    && word.quote_style.is_none()
                    && let Some(name) = given_by(select).find(|name| is_meant(name, word))
                {
                    *word = quoted(name);
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn before(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(word) => {
                self.column(word);
            }
            Expr::CompoundIdentifier(words) => self.path(words),
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Words<'_> {
    /// The type of the column, if the word is one's.
    fn column(&self, word: &mut Ident) -> Option<&DataType> {
        let column = one_of(self.columns, word);
        let given = || self.given.get(&folded(&word.value));
        let name = column.map(Field::name).or_else(given).cloned();
        if let Some(name) = name.filter(|_| word.quote_style.is_none()) {
            *word = quoted(&name);
        }
        column.map(Field::data_type)
    }

    /// `column.field`, `table.column.field`.
    fn path(&self, words: &mut [Ident]) {
        let (first, mut rest) = match words {
            [first, rest @ ..] => (first, rest),
            [] => return,
        };
        let mut of = None;
        if one_of(self.columns, first).is_some() {
            of = self.column(first);
        } else if let [column, behind @ ..] = rest {
            of = self.column(column);
            rest = behind;
        }
        for word in rest {
            of = self.field(of, word);
        }
    }

    fn field<'a>(&self, of: Option<&'a DataType>, word: &mut Ident) -> Option<&'a DataType> {
        let field = match of {
            Some(DataType::Struct(fields)) => one_of(fields, word),
            _ => None,
        };
        let known = || self.fields.get(&folded(&word.value));
        let name = field.map(Field::name).or_else(known).cloned();
        if let Some(name) = name.filter(|_| word.quote_style.is_none()) {
            *word = quoted(&name);
        }
        field.map(Field::data_type)
    }

    /// `column[1].field`, `column.field[1]`, and so on.
    fn access(&self, root: &mut Expr, chain: &mut [AccessExpr]) {
        let mut of = match root {
            Expr::Identifier(word) => self.column(word),
            _ => None,
        };
        // In front of it there may be a table.
        let mut is_table = of.is_none() && matches!(root, Expr::Identifier(_));
        for access in chain {
            match access {
                AccessExpr::Dot(Expr::Identifier(word)) => {
                    of = match is_table {
                        true => self.column(word),
                        false => self.field(of, word),
                    };
                    // What is not known stays as DataFusion reads it, and is no column when it is met again.
                    if word.quote_style.is_none() {
                        *word = quoted(&word.value.to_ascii_lowercase());
                    }
                }
                AccessExpr::Dot(_) => of = None,
                AccessExpr::Subscript(_) => {
                    of = match of {
                        Some(DataType::List(item)) => Some(item.data_type()),
                        _ => None,
                    };
                }
            }
            is_table = false;
        }
    }
}

/// The field that `word` means: in quotes to the letter, else whatever its case. No two differ in their case only.
fn one_of<'a>(fields: &'a Fields, word: &Ident) -> Option<&'a Field> {
    let means = |field: &&Arc<Field>| match word.quote_style {
        Some(_) => *field.name() == word.value,
        None => is_meant(field.name(), word),
    };
    fields.iter().find(means).map(AsRef::as_ref)
}

fn is_meant(name: &str, word: &Ident) -> bool {
    folded(name) == folded(&word.value)
}

fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

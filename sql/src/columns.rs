//! Columns found whatever their case, as Spark finds them.
//!
//! DataFusion lower-cases a word without quotes, and finds nothing else. So each word that is a column's, a field's or a
//! name that the query has given gets that name in quotes.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::slice;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use sqlparser::ast::{
    AccessExpr, ExcludeSelectItem, Expr, Ident, ObjectNamePart, OrderByKind, Query, Select,
    SelectItem, SetExpr, TableAlias, TableFactor,
};

use crate::walk::{Walker, walk};

/// The names that a query gives behind AS, by what they are without their case.
#[derive(Default)]
pub(crate) struct Given {
    names: HashMap<String, String>,
}

impl Given {
    /// Those of `query`; of two that differ in their case only the first.
    pub(crate) fn of(query: &mut Query) -> Self {
        let mut given = Self::default();
        walk(query, &mut given);
        given
    }

    /// Those in `AS t ("a", b)`; without quotes DataFusion finds them itself.
    fn add_columns(&mut self, alias: &TableAlias) {
        let quoted = |name: &&Ident| name.quote_style.is_some();
        for name in alias
            .columns
            .iter()
            .map(|column| &column.name)
            .filter(quoted)
        {
            self.names
                .entry(folded(&name.value))
                .or_insert(name.value.clone());
        }
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
    fn query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.add_columns(&table.alias);
        }
        ControlFlow::Continue(())
    }

    fn table(&mut self, table: &mut TableFactor) {
        if let TableFactor::Table { alias, .. } | TableFactor::Derived { alias, .. } = table
            && let Some(alias) = alias
        {
            self.add_columns(alias);
        }
    }

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
fn collect_fields(of: &DataType, names: &mut HashMap<String, Vec<String>>) {
    match of {
        DataType::Struct(fields) => {
            for field in fields {
                let names_of_it = names.entry(folded(field.name())).or_default();
                names_of_it.push(field.name().clone());
                collect_fields(field.data_type(), names);
            }
        }
        DataType::List(item) => collect_fields(item.data_type(), names),
        _ => {}
    }
}

struct Words<'a> {
    columns: &'a Fields,
    fields: HashMap<String, Vec<String>>,
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

    fn select(&mut self, select: &mut Select) {
        for item in &mut select.projection {
            let (SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options)) = item
            else {
                continue;
            };
            if let Some(except) = &mut options.opt_except {
                self.column(&mut except.first_element);
                for word in &mut except.additional_elements {
                    self.column(word);
                }
            }
            let excluded = match &mut options.opt_exclude {
                Some(ExcludeSelectItem::Single(name)) => slice::from_mut(name),
                Some(ExcludeSelectItem::Multiple(names)) => names.as_mut_slice(),
                None => &mut [],
            };
            for name in excluded {
                if let [ObjectNamePart::Identifier(word)] = name.0.as_mut_slice() {
                    self.column(word);
                }
            }
        }
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
        if one_of(self.columns, first).is_some() || self.is_given_struct(first, rest) {
            of = self.column(first);
        } else if let [column, behind @ ..] = rest {
            of = self.column(column);
            rest = behind;
        }
        for word in rest {
            of = self.field(of, word);
        }
    }

    /// Whether `first` is a name that the query has given to what has fields, rather than a table's.
    fn is_given_struct(&self, first: &Ident, rest: &[Ident]) -> bool {
        let Some(second) = rest.first() else {
            return false;
        };
        let fields = self.fields.get(&folded(&second.value));
        let is_field = |fields: &Vec<String>| {
            one_of(self.columns, second).is_none() || fields.contains(&second.value)
        };
        self.given.contains_key(&folded(&first.value)) && fields.is_some_and(is_field)
    }

    fn field<'a>(&self, of: Option<&'a DataType>, word: &mut Ident) -> Option<&'a DataType> {
        let field = match of {
            Some(DataType::Struct(fields)) => one_of(fields, word),
            _ => None,
        };
        let known = || {
            let fields = self.fields.get(&folded(&word.value))?;
            let to_the_letter = fields.iter().find(|name| **name == word.value);
            to_the_letter.or(fields.first())
        };
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

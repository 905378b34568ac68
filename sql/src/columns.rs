//! Finds columns whatever their case, as Spark finds them.
//!
//! DataFusion lower-cases a word without quotes and looks for nothing else. So each word that names a column, a field,
//! or something that the query has named itself is replaced by the exact name in quotes.

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

/// The names that a query gives with AS, by their lower-case form.
#[derive(Default)]
pub(crate) struct Given {
    names: HashMap<String, String>,
}

impl Given {
    /// Collects the names of `query`. Of two names that differ only in their case, the first one counts.
    pub(crate) fn of(query: &mut Query) -> Self {
        let mut given = Self::default();
        walk(query, &mut given);
        given
    }

    /// Adds the quoted names of `AS t ("a", b)`. DataFusion itself finds those without quotes.
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

/// Puts each word of `query` in quotes that names one of `columns`, a field in them, or a name that the query gives.
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

/// Collects the fields at any depth, for places where it is unknown to which column a field belongs.
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
    /// Resolves the words of ORDER BY: a word first means a column of the result.
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
    /// Replaces the word by the exact name of the column that it means, and returns the column's type. Returns `None`
    /// when it names no column.
    fn column(&self, word: &mut Ident) -> Option<&DataType> {
        let column = one_of(self.columns, word);
        let given = || self.given.get(&folded(&word.value));
        let name = column.map(Field::name).or_else(given).cloned();
        if let Some(name) = name.filter(|_| word.quote_style.is_none()) {
            *word = quoted(&name);
        }
        column.map(Field::data_type)
    }

    /// Resolves `column.field` and `table.column.field`.
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

    /// Returns whether `first` is a name that the query has given to something with fields, rather than a table's name.
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

    /// Replaces the word by the exact name of the field that it means in the type `of`, and returns the field's type.
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

    /// Resolves `column[1].field`, `column.field[1]`, and so on.
    fn access(&self, root: &mut Expr, chain: &mut [AccessExpr]) {
        let mut of = match root {
            Expr::Identifier(word) => self.column(word),
            _ => None,
        };
        // The root may be a table's name instead of a column's.
        let mut is_table = of.is_none() && matches!(root, Expr::Identifier(_));
        for access in chain {
            match access {
                AccessExpr::Dot(Expr::Identifier(word)) => {
                    of = match is_table {
                        true => self.column(word),
                        false => self.field(of, word),
                    };
                    // An unknown word stays in lower case, as DataFusion reads it. In quotes it is not taken for a
                    // column when the walk meets it again.
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

/// Returns the field that `word` means. A word in quotes means the field of exactly this name, any other word the field
/// of this name in whatever case. No two fields differ only in their case.
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

//! Makes DataFusion's logical plan of SQL text. Spark's names are understood, columns are called as they were written,
//! and no words are passed over in silence.
//!
//! Nothing here runs for a record or a group. All of it, the planner too, is instantiated from generic code of
//! sqlparser and DataFusion, which is compiled where it is called. Since it is a crate of its own, it can be compiled
//! for size.

mod catalog;
mod clauses;
mod columns;
mod naming;
mod paths;
mod spark;
mod unplanned;
mod walk;

use std::mem;

use arrow::datatypes::Fields;
use datafusion_common::DataFusionError;
use datafusion_expr::LogicalPlan;
use datafusion_sql::parser::{DFParser, Statement};
use datafusion_sql::planner::{ParserOptions, SqlToRel};
use sqlparser::ast::{self, Query};
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer};
use thiserror::Error;

use self::columns::Given;

pub use catalog::Catalog;
pub use paths::paths;

/// Why a text cannot be planned as a query.
#[derive(Debug, Error)]
pub enum SqlError {
    /// The text is not SQL, or DataFusion cannot plan it.
    #[error(transparent)]
    Invalid(#[from] DataFusionError),
    /// The text has no statement.
    #[error("it is empty")]
    Empty,
    /// The text has several statements.
    #[error("it holds more than one statement; a process keeps one query")]
    Several,
    /// The text has more operators in a row than are allowed; the number is how many are allowed.
    #[error(
        "it has more than {0} operators in a row; put parts of them into parentheses, or write x IN (…) for \
         x = … OR x = …"
    )]
    TooLong(usize),
    /// The text has words that the planner would pass over.
    #[error(transparent)]
    Ignored(#[from] Ignored),
    /// The statement is no SELECT; it begins with these words.
    #[error("it is no SELECT, but {0}")]
    NotSelect(String),
}

/// Words that the planner would pass over in silence, and the advice what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} is not known here; {1}")]
pub struct Ignored(pub &'static str, pub &'static str);

/// Parses `text`, which should hold one SELECT.
///
/// # Errors
/// Fails if the text is no SQL, is not exactly one SELECT, or has words that would be ignored.
pub fn parse(text: &str) -> Result<Box<Query>, SqlError> {
    let mut statements = DFParser::parse_sql_with_dialect(text, &GenericDialect {})?.into_iter();
    let Some(first) = statements.next() else {
        return Err(SqlError::Empty);
    };
    // When a statement is dropped, its destructor calls itself for each operator in a row, and nobody has counted these
    // yet. So a refused statement is leaked instead of dropped.
    if statements.len() > 0 {
        mem::forget((first, statements));
        return Err(SqlError::Several);
    }
    let mut query = match first {
        Statement::Statement(plain) => match *plain {
            ast::Statement::Query(query) => query,
            other => return Err(not_select(text, other)),
        },
        other => return Err(not_select(text, other)),
    };
    match unplanned::check(&mut query) {
        Ok(()) => Ok(query),
        Err(refused) => {
            mem::forget(query);
            Err(refused)
        }
    }
}

/// Makes the error that names the first word of `text`.
fn not_select<T>(text: &str, statement: T) -> SqlError {
    mem::forget(statement);
    let words = Tokenizer::new(&GenericDialect {}, text).tokenize();
    let first = words.into_iter().flatten().find_map(|token| match token {
        Token::Word(word) => Some(word.value.to_uppercase()),
        _ => None,
    });
    SqlError::NotSelect(first.unwrap_or_default())
}

/// Plans `query` with the tables and functions of `catalog`. `columns` are the columns of the table; they are found
/// whatever their case.
///
/// # Errors
/// Fails if the query has words that would be ignored, names something that does not exist, or cannot be planned by
/// DataFusion.
pub fn plan(
    mut query: Box<Query>,
    columns: &Fields,
    catalog: &Catalog,
) -> Result<LogicalPlan, SqlError> {
    // The names are collected first: the next step adds names that the user has not given.
    let given = Given::of(&mut query);
    naming::name_columns(&mut query);
    columns::resolve(&mut query, columns, given);
    spark::rewrite(&mut query)?;
    clauses::check(&mut query, catalog)?;
    let statement = Box::new(ast::Statement::Query(query));
    let options = ParserOptions::from(&catalog.options().sql_parser);
    let planner = SqlToRel::new_with_options(catalog, options);
    Ok(planner.statement_to_plan(Statement::Statement(statement))?)
}

//! From SQL text to DataFusion's logical plan: with Spark's names understood, columns called as they were written, and
//! no words passed over in silence.
//!
//! Nothing here runs for a record or a group, and all of it is instantiated from sqlparser's and DataFusion's generic
//! code, the planner's too, which is compiled where it is called. In a crate of its own it is compiled for size.

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

/// Why a text is no statement that can be planned.
#[derive(Debug, Error)]
pub enum SqlError {
    /// It is not SQL.
    #[error(transparent)]
    Invalid(#[from] DataFusionError),
    /// It has no statement.
    #[error("it is empty")]
    Empty,
    /// It has several.
    #[error("it holds more than one statement; a process keeps one query")]
    Several,
    /// It has more operators in a row than may be.
    #[error(
        "it has more than {0} operators in a row; put parts of them into parentheses, or write x IN (…) for \
         x = … OR x = …"
    )]
    TooLong(usize),
    /// It has words that the planner would pass over.
    #[error(transparent)]
    Ignored(#[from] Ignored),
    /// It is no SELECT, but this.
    #[error("it is no SELECT, but {0}")]
    NotSelect(String),
}

/// Words that the planner would pass over in silence, and what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} is not known here; {1}")]
pub struct Ignored(pub &'static str, pub &'static str);

/// Parses `text`, which should hold one SELECT.
///
/// # Errors
/// If it is no SQL, not one SELECT, or has words that would be ignored.
pub fn parse(text: &str) -> Result<Box<Query>, SqlError> {
    let mut statements = DFParser::parse_sql_with_dialect(text, &GenericDialect {})?.into_iter();
    let Some(first) = statements.next() else {
        return Err(SqlError::Empty);
    };
    // A statement calls itself for each of its operators when it is dropped, and nobody has looked yet how many these
    // are: so what is refused is forgotten.
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

/// Refuses what `text` holds by its first word.
fn not_select<T>(text: &str, statement: T) -> SqlError {
    mem::forget(statement);
    let words = Tokenizer::new(&GenericDialect {}, text).tokenize();
    let first = words.into_iter().flatten().find_map(|token| match token {
        Token::Word(word) => Some(word.value.to_uppercase()),
        _ => None,
    });
    SqlError::NotSelect(first.unwrap_or_default())
}

/// Plans `query` with what is in `catalog`. `columns` are the table's, found whatever their case.
///
/// # Errors
/// If it has words that would be ignored, names what is not there, or DataFusion cannot plan it.
pub fn plan(
    mut query: Box<Query>,
    columns: &Fields,
    catalog: &Catalog,
) -> Result<LogicalPlan, SqlError> {
    // Before there are names that nobody has given.
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

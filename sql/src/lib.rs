//! From SQL text to DataFusion's logical plan: with Spark's names understood, columns called as they were written, and
//! no words passed over in silence.
//!
//! Nothing here runs for a record or a group, and all of it is instantiated from sqlparser's and DataFusion's generic
//! code, the planner's too, which is compiled where it is called. In a crate of its own it is compiled for size.

mod naming;
mod spark;
mod unplanned;
mod walk;

use std::mem;

use datafusion::arrow::datatypes::Fields;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use futures::FutureExt;
use thiserror::Error;

pub use spark::names::names as spark_names;

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
    /// It is no SELECT, but begins with this word.
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
pub fn parse(text: &str) -> Result<Statement, SqlError> {
    let statements = DFParser::parse_sql_with_dialect(text, &GenericDialect {})?;
    let mut statements = statements.into_iter();
    match (statements.next(), statements.next()) {
        (Some(mut statement), None) => {
            let checked = plain(&mut statement).map_or(Ok(()), unplanned::check);
            if let Err(SqlError::TooLong(most)) = checked {
                // To drop it would call itself for each of them, too.
                mem::forget(statement);
                return Err(SqlError::TooLong(most));
            }
            checked?;
            match statement {
                Statement::Statement(ref plain) if matches!(**plain, ast::Statement::Query(_)) => {
                    Ok(statement)
                }
                other => Err(SqlError::NotSelect(first_word(&other))),
            }
        }
        (None, _) => Err(SqlError::Empty),
        (Some(first), Some(second)) => {
            // Nobody has looked how long they are.
            mem::forget((first, second, statements));
            Err(SqlError::Several)
        }
    }
}

fn first_word(statement: &Statement) -> String {
    let text = statement.to_string();
    text.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The statement as sqlparser knows it, explained or not.
fn plain(statement: &mut Statement) -> Option<&mut ast::Statement> {
    match statement {
        Statement::Statement(statement) => Some(statement),
        Statement::Explain(explain) => plain(&mut explain.statement),
        _ => None,
    }
}

/// Plans `statement` with what `state` knows. `columns` are the table's, found whatever their case.
///
/// # Errors
/// If it names what is not there, or DataFusion cannot plan it.
pub fn plan(
    mut statement: Statement,
    columns: &Fields,
    state: &SessionState,
) -> Result<LogicalPlan, DataFusionError> {
    if let Statement::Statement(statement) = &mut statement {
        naming::name_columns(statement);
        spark::rewrite(statement, columns);
    }
    at_once(state.statement_to_plan(statement))
}

/// What planning comes to. It is async for catalogs that are far away; one that is not never waits.
///
/// # Errors
/// Those of planning, or that it waits.
pub fn at_once<T>(
    planning: impl Future<Output = Result<T, DataFusionError>>,
) -> Result<T, DataFusionError> {
    planning.now_or_never().unwrap_or_else(|| {
        Err(DataFusionError::Internal(
            "planning waits for something".to_owned(),
        ))
    })
}

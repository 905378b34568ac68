//! Words of a statement that the planner would pass over in silence.

use datafusion::sql::sqlparser::ast::{GroupByExpr, Query, SetExpr, Statement, TableFactor};

use crate::SqlError;
use crate::walk::{Walker, walk};

/// Checks that there are none. Nothing in the statement is changed.
///
/// # Errors
/// [`SqlError::Ignored`], of the first.
pub(crate) fn check(statement: &mut Statement) -> Result<(), SqlError> {
    let mut unplanned = Unplanned { first: None };
    walk(statement, &mut unplanned);
    match unplanned.first {
        Some((words, mend)) => Err(SqlError::Ignored { words, mend }),
        None => Ok(()),
    }
}

struct Unplanned {
    /// The words, and how to mend it.
    first: Option<(&'static str, &'static str)>,
}

impl Walker for Unplanned {
    fn query(&mut self, query: &mut Query) {
        if let SetExpr::Select(select) = &*query.body {
            let (GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers)) =
                &select.group_by;
            if !modifiers.is_empty() {
                self.first.get_or_insert((
                    "GROUP BY … WITH …",
                    "write GROUP BY ROLLUP (a, b) or CUBE (a, b)",
                ));
            }
        }
    }

    fn table(&mut self, table: &mut TableFactor) {
        if let TableFactor::Table {
            sample: Some(_), ..
        }
        | TableFactor::Derived {
            sample: Some(_), ..
        } = table
        {
            self.first.get_or_insert((
                "TABLESAMPLE",
                "choose by a column, for instance WHERE _offset % 10 = 0",
            ));
        }
    }
}

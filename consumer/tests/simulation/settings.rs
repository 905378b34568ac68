//! What is the same in many schedules: the query, and perhaps an error made on purpose.

use consumer::checkpoint::identity::Description;
use consumer::engine::query::Query;
use consumer::schema::TableSchema;

use super::topic::TOPIC;
use super::totals::{QUERY, ROWS, SCHEMA};

/// What is done wrong on purpose, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// A checkpoint's offset is kept before the state that goes with it.
    OffsetFirst,
    /// A member does not tell its client where to go on after a pause or a rebalance.
    NoSeek,
    /// A dead letter is said to be written, and is not.
    LetterLost,
    /// A checkpoint is kept before the rows are written that it passes.
    RowsLast,
    /// An output that dies acknowledges the batch with which it does.
    RowsDropped,
}

/// What all processes have in common.
pub struct Settings {
    pub query: Query,
    pub table: TableSchema,
    pub identity: Description,
    pub sabotage: Option<Sabotage>,
}

impl Settings {
    /// With a query that has an aggregate.
    pub fn new(sabotage: Option<Sabotage>) -> Self {
        Self::of(QUERY, sabotage)
    }

    /// With one that has none.
    pub fn appending(sabotage: Option<Sabotage>) -> Self {
        Self::of(ROWS, sabotage)
    }

    fn of(text: &str, sabotage: Option<Sabotage>) -> Self {
        let table = TableSchema::parse(SCHEMA).unwrap();
        let query = Query::plan(text, table.table(), &[]).unwrap();
        let columns = query.table().project(query.columns()).unwrap();
        let identity = Description::of(&query, &[TOPIC.to_owned()], &columns);
        Self {
            query,
            table,
            identity,
            sabotage,
        }
    }
}

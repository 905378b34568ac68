//! The settings that many schedules share: the query, and perhaps an error made on purpose.

use consumer::checkpoint::identity::Description;
use consumer::engine::query::Query;
use consumer::schema::TableSchema;

use super::topic::TOPIC;
use super::totals::{QUERY, ROWS, SCHEMA};

/// An error made on purpose, to see that the simulation finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// A checkpoint's offset is stored before the state that belongs to it.
    OffsetFirst,
    /// A member does not tell its client where to go on after a pause or a rebalance.
    NoSeek,
    /// A dead letter is reported as written, and is not.
    LetterLost,
    /// A checkpoint is stored before the rows that it passes are written.
    RowsLast,
    /// An output that dies acknowledges the batch at which it dies.
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
    /// Returns the settings for a query with an aggregate.
    pub fn new(sabotage: Option<Sabotage>) -> Self {
        Self::of(QUERY, sabotage)
    }

    /// Returns the settings for a query without an aggregate.
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

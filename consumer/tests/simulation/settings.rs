//! What is the same in all schedules: the query, and perhaps an error made on purpose.

use consumer::checkpoint::fingerprint::Identity;
use consumer::engine::query::Query;
use consumer::schema::TableSchema;

use super::topic::TOPIC;
use super::totals::{QUERY, SCHEMA};

/// What is done wrong on purpose, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// A checkpoint's offset is kept before the state that goes with it.
    OffsetFirst,
    /// What a worker did not take does not come again.
    HeldLost,
    /// A dead letter is said to be written, and is not.
    LetterLost,
}

/// What all processes have in common.
pub struct Settings {
    pub query: Query,
    pub table: TableSchema,
    pub identity: Identity,
    pub sabotage: Option<Sabotage>,
}

impl Settings {
    pub fn new(sabotage: Option<Sabotage>) -> Self {
        let table = TableSchema::parse(SCHEMA).unwrap();
        let query = Query::plan(QUERY, table.table(), &[]).unwrap();
        let columns = query.table().project(query.columns()).unwrap();
        let identity = Identity::new(&[TOPIC.to_owned()], &columns, &query.kept_plan());
        Self {
            query,
            table,
            identity,
            sabotage,
        }
    }
}

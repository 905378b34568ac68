//! A query that counts numbers, for tests of checkpoints.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use object_store::ObjectStore;
use object_store::path::Path;

use super::identity::Description;
use super::repository::Repository;
use super::store::Store;
use super::writer::NewState;
use super::{Checkpoint, TakenOver};
use crate::engine::query::Query;
use crate::engine::state::State;
use crate::position::Offset;
use crate::schema::TableSchema;

pub(crate) struct Counting {
    query: Query,
    objects: Arc<dyn ObjectStore>,
}

impl Counting {
    pub(crate) fn kept_in(objects: Arc<dyn ObjectStore>) -> Self {
        let table = TableSchema::parse("n BIGINT").unwrap();
        let query = "SELECT n, count(*) FROM transactions GROUP BY n ORDER BY n";
        let query = Query::plan(query, table.table(), &[]).unwrap();
        Self { query, objects }
    }

    /// Returns a repository like that of another process.
    pub(crate) fn repository(&self) -> Arc<Repository> {
        let store = Store::new(Arc::clone(&self.objects), Path::from("x"), "memory:///x");
        let columns = TableSchema::parse("n BIGINT").unwrap();
        let identity = Description::of(&self.query, &["t".to_owned()], columns.columns());
        let fingerprint = identity.fingerprint().unwrap();
        Arc::new(Repository::new(
            store.unwrap(),
            fingerprint,
            self.query.clone(),
        ))
    }

    /// Returns the state that `taken` becomes with these records, one at each offset.
    pub(crate) fn read(&self, taken: &TakenOver, records: &[i64]) -> NewState {
        let groups = self.groups(records);
        let state = &taken.from.state;
        NewState {
            partition: taken.partition.clone(),
            previous: taken.from.next,
            checkpoint: Checkpoint {
                next: Offset(taken.from.next.0 + records.len() as i64),
                state: state.merged(&self.query, groups.clone()).unwrap(),
            },
            groups,
        }
    }

    /// Returns the bytes that the query's runs and their results hold.
    pub(super) fn held(&self) -> usize {
        self.query.memory().held()
    }

    /// Returns how often each number came.
    pub(super) fn counts(&self, state: &State) -> BTreeMap<i64, i64> {
        let rows = self.query.result(state.batches()).unwrap().rows;
        let column = |index| rows.column(index).as_primitive::<Int64Type>().values();
        column(0)
            .iter()
            .copied()
            .zip(column(1).iter().copied())
            .collect()
    }

    fn groups(&self, records: &[i64]) -> Vec<RecordBatch> {
        let mut partial = self.query.partial().unwrap();
        let numbers = Arc::new(Int64Array::from(records.to_vec()));
        let fields = self.query.table().project(self.query.columns()).unwrap();
        partial
            .push(RecordBatch::try_new(Arc::new(fields), vec![numbers]).unwrap())
            .unwrap();
        partial.finish().unwrap()
    }
}

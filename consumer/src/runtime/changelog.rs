//! Update mode: which rows a batch's result is made of.
//!
//! The rows of a changed group need two things: what the batch's records make of it, and what the states of all
//! partitions had of it before. The latter is looked up. So a batch costs as much as the groups that it changes,
//! however many groups there are.
//!
//! This is right as long as nothing but this process's batches has changed a state since the last result. A state
//! follows from its partition and its offset, so these are compared.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion_common::DataFusionError;

use crate::checkpoint::Checkpoint;
use crate::engine::changelog::ChangedGroups;
use crate::engine::memory::Memory;
use crate::engine::query::Query;
use crate::position::{Offset, TopicPartition};

/// The checkpoints that a result is made of.
pub(super) type ShownStates = BTreeMap<TopicPartition, Checkpoint>;

/// What the results so far have shown.
pub(super) struct Changelog {
    keys: SchemaRef,
    memory: Memory,
    /// The offset at which the last result had each partition; `None` if the next result must have all groups.
    shown: Option<BTreeMap<TopicPartition, Offset>>,
    /// How many groups the last result had in all.
    groups: u64,
}

impl Changelog {
    /// The changelog of `query`, which has shown nothing yet; `None` if its results have all groups anyway.
    pub(super) fn of(query: &Query) -> Option<Self> {
        query.looked_up_by().map(|keys| Self {
            keys: keys.clone(),
            memory: query.memory().clone(),
            shown: None,
            groups: 0,
        })
    }

    /// Whether the states of `before` have been shown, so that a batch that reads partitions up to `ends` can
    /// show what it changes. From then on the states count as shown up to these ends.
    pub(super) fn go_on(
        &mut self,
        before: &ShownStates,
        ends: &BTreeMap<TopicPartition, Offset>,
    ) -> bool {
        let shown = self.shown.take().filter(|shown| {
            let offsets = before.iter().map(|(partition, at)| (partition, &at.next));
            shown.iter().eq(offsets) && ends.keys().all(|read| shown.contains_key(read))
        });
        self.shown = shown.map(|mut shown| {
            shown.extend(
                ends.iter()
                    .map(|(partition, end)| (partition.clone(), *end)),
            );
            shown
        });
        self.shown.is_some()
    }

    /// The rows from which the result of a batch is computed that shows only changed groups; the batch's records have
    /// `made` these groups.
    ///
    /// # Errors
    /// If DataFusion cannot compare keys, or memory does not hold what is found.
    pub(super) fn changed(
        &mut self,
        before: &ShownStates,
        made: Vec<RecordBatch>,
    ) -> Result<Vec<RecordBatch>, DataFusionError> {
        let states = before.values().map(|checkpoint| &checkpoint.state);
        let changed = ChangedGroups::of(&self.keys, &self.memory, made, states)?;
        self.groups += changed.new_groups as u64;
        Ok(changed.rows)
    }

    /// A result with all `groups` of the states that are shown `now` has been made.
    pub(super) fn all(&mut self, now: &ShownStates, groups: u64) {
        let offsets = now
            .iter()
            .map(|(partition, at)| (partition.clone(), at.next));
        self.shown = Some(offsets.collect());
        self.groups = groups;
    }

    /// How many groups there are in all.
    pub(super) fn groups(&self) -> u64 {
        self.groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::state::State;
    use crate::schema::TableSchema;

    fn changelog() -> Changelog {
        let table = TableSchema::parse("n BIGINT").unwrap();
        let text = "SELECT n, count(*) FROM transactions GROUP BY n";
        let query = Query::plan(text, table.table(), &[]).unwrap();
        assert!(Changelog::of(&query).is_none());
        Changelog::of(&query.updating().unwrap()).unwrap()
    }

    fn at(offsets: &[i64]) -> ShownStates {
        let of = |(number, offset): (i32, &i64)| {
            let checkpoint = Checkpoint {
                next: Offset(*offset),
                state: State::default(),
            };
            (TopicPartition::new("t", number), checkpoint)
        };
        (0..).zip(offsets).map(of).collect()
    }

    fn read(number: i32, end: i64) -> BTreeMap<TopicPartition, Offset> {
        [(TopicPartition::new("t", number), Offset(end))].into()
    }

    #[test]
    fn what_was_not_shown_is_not_gone_on_from() {
        let mut changelog = changelog();
        assert!(
            !changelog.go_on(&at(&[0, 0]), &read(0, 5)),
            "nothing was shown"
        );
        changelog.all(&at(&[5, 0]), 1);
        assert!(changelog.go_on(&at(&[5, 0]), &read(1, 3)));
        // A batch without a record moves on, too, for instance over a transaction's marker.
        assert!(changelog.go_on(&at(&[5, 3]), &read(1, 4)));
        assert!(changelog.go_on(&at(&[5, 4]), &BTreeMap::new()));
        // Another process has read on.
        assert!(!changelog.go_on(&at(&[9, 4]), &read(1, 5)));
        assert!(
            !changelog.go_on(&at(&[9, 5]), &BTreeMap::new()),
            "it must be shown first"
        );
        changelog.all(&at(&[9, 5]), 2);
        assert!(
            !changelog.go_on(&at(&[9, 5, 0]), &BTreeMap::new()),
            "one was added"
        );
        changelog.all(&at(&[9, 5, 0]), 2);
        assert!(
            !changelog.go_on(&at(&[9]), &BTreeMap::new()),
            "two are not shown any more"
        );
        changelog.all(&at(&[9]), 2);
        assert!(
            !changelog.go_on(&at(&[9]), &read(1, 6)),
            "what is not shown was read"
        );
        assert_eq!(changelog.groups(), 2);
    }
}

//! Update mode: which rows a batch's result is made of.
//!
//! What the groups that a batch changes had before it is looked up in the states of all partitions; with what
//! the batch's records make it is all that their rows need. The cost is that of the groups that change, however
//! many there are.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;

use crate::engine::changed::ChangedGroups;
use crate::engine::query::Query;
use crate::engine::state::State;
use crate::position::TopicPartition;

/// What the result so far was made of.
pub(super) struct Updates {
    keys: SchemaRef,
    /// The partitions whose states are in it; `None` if the next result must have all groups.
    shown: Option<BTreeSet<TopicPartition>>,
    /// How many groups they have.
    groups: u64,
}

impl Updates {
    /// Those of `query`; `None` if its results have all groups anyway.
    pub(super) fn of(query: &Query) -> Option<Self> {
        query.looked_up_by().map(|keys| Self {
            keys: keys.clone(),
            shown: None,
            groups: 0,
        })
    }

    /// States may have changed by something other than this process's batches.
    pub(super) fn forget(&mut self) {
        self.shown = None;
    }

    /// Whether the next result can be made of what changes.
    pub(super) fn are_known(&self) -> bool {
        self.shown.is_some()
    }

    /// The rows that the result of a batch is made of, if they are fewer than all: what its records have `made`,
    /// and what the same groups had `before` it. `now` are the partitions that the result has.
    ///
    /// # Errors
    /// If DataFusion cannot compare keys, or memory does not hold what is found.
    pub(super) fn rows(
        &mut self,
        before: Option<&BTreeMap<TopicPartition, State>>,
        made: &[RecordBatch],
        now: &BTreeSet<TopicPartition>,
    ) -> Result<Option<Vec<RecordBatch>>, DataFusionError> {
        let is_same = self.shown.as_ref() == Some(now);
        let before = before.filter(|before| is_same && before.keys().eq(now));
        let Some(before) = before else {
            self.shown = None;
            return Ok(None);
        };
        let mut changed = ChangedGroups::of(&self.keys, made)?;
        let mut rows = made.to_vec();
        for state in before.values() {
            rows.extend(changed.rows_in(state)?);
        }
        self.groups += changed.new_ones() as u64;
        Ok(Some(rows))
    }

    /// A result has been made that has `groups`, of these partitions; and how many there are in all.
    pub(super) fn count(&mut self, groups: u64, partitions: BTreeSet<TopicPartition>) -> u64 {
        if self.shown.is_none() {
            self.groups = groups;
            self.shown = Some(partitions);
        }
        self.groups
    }
}

//! One running query: what belongs to it alone, and not to the process that reads for it.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use chrono::{DateTime, Utc};
use datafusion_common::DataFusionError;

use super::durability::Durability;
use crate::checkpoint::commit::{Committed, commit};
use crate::checkpoint::writer::NewState;
use crate::checkpoint::{Checkpoints, Epoch};
use crate::engine::memory::is_exhausted;
use crate::engine::query::{Query, error_text};
use crate::engine::state::State;
use crate::engine::worker::{Output, PartitionBatch};
use crate::output_mode::OutputMode;
use crate::position::{Offset, TopicPartition};
use crate::runtime::StreamingError;
use crate::runtime::backpressure::Backpressure;
use crate::runtime::changelog::{Changelog, ShownStates};
use crate::runtime::report::Reporter;

/// A query, its checkpoints, and what its results so far have shown.
pub(super) struct QueryRun {
    query: Query,
    /// The checkpoints in memory, which every batch moves on.
    checkpoints: Checkpoints,
    /// What its results so far have shown, in update mode.
    changelog: Option<Changelog>,
    /// Makes the progress of its batches, and counts them.
    pub reporter: Reporter,
    pub durability: Durability,
}

/// What the workers have handed over for one batch, after it has moved the checkpoints on.
pub(super) struct CommittedBatch {
    /// What the partitions have read, sorted by partition.
    pub parts: Vec<PartitionBatch>,
    /// The offset that each of these partitions has been read up to.
    pub ends: BTreeMap<TopicPartition, Offset>,
    /// What came from workers that have lost the partition meanwhile; their successors read it again.
    pub refused: Vec<(TopicPartition, Epoch)>,
    /// The states before the batch, if its result shows only what it changes in them.
    pub before: Option<ShownStates>,
    /// Checkpoints that become durable once the batch's rows are written.
    pub held: Vec<NewState>,
}

/// The result of one batch.
pub(super) struct BatchResult {
    pub rows: RecordBatch,
    /// The number of groups in all states.
    pub groups: u64,
}

impl QueryRun {
    /// A query that has shown nothing yet, and goes on from the checkpoints.
    pub(super) fn new(
        query: Query,
        checkpoints: Checkpoints,
        reporter: Reporter,
        durability: Durability,
    ) -> Self {
        Self {
            changelog: Changelog::of(&query),
            query,
            checkpoints,
            reporter,
            durability,
        }
    }

    /// Which rows of the result a batch has.
    pub(super) fn output_mode(&self) -> OutputMode {
        self.query.output_mode()
    }

    /// The column that the query sorts its result by, in the first place.
    pub(super) fn sorted_by(&self) -> Option<usize> {
        self.query.sorted_by()
    }

    /// A batch begins at `timestamp`, which its expressions see as the current time.
    pub(super) fn begin_batch(&self, timestamp: DateTime<Utc>) {
        self.query.clock().set(timestamp);
    }

    /// Moves the checkpoints on by what workers have handed over; those of rows become durable later. `is_others` tells
    /// which partitions other processes read.
    pub(super) fn commit(
        &mut self,
        batches: Vec<PartitionBatch>,
        is_others: impl Fn(&TopicPartition) -> bool,
    ) -> Result<CommittedBatch, StreamingError> {
        let before = self.changelog.is_some().then(|| self.shown(is_others));
        let mut held = Vec::new();
        let keep = |state| self.durability.add(state, &mut held);
        let Committed { parts, refused } = commit(&self.checkpoints, batches, keep)?;
        let ends = parts.iter();
        let ends: BTreeMap<_, _> = ends
            .map(|part| (part.partition.clone(), part.end))
            .collect();
        // What the groups of this batch had before it, if all that was before it has been shown.
        let before = match &mut self.changelog {
            Some(changelog) => before.filter(|before| changelog.go_on(before, &ends)),
            None => None,
        };
        Ok(CommittedBatch {
            parts,
            ends,
            refused,
            before,
            held,
        })
    }

    /// The checkpoints that the result is made of. While a partition moves between workers its state stays in the
    /// result; what others of the group have read on from does not, unless they store it where this process finds it.
    pub(super) fn shown(&self, is_others: impl Fn(&TopicPartition) -> bool) -> ShownStates {
        let has_store = self.durability.has_store();
        self.checkpoints
            .newest(|partition| has_store || !is_others(partition))
    }

    /// Computes the result of a batch from its `parts`, the states `before` it, and those that are `shown` now.
    ///
    /// # Errors
    /// If an expression fails, or memory does not hold the result.
    pub(super) fn result(
        &mut self,
        parts: Vec<PartitionBatch>,
        before: Option<ShownStates>,
        shown: &ShownStates,
    ) -> Result<BatchResult, DataFusionError> {
        let (mut rows, mut made) = (Vec::new(), Vec::new());
        for part in parts {
            match part.output {
                Output::State(_, groups) => made.extend(groups),
                Output::Rows(batches) => rows.extend(batches),
            }
        }
        let changed = match (&mut self.changelog, &before) {
            (Some(changelog), Some(before)) => Some(changelog.changed(before, made)?),
            _ => None,
        };
        // These states are no longer needed, and merging may have made other layers of them, so they take memory.
        drop(before);
        let is_all = changed.is_none();
        match changed {
            Some(changed) => rows.extend(changed),
            None if self.query.appends() => {}
            None => rows.extend(shown.values().flat_map(|at| at.state.batches())),
        }
        let outcome = self.query.result(rows)?;
        let mut groups = outcome.groups as u64;
        if let Some(changelog) = &mut self.changelog {
            if is_all {
                changelog.all(shown, groups);
            }
            groups = changelog.groups();
        }
        let rows = outcome.rows;
        Ok(BatchResult { rows, groups })
    }

    /// What ends the query when its result cannot be computed.
    pub(super) fn failed(
        &self,
        error: &DataFusionError,
        backpressure: &Backpressure,
    ) -> StreamingError {
        match is_exhausted(error) {
            true => self.out_of_memory(backpressure),
            false => StreamingError::Result(error_text(error)),
        }
    }

    /// What ends the query when memory does not hold it.
    pub(super) fn out_of_memory(&self, backpressure: &Backpressure) -> StreamingError {
        let all = self.checkpoints.newest(|_all| true);
        let states: Vec<State> = all.into_values().map(|at| at.state).collect();
        let states = (!self.query.appends()).then_some(states.as_slice());
        backpressure.exceeded(states, self.durability.has_store())
    }
}

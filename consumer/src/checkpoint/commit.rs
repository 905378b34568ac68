//! Commits what workers hand over to the checkpoints in memory, and lets each new checkpoint be made durable.

use crate::checkpoint::writer::NewState;
use crate::checkpoint::{Checkpoint, Checkpoints, Epoch};
use crate::engine::state::State;
use crate::engine::worker::{Output, PartitionBatch};
use crate::position::TopicPartition;

/// The outcome of a commit.
#[derive(Debug, Default)]
pub struct Committed {
    /// The batches that have moved a checkpoint on, sorted by partition.
    pub parts: Vec<PartitionBatch>,
    /// The partitions of batches whose worker has lost the partition meanwhile; the next owner reads those records
    /// again.
    pub refused: Vec<(TopicPartition, Epoch)>,
}

/// Moves the checkpoints on, and passes each new one to `keep`, which has it made durable.
///
/// # Errors
/// Fails if one cannot be taken to be kept.
pub fn commit<E>(
    checkpoints: &Checkpoints,
    batches: Vec<PartitionBatch>,
    mut keep: impl FnMut(NewState) -> Result<(), E>,
) -> Result<Committed, E> {
    let mut committed = Committed::default();
    for part in batches {
        let (state, groups) = match &part.output {
            Output::State(state, groups) => (state.clone(), groups.clone()),
            Output::Rows(_) => (State::default(), Vec::new()),
        };
        let checkpoint = Checkpoint {
            next: part.end,
            state,
        };
        let new = checkpoint.clone();
        if checkpoints.advance(&part.partition, part.epoch, part.start, new) {
            keep(NewState {
                partition: part.partition.clone(),
                previous: part.start,
                checkpoint,
                groups,
            })?;
            committed.parts.push(part);
        } else {
            committed.refused.push((part.partition, part.epoch));
        }
    }
    committed
        .parts
        .sort_by(|a, b| a.partition.cmp(&b.partition));
    Ok(committed)
}

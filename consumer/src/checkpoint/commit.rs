//! What workers hand over moves the checkpoints on.

use crate::checkpoint::writer::NewState;
use crate::checkpoint::{Checkpoint, Checkpoints, Epoch};
use crate::engine::state::State;
use crate::engine::worker::{Output, PartitionBatch};
use crate::position::TopicPartition;

/// What became of what workers handed over.
#[derive(Debug, Default)]
pub struct Advanced {
    /// What has moved a checkpoint on, sorted by partition.
    pub parts: Vec<PartitionBatch>,
    /// What came from a worker that has lost the partition meanwhile; its successor reads it again.
    pub refused: Vec<(TopicPartition, Epoch)>,
}

/// Moves the checkpoints on, and has each `keep` made durable.
///
/// # Errors
/// If one cannot be taken to be kept.
pub fn advance<E>(
    checkpoints: &Checkpoints,
    batches: Vec<PartitionBatch>,
    mut keep: impl FnMut(NewState) -> Result<(), E>,
) -> Result<Advanced, E> {
    let mut advanced = Advanced::default();
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
            advanced.parts.push(part);
        } else {
            advanced.refused.push((part.partition, part.epoch));
        }
    }
    advanced.parts.sort_by(|a, b| a.partition.cmp(&b.partition));
    Ok(advanced)
}

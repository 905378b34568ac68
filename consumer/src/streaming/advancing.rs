//! What workers hand over moves the checkpoints on.

use crate::checkpoint::keeper::NewState;
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::engine::state::State;
use crate::engine::worker::{Contribution, Output};

/// Moves the checkpoints on, and has each `keep` made durable. What comes from a worker that has lost
/// the partition meanwhile is dropped, and its successor reads it again; the rest is returned, sorted by
/// partition.
///
/// # Errors
/// If one cannot be taken to be kept.
pub fn advance<E>(
    checkpoints: &Checkpoints,
    contributions: Vec<Contribution>,
    mut keep: impl FnMut(NewState) -> Result<(), E>,
) -> Result<Vec<Contribution>, E> {
    let mut advanced = Vec::with_capacity(contributions.len());
    for part in contributions {
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
            advanced.push(part);
        }
    }
    advanced.sort_by(|a, b| a.partition.cmp(&b.partition));
    Ok(advanced)
}

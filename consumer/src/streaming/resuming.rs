//! Where a query goes on: at what is kept of it at CHECKPOINT_LOCATION.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::checkpoint::chain::{self, StartError};
use crate::checkpoint::claim::{self, ClaimError};
use crate::checkpoint::fingerprint::Identity;
use crate::checkpoint::keeper::{Kept, KeptPartition};
use crate::checkpoint::location::Location;
use crate::checkpoint::name::Folder;
use crate::checkpoint::store::{Store, StoreError};
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::config::{Config, OnDataLoss};
use crate::engine::query::{Query, error_text};
use crate::engine::state::State;
use crate::event::Level;
use crate::position::{Offset, TopicPartition};
use crate::source::topics::Extent;

/// Why a query cannot go on from what is kept of it.
#[derive(Debug, Error)]
pub enum ResumeError {
    /// The location is another query's, for instance.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not known where reading began.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What was kept cannot be merged.
    #[error("what is kept of {partition} cannot be merged: {reason}; --reset forgets it")]
    State {
        /// Of which partition.
        partition: TopicPartition,
        /// What DataFusion says.
        reason: String,
    },
    /// Kafka has deleted records.
    #[error(
        "{count} records of {partition} that were still to be read, from offset {next}, are gone: \
         retention has deleted them; ON_DATA_LOSS=continue goes on without them, --reset begins anew"
    )]
    DataLoss {
        /// How many offsets.
        count: u64,
        /// Of which partition.
        partition: TopicPartition,
        /// Where reading would have gone on.
        next: Offset,
    },
    /// The topic is another one.
    #[error(
        "{partition} ends at offset {end}, and offset {next} is kept as the next to read: the topic was \
         made anew; --reset begins anew, too"
    )]
    MadeAnew {
        /// Which partition.
        partition: TopicPartition,
        /// Where its log ends.
        end: Offset,
        /// Where reading would have gone on.
        next: Offset,
    },
}

impl ResumeError {
    /// Whether the user named the wrong location.
    pub(super) fn is_wrong_usage(&self) -> bool {
        matches!(self, Self::Claim(ClaimError::OtherQuery { .. }))
    }
}

/// Takes the location for the query, and puts what is kept there into `checkpoints`. Partitions are then
/// read from there: `extents`, which came from STARTING_OFFSETS, are changed so. `logs` are the whole logs.
pub(super) fn resume(
    config: &Config,
    location: &Location,
    query: &Query,
    extents: &mut BTreeMap<TopicPartition, Extent>,
    logs: &BTreeMap<TopicPartition, Extent>,
    checkpoints: &Checkpoints,
    tell: &mut impl FnMut(Level, String),
) -> Result<Kept, ResumeError> {
    let store = location.open()?;
    let columns = query.table().project(query.columns());
    let columns = columns.unwrap_or_else(|_| query.table().as_ref().clone());
    let identity = Identity::new(&config.topics, &columns, &query.kept_plan());
    let fingerprint = match config.reset {
        true => claim::reset(&store, &identity)?,
        false => claim::claim(&store, &identity)?,
    };
    let mut partitions = BTreeMap::new();
    for (partition, extent) in extents.iter_mut() {
        let folder = Folder {
            fingerprint,
            partition: partition.clone(),
        };
        let (kept, mut checkpoint) = newest(&store, &folder, extent.start, query, tell)?;
        if let Some(log) = logs.get(partition) {
            check(&mut checkpoint, partition, log, config.on_data_loss, tell)?;
        }
        extent.start = checkpoint.next;
        checkpoints.begin(partition.clone(), checkpoint);
        partitions.insert(partition.clone(), kept);
    }
    tell(Level::Info, told(location, &partitions));
    Ok(Kept {
        store,
        fingerprint,
        partitions,
    })
}

fn told(location: &Location, partitions: &BTreeMap<TopicPartition, KeptPartition>) -> String {
    let resumed = partitions.values().filter(|kept| kept.tip.is_some());
    match resumed.count() {
        0 => format!("checkpoints are kept at {location}"),
        some => format!(
            "goes on from the checkpoints at {location}, which has them of {some} of {} partitions",
            partitions.len()
        ),
    }
}

/// What is kept of a partition, whose reading begins at `start` unless it began before.
fn newest(
    store: &Store,
    folder: &Folder,
    start: Offset,
    query: &Query,
    tell: &mut impl FnMut(Level, String),
) -> Result<(KeptPartition, Checkpoint), ResumeError> {
    let recovered = chain::recover(store, folder)?;
    for problem in recovered.problems {
        let text = format!("a checkpoint cannot be used, and an older one is: {problem}");
        tell(Level::Warning, text);
    }
    let Some(newest) = recovered.newest else {
        let start = chain::fix_start(store, folder, start)?;
        let kept = KeptPartition { start, tip: None };
        return Ok((kept, Checkpoint::at(start)));
    };
    let state = State::of(query, newest.batches).map_err(|error| ResumeError::State {
        partition: folder.partition.clone(),
        reason: error_text(&error),
    })?;
    let checkpoint = Checkpoint {
        next: newest.tip.next(),
        state,
    };
    let kept = KeptPartition {
        start: newest.tip.start,
        tip: Some(newest.tip),
    };
    Ok((kept, checkpoint))
}

/// Whether the log still has what comes next.
fn check(
    checkpoint: &mut Checkpoint,
    partition: &TopicPartition,
    log: &Extent,
    on_data_loss: OnDataLoss,
    tell: &mut impl FnMut(Level, String),
) -> Result<(), ResumeError> {
    let next = checkpoint.next;
    if next > log.end {
        return Err(ResumeError::MadeAnew {
            partition: partition.clone(),
            end: log.end,
            next,
        });
    }
    if next < log.start {
        let count = log.start.since(next);
        if on_data_loss == OnDataLoss::Fail {
            return Err(ResumeError::DataLoss {
                count,
                partition: partition.clone(),
                next,
            });
        }
        let text =
            format!("{count} records of {partition} are gone, and the result is without them");
        tell(Level::Warning, text);
        checkpoint.next = log.start;
    }
    Ok(())
}

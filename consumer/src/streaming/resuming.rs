//! Where a query goes on: at what is kept of it at CHECKPOINT_LOCATION.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::checkpoint::claim::{self, ClaimError};
use crate::checkpoint::fingerprint::Identity;
use crate::checkpoint::kept::{Kept, KeptError};
use crate::checkpoint::location::Location;
use crate::checkpoint::store::StoreError;
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::config::{Config, OnDataLoss};
use crate::engine::query::Query;
use crate::event::Level;
use crate::position::{Offset, TopicPartition};
use crate::source::topics::{Extent, TopicsError};

/// Why a query cannot go on from what is kept of it.
#[derive(Debug, Error)]
pub enum ResumeError {
    /// The location is another query's, for instance.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be used.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// Brokers do not say where a log ends.
    #[error(transparent)]
    Topics(#[from] TopicsError),
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

/// A query's checkpoints where it begins.
pub(super) struct Resumed {
    pub kept: Arc<Kept>,
    pub checkpoints: Checkpoints,
    /// Whether there was anything.
    pub has_kept: bool,
}

/// Takes the location for the query, and reads what is kept there. Partitions are then read from there:
/// `extents`, which came from STARTING_OFFSETS, are changed so. `logs` are the whole logs; where one of them
/// ends can be `asked_again`.
pub(super) fn resume(
    config: &Config,
    location: &Location,
    query: &Query,
    extents: &mut BTreeMap<TopicPartition, Extent>,
    logs: &BTreeMap<TopicPartition, Extent>,
    asked_again: impl Fn(&TopicPartition) -> Result<BTreeMap<TopicPartition, Extent>, TopicsError>,
    tell: &mut impl FnMut(Level, String),
) -> Result<Resumed, ResumeError> {
    let store = location.open()?;
    let columns = query.table().project(query.columns());
    let columns = columns.unwrap_or_else(|_| query.table().as_ref().clone());
    let identity = Identity::new(&config.topics, &columns, &query.kept_plan());
    let fingerprint = match config.reset {
        true => claim::reset(&store, &identity)?,
        false => claim::claim(&store, &identity)?,
    };
    let kept = Arc::new(Kept::new(store, fingerprint, query.clone()));
    let checkpoints = Checkpoints::of(Arc::clone(&kept));
    let mut resumed = 0;
    for (partition, extent) in extents.iter_mut() {
        let found = kept.newest(partition)?;
        for problem in found.problems {
            let text = format!("a checkpoint cannot be used, and an older one is: {problem}");
            tell(Level::Warning, text);
        }
        resumed += usize::from(found.checkpoint.is_some());
        let mut checkpoint = match found.checkpoint {
            Some(checkpoint) => checkpoint,
            None => Checkpoint::at(kept.begin(partition, extent.start)?),
        };
        let mut log = logs.get(partition).copied();
        if log.is_some_and(|log| checkpoint.next > log.end) {
            // Another process of the group may have read on since the logs were asked.
            log = asked_again(partition)?.remove(partition);
        }
        if let Some(log) = &log {
            check(&mut checkpoint, partition, log, config.on_data_loss, tell)?;
        }
        extent.start = checkpoint.next;
        checkpoints.begin(partition.clone(), checkpoint);
    }
    let told = match resumed {
        0 => format!("checkpoints are kept at {location}"),
        some => format!(
            "goes on from the checkpoints at {location}, which has them of {some} of {} partitions",
            extents.len()
        ),
    };
    tell(Level::Info, told);
    Ok(Resumed {
        kept,
        checkpoints,
        has_kept: resumed > 0,
    })
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

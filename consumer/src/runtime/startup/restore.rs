//! Where a query goes on: at what is kept of it at CHECKPOINT_LOCATION.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use crate::checkpoint::fingerprint::Fingerprint;
use crate::checkpoint::identity::Description;
use crate::checkpoint::lease::{self, LeaseError};
use crate::checkpoint::repository::{Repository, RepositoryError};
use crate::checkpoint::store::{Store, StoreError};
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::config::{Config, OnDataLoss};
use crate::engine::query::Query;
use crate::event::Level;
use crate::number::counted;
use crate::position::{Offset, TopicPartition};
use crate::schema::TableSchema;
use crate::source::topic_ids::{MadeAnew, TopicIds, made_anew};
use crate::source::topics::Extent;

/// Why a query cannot go on from what is kept of it.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The location is another query's, for instance.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be used.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Kafka has deleted records.
    #[error(
        "{} gone of {partition} from offset {next} on: retention has deleted what was still to be read; \
         ON_DATA_LOSS=continue goes on without that, --reset begins anew",
        counted(*count, "record")
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
    /// The topic is another one, whatever its offsets.
    #[error(
        "the topic {} has the id {}, and the checkpoints are of one with the id {}: the topic was made \
         anew; --reset begins anew, too",
        .0.topic, .0.is, .0.was
    )]
    OtherTopic(MadeAnew),
}

impl RestoreError {
    /// Whether the user named the wrong location.
    pub(in crate::runtime) fn is_wrong_usage(&self) -> bool {
        matches!(self, Self::Lease(LeaseError::OtherQuery { .. }))
    }
}

/// A query's checkpoints where it begins.
pub(in crate::runtime) struct Restored {
    pub repository: Arc<Repository>,
    /// What tells their location from any other.
    pub location_id: String,
    partitions: BTreeMap<TopicPartition, Checkpoint>,
    /// The ids of the topics that they are of, where they are kept.
    pub topics: TopicIds,
    /// Of how many partitions something was kept.
    resumed: usize,
}

/// Takes the store for the query, with the schema of its table; with --reset, after it has forgotten what is kept.
pub(in crate::runtime) fn take(
    config: &Config,
    store: &Store,
    schema: &TableSchema,
    query: &Query,
) -> Result<Fingerprint, RestoreError> {
    let columns = schema.declared().project(query.columns());
    let columns = columns.unwrap_or_else(|_| schema.declared().as_ref().clone());
    let own = Description::of(query, &config.topics, &columns);
    Ok(match config.reset {
        true => lease::reset(store, &own, schema)?,
        false => lease::take(store, &own, schema)?,
    })
}

/// Reads what is kept in the store, which has been taken for the query, of its topics and their partitions, whose
/// `extents` came from STARTING_OFFSETS.
pub(in crate::runtime) fn resume(
    store: Store,
    fingerprint: Fingerprint,
    query: &Query,
    names: &[Arc<str>],
    extents: &BTreeMap<TopicPartition, Extent>,
    tell: &mut impl FnMut(Level, String),
) -> Result<Restored, RestoreError> {
    let location = store.location().to_owned();
    let location_id = store.id(&Uuid::new_v4().simple().to_string())?;
    let repository = Arc::new(Repository::new(store, fingerprint, query.clone()));
    let mut topics = TopicIds::new();
    for topic in names {
        let id = repository.topic_id(topic)?;
        topics.extend(id.map(|id| (Arc::clone(topic), id)));
    }
    let mut partitions = BTreeMap::new();
    let mut resumed = 0;
    for (partition, extent) in extents {
        let found = repository.newest(partition)?;
        for problem in found.problems {
            let text = format!("a checkpoint cannot be used: {problem}");
            tell(Level::Warning, text);
        }
        resumed += usize::from(found.checkpoint.is_some());
        let checkpoint = match found.checkpoint {
            Some(checkpoint) => checkpoint,
            None => Checkpoint::at(repository.begin(partition, extent.start)?),
        };
        partitions.insert(partition.clone(), checkpoint);
    }
    let told = match resumed {
        0 => format!("checkpoints are kept at {location}"),
        some => format!(
            "goes on from the checkpoints at {location}, which has them of {some} of {} partitions",
            extents.len()
        ),
    };
    tell(Level::Info, told);
    Ok(Restored {
        repository,
        location_id,
        partitions,
        topics,
        resumed,
    })
}

impl Restored {
    /// Whether there was anything.
    pub(in crate::runtime) fn has_kept(&self) -> bool {
        self.resumed > 0
    }

    /// Whether the topics are those that were read, as far as brokers tell their `ids`.
    pub(in crate::runtime) fn check_topics(&self, ids: &TopicIds) -> Result<(), RestoreError> {
        match made_anew(&self.topics, ids) {
            Some(made_anew) => Err(RestoreError::OtherTopic(made_anew)),
            None => Ok(()),
        }
    }

    /// Whether the logs are those that were read. They must have been asked for after this was read: what
    /// others of the group have kept meanwhile may lie behind ends from before.
    pub(in crate::runtime) fn check_ends(
        &self,
        logs: &BTreeMap<TopicPartition, Extent>,
    ) -> Result<(), RestoreError> {
        for (partition, checkpoint) in &self.partitions {
            let next = checkpoint.next;
            if let Some(end) = logs.get(partition).map(|log| log.end)
                && next > end
            {
                return Err(RestoreError::MadeAnew {
                    partition: partition.clone(),
                    end,
                    next,
                });
            }
        }
        Ok(())
    }

    /// The checkpoints, if the logs still have what comes next. Partitions are then read from there:
    /// `extents` are changed so.
    pub(in crate::runtime) fn begin(
        self,
        extents: &mut BTreeMap<TopicPartition, Extent>,
        logs: &BTreeMap<TopicPartition, Extent>,
        on_data_loss: OnDataLoss,
        tell: &mut impl FnMut(Level, String),
    ) -> Result<Checkpoints, RestoreError> {
        let checkpoints = Checkpoints::of(self.repository);
        for (partition, mut checkpoint) in self.partitions {
            if let Some(log) = logs.get(&partition) {
                pass_over_lost(&mut checkpoint, &partition, log, on_data_loss, tell)?;
            }
            if let Some(extent) = extents.get_mut(&partition) {
                extent.start = checkpoint.next;
                // What has come since is there at the start, too.
                extent.end = extent.end.max(checkpoint.next);
            }
            checkpoints.begin(partition, checkpoint);
        }
        Ok(checkpoints)
    }
}

/// Keeps the `ids` of those topics that are not `known`, and tells all that are known then. Not before all else has been
/// found right: what is refused once must be refused at the next start, too, however long the log is by then.
pub(in crate::runtime) fn keep_topics(
    repository: &Repository,
    mut known: TopicIds,
    ids: TopicIds,
) -> Result<TopicIds, RestoreError> {
    for (topic, is) in ids {
        if known.contains_key(&topic) {
            continue;
        }
        let was = repository.keep_topic_id(&topic, is)?;
        if was != is {
            return Err(RestoreError::OtherTopic(MadeAnew { topic, was, is }));
        }
        known.insert(topic, is);
    }
    Ok(known)
}

/// Goes on at the log's first record, if some before it are gone and that may be.
fn pass_over_lost(
    checkpoint: &mut Checkpoint,
    partition: &TopicPartition,
    log: &Extent,
    on_data_loss: OnDataLoss,
    tell: &mut impl FnMut(Level, String),
) -> Result<(), RestoreError> {
    let next = checkpoint.next;
    if next >= log.start {
        return Ok(());
    }
    let count = log.start.since(next);
    if on_data_loss == OnDataLoss::Fail {
        return Err(RestoreError::DataLoss {
            count,
            partition: partition.clone(),
            next,
        });
    }
    let gone = counted(count, "record");
    let text = format!("{gone} gone of {partition} from offset {next} on, and not in the result");
    tell(Level::Warning, text);
    checkpoint.next = log.start;
    Ok(())
}

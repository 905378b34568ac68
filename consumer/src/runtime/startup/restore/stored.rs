//! The checkpoints that a store has of a query, compared with the topics and their logs.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::RestoreError;
use crate::checkpoint::fingerprint::Fingerprint;
use crate::checkpoint::repository::Repository;
use crate::checkpoint::store::Store;
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::config::OnDataLoss;
use crate::engine::query::Query;
use crate::event::Level;
use crate::number::counted;
use crate::position::TopicPartition;
use crate::source::topic_ids::{MadeAnew, TopicIds, made_anew};
use crate::source::topics::Extent;

/// The checkpoints from which a query begins.
pub(super) struct StoredCheckpoints {
    pub repository: Arc<Repository>,
    /// The id that tells their location from any other.
    pub location_id: String,
    partitions: BTreeMap<TopicPartition, Checkpoint>,
    /// The stored ids of the topics that they belong to.
    pub topics: TopicIds,
    /// The number of partitions that had a checkpoint.
    resumed: usize,
}

/// Reads what the store, which has been taken for the query, has of the topics with these `names` and of their
/// partitions, whose `extents` begin as STARTING_OFFSETS says.
pub(super) fn read_stored(
    store: Store,
    fingerprint: Fingerprint,
    query: &Query,
    names: &[Arc<str>],
    extents: &BTreeMap<TopicPartition, Extent>,
    tell: &mut impl FnMut(Level, String),
) -> Result<StoredCheckpoints, RestoreError> {
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
    Ok(StoredCheckpoints {
        repository,
        location_id,
        partitions,
        topics,
        resumed,
    })
}

impl StoredCheckpoints {
    /// Whether any partition had a checkpoint.
    pub(super) fn has_checkpoints(&self) -> bool {
        self.resumed > 0
    }

    /// Whether the topics are those that were read, as far as brokers tell their `ids`.
    pub(super) fn check_topics(&self, ids: &TopicIds) -> Result<(), RestoreError> {
        match made_anew(&self.topics, ids) {
            Some(made_anew) => Err(RestoreError::OtherTopic(made_anew)),
            None => Ok(()),
        }
    }

    /// Whether the logs are those that were read. The logs must have been asked for after the checkpoints were read:
    /// what others of the group have stored meanwhile may lie behind ends from before.
    pub(super) fn check_ends(
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

    /// Begins with the checkpoints, if the logs still have what comes next. The partitions are then read from there on,
    /// and `extents` are changed so.
    pub(super) fn begin(
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

/// Stores the `ids` of those topics whose id is not `known`, and returns all that are known then. This must come after
/// all other checks: what is refused once must be refused at the next start, too, however long the log is by then.
pub(super) fn keep_topic_ids(
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

/// Lets reading go on at the log's first record if records before it are gone and ON_DATA_LOSS allows that.
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

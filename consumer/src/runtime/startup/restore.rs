//! The third step: reads the checkpoints, and compares them with the topics and their logs.

mod stored;

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use self::stored::{StoredCheckpoints, keep_topic_ids, read_stored};
use super::context::StartupContext;
use super::discover::{DiscoveredTopics, topic_ids};
use super::location::{OpenedLocation, take};
use crate::checkpoint::lease::LeaseError;
use crate::checkpoint::repository::{Repository, RepositoryError};
use crate::checkpoint::store::StoreError;
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::engine::query::Query;
use crate::event::Level;
use crate::number::counted;
use crate::position::{Offset, TopicPartition};
use crate::runtime::StreamingError;
use crate::schema::TableSchema;
use crate::source::topic_ids::MadeAnew;
use crate::source::topics::{self, Extent, StartingOffsets};

/// The time between two tries to find the logs as they were read, and the number of tries after the first.
const LOG_RETRY: Duration = Duration::from_millis(500);
const LOG_TRIES: u32 = 10;

/// Why a query cannot go on from its checkpoints.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The location is another query's, for instance.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A checkpoint cannot be used.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Kafka has deleted records.
    #[error(
        "{} gone of {partition} from offset {next} on: retention has deleted what was still to be read; \
         ON_DATA_LOSS=continue goes on without that, --reset begins anew",
        counted(*count, "record")
    )]
    DataLoss {
        /// The number of offsets that are gone.
        count: u64,
        /// The partition that they were in.
        partition: TopicPartition,
        /// Where reading would have gone on.
        next: Offset,
    },
    /// The topic is another one, since its log is shorter.
    #[error(
        "{partition} ends at offset {end}, and offset {next} is kept as the next to read: the topic was \
         made anew; --reset begins anew, too"
    )]
    MadeAnew {
        /// The partition whose log is shorter.
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

/// Where a query begins.
pub(in crate::runtime) struct RestoredCheckpoints {
    /// The checkpoint of each partition.
    pub checkpoints: Checkpoints,
    /// Where they are stored; `None` without a location.
    pub stored: Option<StoredAt>,
}

/// Where checkpoints are stored.
pub(in crate::runtime) struct StoredAt {
    pub repository: Arc<Repository>,
    /// The id that tells the location from any other.
    pub location_id: String,
    /// Whether a process before this one has stored some there.
    pub has_checkpoints: bool,
}

/// Reads the checkpoints of the query, which are at the location. The partitions of `topics` are read from there on,
/// and their extents are changed so. `None` if a stop was asked for while waiting.
pub(in crate::runtime) fn restore(
    context: &mut StartupContext<'_>,
    location: Option<OpenedLocation>,
    table: &TableSchema,
    query: &Query,
    topics: &mut DiscoveredTopics,
) -> Result<Option<RestoredCheckpoints>, StreamingError> {
    let config = context.config;
    let Some(OpenedLocation { store, taken }) = location else {
        return Ok(Some(begin_without_store(context, &topics.extents)));
    };
    let fingerprint = match taken {
        Some(fingerprint) => fingerprint,
        None => take(config, &store, table, query)?,
    };
    let names = context.topics();
    let extents = &topics.extents;
    let stored = read_stored(
        store,
        fingerprint,
        query,
        &names,
        extents,
        &mut context.tell,
    )?;
    let Some(logs) = await_logs(context, &stored, topics)? else {
        return Ok(None);
    };
    let at = StoredAt {
        repository: Arc::clone(&stored.repository),
        location_id: stored.location_id.clone(),
        has_checkpoints: stored.has_checkpoints(),
    };
    let known = stored.topics.clone();
    let extents = &mut topics.extents;
    let checkpoints = stored.begin(extents, &logs, config.on_data_loss, &mut context.tell)?;
    topics.ids = keep_topic_ids(&at.repository, known, mem::take(&mut topics.ids))?;
    Ok(Some(RestoredCheckpoints {
        checkpoints,
        stored: Some(at),
    }))
}

/// The logs, once the topics and the ends of their logs are those that the checkpoints were made of. `None` if a stop
/// was asked for while waiting.
fn await_logs(
    context: &mut StartupContext<'_>,
    stored: &StoredCheckpoints,
    topics: &mut DiscoveredTopics,
) -> Result<Option<BTreeMap<TopicPartition, Extent>>, StreamingError> {
    let servers = context.config.kafka.bootstrap_servers();
    let partitions: Vec<_> = topics.extents.keys().cloned().collect();
    let mut tries = 0;
    loop {
        let whole = StartingOffsets::Earliest;
        let answer = stored
            .check_topics(&topics.ids)
            .map_err(StreamingError::from)
            .and_then(|()| {
                Ok(topics::extents(
                    &context.consumer,
                    servers,
                    &partitions,
                    whole,
                )?)
            })
            .and_then(|logs| Ok(stored.check_ends(&logs).map(|()| logs)?));
        match answer {
            Ok(logs) => return Ok(Some(logs)),
            // For a while after its leader was lost a log ends earlier, or nobody knows where; and a broker
            // may not have heard of the newest topic yet.
            Err(error) if tries == LOG_TRIES => return Err(error),
            Err(_) => tries += 1,
        }
        if context.pending.for_stop(LOG_RETRY) {
            return Ok(None);
        }
        topics.ids = topic_ids(context).ids;
    }
}

fn begin_without_store(
    context: &mut StartupContext<'_>,
    extents: &BTreeMap<TopicPartition, Extent>,
) -> RestoredCheckpoints {
    if !context.is_demo() {
        let text = "nothing is kept for a restart: CHECKPOINT_LOCATION is not set";
        (context.tell)(Level::Info, text.to_owned());
    }
    let checkpoints = Checkpoints::default();
    for (partition, extent) in extents {
        checkpoints.begin(partition.clone(), Checkpoint::at(extent.start));
    }
    RestoredCheckpoints {
        checkpoints,
        stored: None,
    }
}

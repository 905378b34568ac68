//! Looks up what other processes of the group have stored of the partitions that they read.
//!
//! A thread of its own does this, so that neither reading nor the result waits for a store.

use std::collections::BTreeMap;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::BaseConsumer;

use crate::checkpoint::repository::RepositoryError;
use crate::checkpoint::{Checkpoints, Followed};
use crate::position::{Offset, TopicPartition};
use crate::runtime::group_guard;
use crate::runtime::kafka_client::{QuietContext, quiet_client};
use crate::source::group_members::{GroupMember, group};
use crate::source::topics::{self, Extent, StartingOffsets, TopicsError};

/// The time between two looks at who is in the group.
const MEMBERS: Duration = Duration::from_secs(30);

/// What is needed to look.
pub(in crate::runtime) struct PeerLookupSettings {
    pub client: ClientConfig,
    pub servers: String,
    pub topics: Vec<String>,
    pub group: String,
    /// The id of the location where the checkpoints are stored.
    pub location: String,
    pub checkpoints: Checkpoints,
}

/// What a look has found.
#[derive(Debug)]
pub(in crate::runtime) struct PeerLook {
    /// When it began.
    pub at: Instant,
    /// Where the newest checkpoint and the log end, for each partition that others read.
    pub partitions: BTreeMap<TopicPartition, Reach>,
    /// What could not be read, in words.
    pub problem: Option<String>,
    /// A member of the group that does not store its checkpoints at the location, in words.
    pub foreign_member: Option<String>,
}

/// How far a partition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime) struct Reach {
    pub next: Offset,
    pub end: Offset,
}

/// The thread that looks.
pub(in crate::runtime) struct PeerLookup {
    wanted: Sender<()>,
    pub(in crate::runtime) looks: Receiver<PeerLook>,
}

impl PeerLookup {
    pub(in crate::runtime) fn start(settings: PeerLookupSettings) -> io::Result<Self> {
        let (wanted, inbox) = bounded(1);
        let (sender, looks) = bounded(1);
        // The thread is not joined, since a store may not answer: it ends when nobody wants a look any more.
        thread::Builder::new()
            .name("peers".to_owned())
            .spawn(move || run(&settings, &inbox, &sender))?;
        Ok(Self { wanted, looks })
    }

    /// Asks for a look; one that is under way is enough.
    pub(in crate::runtime) fn look(&self) {
        match self.wanted.try_send(()) {
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }
}

fn run(settings: &PeerLookupSettings, inbox: &Receiver<()>, looks: &Sender<PeerLook>) {
    let client = match quiet_client(&settings.client) {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "nobody looks at what others keep");
            return;
        }
    };
    let mut members_at: Option<Instant> = None;
    for () in inbox {
        let at = Instant::now();
        let mut look = PeerLook {
            at,
            partitions: BTreeMap::new(),
            problem: None,
            foreign_member: None,
        };
        match ends(settings, &client) {
            Ok(ends) => {
                if !ends.is_empty() && members_at.is_none_or(|at| at.elapsed() >= MEMBERS) {
                    members_at = Some(Instant::now());
                    look.foreign_member = foreign_member(settings, &client);
                }
                look.follow(&settings.checkpoints, ends);
            }
            Err(error) => look.problem = Some(error.to_string()),
        }
        if looks.send(look).is_err() {
            return;
        }
    }
}

/// A foreign member that came when this process was in the group already, in words.
fn foreign_member(
    settings: &PeerLookupSettings,
    client: &BaseConsumer<QuietContext>,
) -> Option<String> {
    let group = group(client, &settings.group)
        .inspect_err(|error| tracing::debug!(%error, "who is in the group"));
    let members = group.ok()?.members;
    let strange = |member: &&GroupMember| !group_guard::shares(member, &settings.location);
    let found = members.iter().find(strange)?;
    Some(format!("{} at {}", found.client_id, found.host))
}

/// Where the logs of the others' partitions end.
fn ends(
    settings: &PeerLookupSettings,
    client: &BaseConsumer<QuietContext>,
) -> Result<BTreeMap<TopicPartition, Extent>, TopicsError> {
    let PeerLookupSettings {
        servers,
        topics,
        checkpoints,
        ..
    } = settings;
    let mut others = topics::partitions(client, servers, topics)?;
    others.retain(|partition| !checkpoints.is_owned(partition));
    if others.is_empty() {
        return Ok(BTreeMap::new());
    }
    topics::extents(client, servers, &others, StartingOffsets::Latest)
}

impl PeerLook {
    /// Reads the checkpoints, after the logs' ends were asked for. A partition whose checkpoint cannot be read stays as
    /// it was.
    fn follow(&mut self, checkpoints: &Checkpoints, ends: BTreeMap<TopicPartition, Extent>) {
        for (partition, Extent { end, .. }) in ends {
            match checkpoints.follow(&partition) {
                Ok(Some(Followed { next, problems })) => {
                    self.partitions.insert(partition, Reach { next, end });
                    if let Some(problem) = problems.into_iter().next() {
                        self.problem.get_or_insert(problem);
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    self.problem = Some(error.to_string());
                    if matches!(error, RepositoryError::Store(_)) {
                        // Each of the other partitions would wait for the store once more.
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::TryStreamExt;
    use futures::executor::block_on;
    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt};

    use super::*;
    use crate::checkpoint::counting::Counting;

    #[test]
    fn what_others_have_kept_and_cannot_be_read_is_told() {
        let objects: Arc<InMemory> = Arc::default();
        let counting = Counting::kept_in(Arc::clone(&objects) as _);
        let partition = TopicPartition::new("t", 0);
        let taken = Checkpoints::default().take_over(partition.clone(), Offset(0));
        let kept = counting.repository();
        let read = counting.read(&taken, &[1, 2, 3]);
        kept.keep(&partition, &read.checkpoint, None).unwrap();
        let follow = || {
            let mut look = PeerLook {
                at: Instant::now(),
                partitions: BTreeMap::new(),
                problem: None,
                foreign_member: None,
            };
            let (start, end) = (Offset(0), Offset(5));
            let ends = BTreeMap::from([(partition.clone(), Extent { start, end })]);
            look.follow(&Checkpoints::of(counting.repository()), ends);
            (look.partitions[&partition].next, look.problem)
        };
        assert_eq!(follow(), (Offset(3), None));
        let listed = objects.list(None).try_collect::<Vec<_>>();
        for meta in block_on(listed).unwrap() {
            block_on(objects.put(&meta.location, "torn".into())).unwrap();
        }
        let (next, problem) = follow();
        assert_eq!(next, Offset(0));
        let problem = problem.unwrap();
        assert!(problem.contains("3-base: it does not begin"), "{problem}");
    }
}

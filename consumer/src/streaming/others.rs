//! The partitions that other processes of the group read: what those have kept of them, look by look.
//!
//! A thread of its own looks, so that neither reading nor the result waits for a store.

use std::collections::BTreeMap;
use std::io;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::BaseConsumer;

use super::quiet::Quiet;
use crate::checkpoint::Checkpoints;
use crate::position::{Offset, TopicPartition};
use crate::source::topics::{self, Extent, StartingOffsets, TopicsError};

/// What is needed to look.
pub(super) struct OthersSettings {
    pub client: ClientConfig,
    pub servers: String,
    pub topics: Vec<String>,
    pub checkpoints: Checkpoints,
}

/// What a look has found.
#[derive(Debug)]
pub(super) struct Look {
    /// When it began.
    pub at: Instant,
    /// Of each partition that others read, where its newest checkpoint ends and where its log ends.
    pub partitions: BTreeMap<TopicPartition, Reach>,
    /// What could not be read, in words.
    pub problem: Option<String>,
}

/// How far a partition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    pub next: Offset,
    pub end: Offset,
}

/// The thread that looks.
pub(super) struct Others {
    wanted: Sender<()>,
    pub(super) looks: Receiver<Look>,
}

impl Others {
    pub(super) fn start(settings: OthersSettings) -> io::Result<Self> {
        let (wanted, inbox) = bounded(1);
        let (sender, looks) = bounded(1);
        // It is not waited for, since a store may not answer: it ends when nobody wants a look any more.
        thread::Builder::new()
            .name("others".to_owned())
            .spawn(move || run(&settings, &inbox, &sender))?;
        Ok(Self { wanted, looks })
    }

    /// Asks for a look; one that is under way is enough.
    pub(super) fn look(&self) {
        match self.wanted.try_send(()) {
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }
}

fn run(settings: &OthersSettings, inbox: &Receiver<()>, looks: &Sender<Look>) {
    let client = match settings.client.create_with_context(Quiet) {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "nobody looks at what others keep");
            return;
        }
    };
    for () in inbox {
        let at = Instant::now();
        let (partitions, problem) = match look(settings, &client) {
            Ok(partitions) => (partitions, None),
            Err(problem) => (BTreeMap::new(), Some(problem)),
        };
        let look = Look {
            at,
            partitions,
            problem,
        };
        if looks.send(look).is_err() {
            return;
        }
    }
}

fn look(
    settings: &OthersSettings,
    client: &BaseConsumer<Quiet>,
) -> Result<BTreeMap<TopicPartition, Reach>, String> {
    let OthersSettings {
        servers,
        topics,
        checkpoints,
        ..
    } = settings;
    let failed = |error: TopicsError| error.to_string();
    let mut others = topics::partitions(client, servers, topics).map_err(failed)?;
    others.retain(|partition| !checkpoints.is_owned(partition));
    if others.is_empty() {
        return Ok(BTreeMap::new());
    }
    // Before what is kept is read: that is then as old as this, and not younger.
    let ends = StartingOffsets::Latest;
    let extents = topics::extents(client, servers, &others, ends).map_err(failed)?;
    let mut reaches = BTreeMap::new();
    for (partition, Extent { end, .. }) in extents {
        let followed = checkpoints.follow(&partition);
        if let Some(next) = followed.map_err(|error| error.to_string())? {
            reaches.insert(partition, Reach { next, end });
        }
    }
    Ok(reaches)
}

//! The thread that looks at the logs: whether the topics are still those of the start, and what waits behind open
//! transactions. The records tell neither.

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::BaseConsumer;

use super::open_transactions::WaitingRecords;
use crate::checkpoint::repository::Repository;
use crate::position::{Offset, TopicPartition};
use crate::runtime::kafka_client::{QuietContext, quiet_client};
use crate::source::topic_ids::{self, MadeAnew, TopicIds, made_anew};
use crate::source::transactions::{self, Waiting};

/// The time between two looks.
const INTERVAL: Duration = Duration::from_secs(2);

/// The time before a topic that seems to be another one is looked at again: a broker may not have heard of the newest
/// one yet.
const AGAIN: Duration = Duration::from_millis(500);

/// What is needed to look.
pub(super) struct MonitorSettings {
    pub client: ClientConfig,
    pub topics: Vec<Arc<str>>,
    /// The ids of those topics whose id is known at the start.
    pub ids: TopicIds,
    /// Where the other ids are stored once they are known.
    pub repository: Option<Arc<Repository>>,
}

/// What a look has found.
#[derive(Debug, Default)]
pub(in crate::runtime) struct LogLook {
    /// A topic that is another one by now.
    pub made_anew: Option<MadeAnew>,
    /// What waits behind transactions that were open at the look before, too; `None` if the brokers do not tell.
    pub behind: Option<BTreeMap<TopicPartition, WaitingRecords>>,
}

/// The thread that looks.
pub(super) struct Monitor {
    wanted: Sender<Vec<TopicPartition>>,
    pub(super) looks: Receiver<LogLook>,
    next_look: Instant,
}

impl Monitor {
    pub(super) fn start(settings: MonitorSettings) -> io::Result<Self> {
        let (wanted, inbox) = bounded(1);
        let (sender, looks) = bounded(1);
        // The thread is not joined, since brokers may not answer: it ends when nobody wants a look any more.
        thread::Builder::new()
            .name("monitor".to_owned())
            .spawn(move || run(settings, &inbox, &sender))?;
        Ok(Self {
            wanted,
            looks,
            next_look: Instant::now(),
        })
    }

    /// Asks for a look at the logs of `partitions`, if it is time for one; one that is under way is enough.
    pub(super) fn ask(&mut self, partitions: impl FnOnce() -> Vec<TopicPartition>, now: Instant) {
        if now < self.next_look {
            return;
        }
        self.next_look = now + INTERVAL;
        match self.wanted.try_send(partitions()) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

fn run(settings: MonitorSettings, inbox: &Receiver<Vec<TopicPartition>>, looks: &Sender<LogLook>) {
    let client = match quiet_client(&settings.client) {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "nobody looks at the logs");
            return;
        }
    };
    let waits = transactions::is_waited_for(&settings.client);
    let mut ids = KnownTopicIds {
        topics: settings.topics,
        known: settings.ids,
        repository: settings.repository,
    };
    let mut stuck = StuckTransactions::default();
    for partitions in inbox {
        let mut look = LogLook {
            made_anew: ids.changed(&client),
            behind: None,
        };
        if waits && !partitions.is_empty() {
            look.behind = transactions::waiting(&client, &partitions)
                .inspect_err(|error| tracing::debug!(%error, "what waits for transactions"))
                .ok()
                .map(|waiting| {
                    let read = |of: &_| transactions::opened_at(&settings.client, of);
                    stuck.saw(waiting, Utc::now(), read)
                });
        }
        if looks.send(look).is_err() {
            return;
        }
    }
}

/// The ids of the topics that are read.
struct KnownTopicIds {
    topics: Vec<Arc<str>>,
    known: TopicIds,
    repository: Option<Arc<Repository>>,
}

impl KnownTopicIds {
    /// A topic that is another one by now, as two looks have shown.
    fn changed(&mut self, client: &BaseConsumer<QuietContext>) -> Option<MadeAnew> {
        let ids = topic_ids::ask(client, &self.topics).ids;
        let first = made_anew(&self.known, &ids);
        if let Some(first) = first {
            thread::sleep(AGAIN);
            let ids = topic_ids::ask(client, &self.topics).ids;
            return made_anew(&self.known, &ids).filter(|second| *second == first);
        }
        // An id that the brokers did not tell at the start is known from now on.
        for (topic, id) in ids {
            if self.known.contains_key(&topic) {
                continue;
            }
            let id = match self
                .repository
                .as_ref()
                .map(|repository| repository.keep_topic_id(&topic, id))
            {
                None => id,
                Some(Ok(kept)) => kept,
                Some(Err(error)) => {
                    tracing::debug!(%error, "a topic's id is not kept");
                    continue;
                }
            };
            self.known.insert(topic, id);
        }
        None
    }
}

/// Transactions that were open at the last look, by the first record that waits for them.
#[derive(Default)]
struct StuckTransactions(BTreeMap<TopicPartition, OpenTransaction>);

/// The first record that waits for a transaction.
#[derive(Clone, Copy)]
struct OpenTransaction {
    first: Offset,
    /// When this record was first seen to wait.
    seen: DateTime<Utc>,
    /// Since when this record waits; `None` before that was asked for.
    since: Option<DateTime<Utc>>,
}

impl StuckTransactions {
    /// The part of `waiting` that waited at the last look, too, with the same first record; `read` tells when records
    /// were written.
    fn saw(
        &mut self,
        waiting: BTreeMap<TopicPartition, Waiting>,
        now: DateTime<Utc>,
        read: impl FnOnce(&BTreeMap<TopicPartition, Waiting>) -> BTreeMap<TopicPartition, DateTime<Utc>>,
    ) -> BTreeMap<TopicPartition, WaitingRecords> {
        let before = mem::take(&mut self.0);
        let known = |partition: &TopicPartition, waiting: &Waiting| {
            let known = before.get(partition);
            known.filter(|open| open.first == waiting.first).copied()
        };
        let unread = |(partition, waiting): &(&TopicPartition, &Waiting)| {
            known(partition, waiting).is_some_and(|open| open.since.is_none())
        };
        let unread: BTreeMap<_, _> = waiting
            .iter()
            .filter(unread)
            .map(|(partition, waiting)| (partition.clone(), *waiting))
            .collect();
        let written = match unread.is_empty() {
            true => BTreeMap::new(),
            false => read(&unread),
        };
        let mut behind = BTreeMap::new();
        for (partition, waiting) in waiting {
            let Some(open) = known(&partition, &waiting) else {
                let open = OpenTransaction {
                    first: waiting.first,
                    seen: now,
                    since: None,
                };
                self.0.insert(partition, open);
                continue;
            };
            // A record's time may be whatever its producer says, but the record was there when it was seen.
            let since = open.since.unwrap_or_else(|| {
                let written = written.get(&partition).copied();
                written.map_or(open.seen, |written| written.min(open.seen))
            });
            let open = OpenTransaction {
                since: Some(since),
                ..open
            };
            self.0.insert(partition.clone(), open);
            behind.insert(partition, WaitingRecords { waiting, since });
        }
        behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn waiting(of: &[(i32, i64, i64)]) -> BTreeMap<TopicPartition, Waiting> {
        let one = |(number, first, end): &(i32, i64, i64)| {
            let (first, end) = (Offset(*first), Offset(*end));
            (TopicPartition::new("t", *number), Waiting { first, end })
        };
        of.iter().map(one).collect()
    }

    /// What waits in which partition since when, if the records have the times in `told`.
    fn saw(
        stuck: &mut StuckTransactions,
        of: &[(i32, i64, i64)],
        now: i64,
        told: &[(i32, i64)],
    ) -> Vec<(i32, u64, i64)> {
        let told = told.iter();
        let told = told.map(|(number, second)| (TopicPartition::new("t", *number), at(*second)));
        let told: BTreeMap<_, _> = told.collect();
        let asked = |asked: &BTreeMap<TopicPartition, Waiting>| {
            assert!(told.keys().all(|partition| asked.contains_key(partition)));
            told.clone()
        };
        let behind = stuck.saw(waiting(of), at(now), asked).into_iter();
        behind
            .map(|(partition, behind)| {
                let records = behind.waiting.records();
                (partition.partition, records, behind.since.timestamp())
            })
            .collect()
    }

    #[test]
    fn what_waits_at_two_looks_waits_since_its_first_record_was_written() {
        let mut stuck = StuckTransactions::default();
        assert!(saw(&mut stuck, &[(0, 5, 7), (1, 2, 3)], 100, &[]).is_empty());
        // The transaction in the second partition has ended, and another one has begun there.
        let second = saw(&mut stuck, &[(0, 5, 9), (1, 4, 5)], 102, &[(0, 90)]);
        assert_eq!(second, [(0, 4, 90)]);
        // A time that is known is not asked for again; a time in the future is none.
        let third = saw(&mut stuck, &[(0, 5, 9), (1, 4, 5)], 104, &[(1, 9_999)]);
        assert_eq!(third, [(0, 4, 90), (1, 1, 102)]);
        assert!(saw(&mut stuck, &[], 106, &[]).is_empty());
        assert!(saw(&mut stuck, &[(0, 5, 9)], 108, &[]).is_empty());
        // The time at which this record was written is not known.
        assert_eq!(saw(&mut stuck, &[(0, 5, 9)], 110, &[]), [(0, 4, 108)]);
    }
}

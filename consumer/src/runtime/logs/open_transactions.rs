//! The records that wait behind open transactions, and the notices about them.
//!
//! Where producers use transactions, some are open all the time; only one that stays open for a while is worth a
//! notice.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use rdkafka::config::ClientConfig;

use crate::event::{HeldBack, Level};
use crate::number::counted;
use crate::position::{TopicPartition, names};
use crate::source::transactions::{self, Waiting};
use crate::time::rfc3339;

/// A transaction that is open for this long gets a notice.
const LONG: TimeDelta = TimeDelta::seconds(10);

/// The records of one partition that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime) struct WaitingRecords {
    pub waiting: Waiting,
    /// When the first of them was written, or was first seen to wait.
    pub since: DateTime<Utc>,
}

/// The records that wait in each partition.
#[derive(Debug, Default)]
pub(in crate::runtime) struct OpenTransactions {
    behind: BTreeMap<TopicPartition, WaitingRecords>,
    /// The partitions that a notice has named, until their transaction ends.
    told: BTreeSet<TopicPartition>,
}

impl OpenTransactions {
    /// Takes what waits at `now`, and returns the notices about those partitions that this process `reads`.
    pub(in crate::runtime) fn saw(
        &mut self,
        behind: BTreeMap<TopicPartition, WaitingRecords>,
        reads: impl Fn(&TopicPartition) -> bool,
        now: DateTime<Utc>,
    ) -> Vec<(Level, String)> {
        self.behind = behind;
        let mut told = Vec::new();
        self.told.retain(|partition| reads(partition));
        let is_over = |partition: &TopicPartition| !self.behind.contains_key(partition);
        let over: Vec<_> = self.told.extract_if(.., |told| is_over(told)).collect();
        if !over.is_empty() {
            let text = format!(
                "the transaction that records of {} waited behind has ended",
                names(&over)
            );
            told.push((Level::Info, text));
        }
        let is_news = |(partition, behind): &(&TopicPartition, &WaitingRecords)| {
            let is_long = now - behind.since >= LONG;
            is_long && reads(partition) && !self.told.contains(*partition)
        };
        let long: Vec<_> = self.behind.iter().filter(is_news).collect();
        if let Some(text) = text(long.iter().copied()) {
            let text = format!(
                "{text}; they are read when it ends (kafka-transactions.sh describe-producers tells whose it is)"
            );
            told.push((Level::Warning, text));
        }
        let news: Vec<_> = long
            .into_iter()
            .map(|(partition, _)| partition.clone())
            .collect();
        self.told.extend(news);
        told
    }

    /// What waits in those partitions that are `wanted`; `None` if nothing does.
    pub(in crate::runtime) fn held_back(
        &self,
        wanted: impl Fn(&TopicPartition) -> bool,
    ) -> Option<HeldBack> {
        let behind = self
            .behind
            .iter()
            .filter(|(partition, _)| wanted(partition));
        held_back(behind.map(|(_, behind)| behind))
    }
}

fn held_back<'b>(behind: impl Iterator<Item = &'b WaitingRecords>) -> Option<HeldBack> {
    let of_one = |behind: &WaitingRecords| HeldBack {
        records: behind.waiting.records(),
        since: behind.since,
    };
    behind.map(of_one).reduce(|a, b| HeldBack {
        records: a.records + b.records,
        since: a.since.min(b.since),
    })
}

/// What waits, in words; `None` if nothing does.
fn text<'b>(
    behind: impl Iterator<Item = (&'b TopicPartition, &'b WaitingRecords)> + Clone,
) -> Option<String> {
    let HeldBack { records, since } = held_back(behind.clone().map(|(_, behind)| behind))?;
    let partitions: Vec<_> = behind.map(|(partition, _)| partition.clone()).collect();
    let wait = if records == 1 { "waits" } else { "wait" };
    Some(format!(
        "{} of {} {wait} behind an open transaction since {}",
        counted(records, "record"),
        names(&partitions),
        rfc3339(since)
    ))
}

/// What is `waiting`, in words, whose times are asked for now; `None` if nothing is.
pub(in crate::runtime) fn described(
    client: &ClientConfig,
    waiting: BTreeMap<TopicPartition, Waiting>,
) -> Option<String> {
    if waiting.is_empty() {
        return None;
    }
    let written = transactions::opened_at(client, &waiting);
    let now = Utc::now();
    let behind = waiting.into_iter().map(|(partition, waiting)| {
        let written = written.get(&partition).copied().unwrap_or(now);
        let since = written.min(now);
        (partition, WaitingRecords { waiting, since })
    });
    let behind: BTreeMap<_, _> = behind.collect();
    text(behind.iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Offset;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn behind(of: &[(i32, i64, i64, i64)]) -> BTreeMap<TopicPartition, WaitingRecords> {
        let one = |(number, first, end, since): &(i32, i64, i64, i64)| {
            let (first, end) = (Offset(*first), Offset(*end));
            let waiting = Waiting { first, end };
            let since = at(*since);
            (
                TopicPartition::new("t", *number),
                WaitingRecords { waiting, since },
            )
        };
        of.iter().map(one).collect()
    }

    #[test]
    fn a_transaction_that_is_open_for_long_is_told_once_and_so_is_its_end() {
        let mut open = OpenTransactions::default();
        let all = |_: &TopicPartition| true;
        let first = behind(&[(0, 5, 9, 100), (1, 7, 8, 103)]);
        assert!(open.saw(first.clone(), all, at(109)).is_empty());
        let [(level, text)] = &open.saw(first.clone(), all, at(113))[..] else {
            panic!("one notice for both");
        };
        assert_eq!(*level, Level::Warning);
        let words =
            "5 records of t 0-1 wait behind an open transaction since 1970-01-01T00:01:40.000Z; ";
        assert!(text.starts_with(words), "{text}");
        assert!(open.saw(first, all, at(130)).is_empty());

        let told = open.saw(behind(&[(1, 7, 8, 103)]), all, at(131));
        let over = "the transaction that records of t 0 waited behind has ended";
        assert_eq!(told, [(Level::Info, over.to_owned())]);
        // A short transaction gets no notice, and neither does its end.
        assert!(
            open.saw(behind(&[(1, 7, 8, 103), (0, 9, 10, 132)]), all, at(133))
                .is_empty()
        );
        assert!(open.saw(behind(&[(1, 7, 8, 103)]), all, at(134)).is_empty());
    }

    #[test]
    fn what_another_process_reads_is_its_to_tell() {
        let mut open = OpenTransactions::default();
        let first = behind(&[(0, 5, 9, 100), (1, 7, 8, 100)]);
        let reads = |partition: &TopicPartition| partition.partition == 1;
        let told = open.saw(first.clone(), reads, at(120));
        assert!(
            told[0].1.starts_with("1 record of t 1 waits behind"),
            "{told:?}"
        );
        // The partition has moved to another process.
        assert!(open.saw(first, |_| false, at(121)).is_empty());
        assert!(open.saw(BTreeMap::new(), reads, at(122)).is_empty());
    }

    #[test]
    fn what_waits_is_added_up_over_the_partitions_that_are_wanted() {
        let mut open = OpenTransactions::default();
        assert_eq!(open.held_back(|_| true), None);
        open.saw(
            behind(&[(0, 5, 9, 100), (1, 7, 8, 90), (2, 0, 50, 1)]),
            |_| true,
            at(101),
        );
        let held_back = open.held_back(|partition| partition.partition < 2);
        let (records, since) = (5, at(90));
        assert_eq!(held_back, Some(HeldBack { records, since }));
    }
}

//! A topic: its partitions have good and bad records, tombstones and holes, which become visible bit by bit.

use std::collections::BTreeMap;

use consumer::position::{Offset, TopicPartition};

use super::dice::Dice;
use super::totals::Totals;

pub const TOPIC: &str = "t";

/// Payloads of bad records.
const BAD: &[&str] = &[
    "",
    "not JSON",
    r#"{"card":1,"amount":1.00"#,
    r#"{"card":1}{"card":1}"#,
    r#"{"card":1,"amount":1.005}"#,
    r#"{"card":"one","amount":1}"#,
    "[1]",
];

/// Payloads on which the query fails.
const FAILING: &[&str] = &[
    r#"{"card":1,"amount":1,"part":0}"#,
    r#"{"part":0,"card":2,"amount":-0.01}"#,
];

/// Payloads that the query passes over. On the first two it would fail in an expression that it need not compute.
const PASSED_OVER: &[&str] = &[
    r#"{"card":0,"amount":1,"part":0}"#,
    r#"{"card":0,"part":0}"#,
    r#"{"card":1,"amount":1,"part":11}"#,
    r#"{"card":0,"amount":2}"#,
];

#[derive(Clone, Debug)]
pub struct Record {
    pub offset: i64,
    /// The payload; `None` for a tombstone.
    pub payload: Option<String>,
    /// The card and amount that the record adds; `None` for a bad record, a tombstone, and a record that the query
    /// passes over.
    pub good: Option<(i32, i64)>,
    pub passed_over: bool,
}

impl Record {
    /// Returns whether the record does not fit the schema, or makes the query fail.
    pub fn is_bad(&self) -> bool {
        self.good.is_none() && !self.passed_over && !self.is_tombstone()
    }

    pub fn is_tombstone(&self) -> bool {
        self.payload.is_none()
    }
}

/// One partition's log.
#[derive(Debug)]
pub struct Log {
    records: Vec<Record>,
    /// The number of records that are visible.
    there: usize,
    /// The offset behind the last visible one, which may be a marker's.
    end: i64,
    /// The number of markers behind the last record.
    trailing: i64,
}

impl Log {
    fn new(dice: &mut Dice) -> Self {
        let cards = dice.between(1, 6);
        let count = dice.below(32);
        let bad = [0, 5, 30][dice.below(3)];
        let tombstones = [0, 5, 30][dice.below(3)];
        let failing = [0, 5, 30, 90][dice.below(4)];
        let mut next = 0;
        let records = (0..count).map(|_| {
            // The offsets in a hole were compacted, or belong to transactions.
            let hole = dice.chance(10);
            next += if hole { dice.between(1, 4) } else { 0 };
            let offset = next;
            next += 1;
            if dice.chance(bad) {
                return Record {
                    offset,
                    payload: dice.pick(BAD).map(str::to_owned),
                    good: None,
                    passed_over: false,
                };
            }
            if dice.chance(tombstones) {
                return Record {
                    offset,
                    payload: None,
                    good: None,
                    passed_over: false,
                };
            }
            for (payloads, chance) in [(FAILING, failing), (PASSED_OVER, 10)] {
                if dice.chance(chance) {
                    return Record {
                        offset,
                        payload: dice.pick(payloads).map(str::to_owned),
                        good: None,
                        passed_over: payloads == PASSED_OVER,
                    };
                }
            }
            let card = dice.between(1, cards) as i32;
            let cents = dice.between(-500, 99_999);
            let sign = if cents < 0 { "-" } else { "" };
            let (units, rest) = (cents.abs() / 100, cents.abs() % 100);
            Record {
                offset,
                payload: Some(format!(
                    r#"{{"card":{card},"amount":{sign}{units}.{rest:02}}}"#
                )),
                good: Some((card, cents)),
                passed_over: false,
            }
        });
        Self {
            records: records.collect(),
            there: 0,
            end: 0,
            trailing: dice.between(0, 2),
        }
    }

    /// Makes more of the log visible.
    fn grow(&mut self, records: usize, dice: &mut Dice) {
        self.there = (self.there + records).min(self.records.len());
        let last = self.there.checked_sub(1).map(|last| &self.records[last]);
        let least = last.map_or(0, |last| last.offset + 1);
        let most = self
            .records
            .get(self.there)
            .map_or(least + self.trailing, |next| next.offset);
        self.end = self.end.max(dice.between(least, most));
    }

    pub fn is_whole(&self) -> bool {
        self.there == self.records.len()
    }

    pub fn end(&self) -> Offset {
        Offset(self.end)
    }

    /// Returns the visible records from offset `from` on.
    pub fn read(&self, from: i64) -> &[Record] {
        let there = &self.records[..self.there];
        &there[there.partition_point(|record| record.offset < from)..]
    }

    /// Returns the records of an interval of offsets, which must be visible.
    pub fn between(&self, start: Offset, end: Offset) -> impl Iterator<Item = &Record> {
        let from = self.read(start.0).iter();
        from.take_while(move |record| record.offset < end.0)
    }

    /// Returns what a query makes of the records before `next`.
    pub fn totals(&self, next: Offset) -> Totals {
        let mut totals = Totals::default();
        for record in self.between(Offset(0), next) {
            if let Some((card, cents)) = record.good {
                totals.add(card, cents);
            }
        }
        totals
    }
}

#[derive(Debug, Default)]
pub struct Topic {
    logs: BTreeMap<TopicPartition, Log>,
}

impl Topic {
    pub fn add_partition(&mut self, dice: &mut Dice) -> TopicPartition {
        let partition = TopicPartition::new(TOPIC, self.logs.len() as i32);
        self.logs.insert(partition.clone(), Log::new(dice));
        partition
    }

    pub fn len(&self) -> usize {
        self.logs.len()
    }

    pub fn partitions(&self) -> Vec<TopicPartition> {
        self.logs.keys().cloned().collect()
    }

    pub fn log(&self, partition: &TopicPartition) -> &Log {
        &self.logs[partition]
    }

    pub fn logs(&self) -> impl Iterator<Item = (&TopicPartition, &Log)> {
        self.logs.iter()
    }

    pub fn grow(&mut self, partition: &TopicPartition, records: usize, dice: &mut Dice) {
        if let Some(log) = self.logs.get_mut(partition) {
            log.grow(records, dice);
        }
    }

    /// Makes the whole log visible.
    pub fn complete(&mut self, dice: &mut Dice) {
        for log in self.logs.values_mut() {
            log.grow(usize::MAX / 2, dice);
        }
    }
}

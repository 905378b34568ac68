//! Makes the [`Progress`] of a batch from what the batch did.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::assignment::Assignment;
use super::logs::open_transactions::OpenTransactions;
use super::offsets::Offsets;
use crate::engine::worker::{Output, PartitionBatch};
use crate::position::{Offset, TopicPartition};
use crate::progress::{DurationMs, Progress, SourceProgress, StateOperator};
use crate::time::{millis, rfc3339};

/// What a batch did. The counts are those of its records, groups and bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct BatchFacts {
    pub timestamp: DateTime<Utc>,
    pub records: u64,
    pub records_of: BTreeMap<Arc<str>, u64>,
    pub bad: u64,
    pub tombstones: u64,
    pub starts: BTreeMap<TopicPartition, Offset>,
    pub touched: u64,
    pub groups: u64,
    pub state_bytes: u64,
    /// The time from the trigger until all workers had handed over.
    pub gathering: Duration,
    /// The time from the trigger to the result.
    pub duration: Duration,
    /// The time for which a worker was busy with the records, on average.
    pub busy: Duration,
}

impl BatchFacts {
    /// What the `parts` of a batch tell, which was triggered at `timestamp` when partitions had been read up to
    /// `starts`.
    pub(super) fn of(
        timestamp: DateTime<Utc>,
        starts: BTreeMap<TopicPartition, Offset>,
        parts: &[PartitionBatch],
    ) -> Self {
        let mut facts = Self {
            timestamp,
            starts,
            ..Self::default()
        };
        for part in parts {
            facts.records += part.records;
            facts.bad += part.bad;
            facts.tombstones += part.tombstones;
            let start = facts.starts.entry(part.partition.clone());
            start.or_insert(part.start);
            let topic = Arc::clone(&part.partition.topic);
            *facts.records_of.entry(topic).or_default() += part.records;
            if let Output::State(_, groups) = &part.output {
                facts.touched += groups
                    .iter()
                    .map(|batch| batch.num_rows() as u64)
                    .sum::<u64>();
            }
        }
        facts
    }
}

/// Makes the progress of each batch of one run.
pub(super) struct Reporter {
    id: Uuid,
    run_id: Uuid,
    name: String,
    appends: bool,
    batch_id: u64,
    /// Bad records in all batches. What a member read and then lost to another member is not counted: it is read again.
    bad: u64,
    /// Tombstones in all batches.
    tombstones: u64,
    last_trigger: Instant,
}

impl Reporter {
    pub(super) fn new(name: &str, query: &str, appends: bool) -> Self {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{name}\n{query}").as_bytes());
        Self {
            id,
            run_id: Uuid::new_v4(),
            name: name.to_owned(),
            appends,
            batch_id: 0,
            bad: 0,
            tombstones: 0,
            last_trigger: Instant::now(),
        }
    }

    /// Bad records in all batches.
    pub(super) fn bad(&self) -> u64 {
        self.bad
    }

    /// Tombstones in all batches.
    pub(super) fn tombstones(&self) -> u64 {
        self.tombstones
    }

    /// The progress of the batch that was triggered at `triggered`; counts batches and bad records up.
    pub(super) fn progress(
        &mut self,
        facts: &BatchFacts,
        offsets: &Offsets,
        assignment: &Assignment,
        transactions: &OpenTransactions,
        triggered: Instant,
    ) -> Progress {
        let since_last = triggered.saturating_duration_since(self.last_trigger);
        let busy = facts.busy + facts.duration;
        let rates = |records| (rate(records, since_last), rate(records, busy));
        let sources = topics(offsets.next())
            .map(|topic| {
                let records = facts.records_of.get(topic).copied().unwrap_or(0);
                let (input, processed) = rates(records);
                let rates = (records, input, processed);
                let is_of_topic = |partition: &TopicPartition| {
                    partition.topic == *topic && offsets.counts(partition, assignment)
                };
                let held_back = transactions.held_back(is_of_topic);
                SourceProgress {
                    held_back: held_back.map_or(0, |held_back| held_back.records),
                    ..source(topic, facts, offsets, assignment, rates)
                }
            })
            .collect();
        let (input_rows_per_second, processed_rows_per_second) = rates(facts.records);
        let progress = Progress {
            id: self.id,
            run_id: self.run_id,
            name: self.name.clone(),
            timestamp: rfc3339(facts.timestamp),
            batch_id: self.batch_id,
            batch_duration: millis(facts.duration),
            num_input_rows: facts.records,
            input_rows_per_second,
            processed_rows_per_second,
            duration_ms: DurationMs {
                add_batch: millis(facts.gathering),
                query_execution: millis(facts.duration.saturating_sub(facts.gathering)),
                trigger_execution: millis(facts.duration),
            },
            event_time: BTreeMap::new(),
            state_operators: if self.appends {
                Vec::new()
            } else {
                vec![StateOperator {
                    operator_name: "aggregate",
                    num_rows_total: facts.groups,
                    num_rows_updated: facts.touched,
                    memory_used_bytes: facts.state_bytes,
                }]
            },
            sources,
            num_bad_rows: facts.bad,
            num_tombstones: facts.tombstones,
        };
        self.batch_id += 1;
        self.bad += facts.bad;
        self.tombstones += facts.tombstones;
        self.last_trigger = triggered;
        progress
    }
}

fn source(
    topic: &str,
    facts: &BatchFacts,
    offsets: &Offsets,
    assignment: &Assignment,
    (num_input_rows, input, processed): (u64, f64, f64),
) -> SourceProgress {
    let mut starts_of = BTreeMap::new();
    let mut ends_of = BTreeMap::new();
    let mut latest_of = BTreeMap::new();
    let mut lag = 0;
    let of_topic = offsets.next().iter();
    for (partition, end) in of_topic.filter(|(of, _)| *of.topic == *topic) {
        let number = partition.partition;
        starts_of.insert(number, facts.starts.get(partition).unwrap_or(end).0);
        ends_of.insert(number, end.0);
        latest_of.insert(number, offsets.latest(partition).0);
        lag += offsets.lag_after_batch(partition, assignment);
    }
    let by_topic = |offsets| BTreeMap::from([(topic.to_owned(), offsets)]);
    SourceProgress {
        description: format!("Kafka[{topic}]"),
        start_offset: by_topic(starts_of),
        end_offset: by_topic(ends_of),
        latest_offset: by_topic(latest_of),
        num_input_rows,
        input_rows_per_second: input,
        processed_rows_per_second: processed,
        lag,
        held_back: 0,
    }
}

fn topics(ends: &BTreeMap<TopicPartition, Offset>) -> impl Iterator<Item = &Arc<str>> {
    let mut last: Option<&Arc<str>> = None;
    ends.keys().filter_map(move |partition| {
        let new = last != Some(&partition.topic);
        last = Some(&partition.topic);
        new.then_some(&partition.topic)
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate is for reading; it needs no more than 15 digits"
)]
fn rate(records: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 {
        records as f64 / seconds
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};

    use super::*;
    use crate::checkpoint::Epoch;
    use crate::engine::state::State;

    fn part(topic: &str, number: i32, start: i64, output: Output) -> PartitionBatch {
        PartitionBatch {
            partition: TopicPartition::new(topic, number),
            epoch: Epoch::default(),
            start: Offset(start),
            end: Offset(start + 10),
            records: 10,
            bad: 2,
            tombstones: 3,
            allowed: 0,
            output,
        }
    }

    #[test]
    fn the_facts_of_a_batch_are_added_up_over_its_parts() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..4));
        let groups = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let parts = [
            part("a", 0, 5, Output::State(State::default(), vec![groups])),
            part("a", 1, 7, Output::Rows(Vec::new())),
            part("b", 0, 9, Output::Rows(Vec::new())),
        ];
        let starts = BTreeMap::from([(TopicPartition::new("a", 0), Offset(4))]);
        let facts = BatchFacts::of(DateTime::default(), starts, &parts);
        assert_eq!((facts.records, facts.bad, facts.tombstones), (30, 6, 9));
        assert_eq!(facts.touched, 4);
        let records_of: Vec<_> = facts.records_of.into_iter().collect();
        assert_eq!(records_of, [("a".into(), 20), ("b".into(), 10)]);
        // A partition that was known before the batch starts where it had been read up to.
        let starts: Vec<_> = facts.starts.values().map(|start| start.0).collect();
        assert_eq!(starts, [4, 7, 9]);
    }
}

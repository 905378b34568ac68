//! Backpressure: what shortage of memory changes in the times of batches. Partitions wait for memory, and results that
//! nobody has shown yet take it.

use std::mem;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::StreamingError;
use crate::engine::query::Query;
use crate::engine::state::State;
use crate::event::Batch;

/// How long the next batch waits for whoever shows the newest result.
const PATIENCE: Duration = Duration::from_secs(10);

/// What waits for memory, and what takes it.
pub(super) struct Backpressure {
    query: Query,
    /// Whether some partition takes no more because memory is short.
    waits_for_memory: bool,
    /// Results that somebody may still have to show.
    results: Vec<Weak<Batch>>,
    /// When the newest of them was given out.
    given_out_at: Option<Instant>,
    /// Whether a notice has said that results wait to be shown.
    told: bool,
}

/// What makes room for partitions that wait for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Relief {
    /// Partitions can go on: what took the memory, such as the computing of a result, is over.
    Proceed,
    /// A batch has to come, which merges what the partitions have read.
    Batch,
}

impl Backpressure {
    pub(super) fn new(query: Query) -> Self {
        Self {
            query,
            given_out_at: None,
            waits_for_memory: false,
            results: Vec::new(),
            told: false,
        }
    }

    /// A partition takes no more because memory is short.
    pub(super) fn memory_is_short(&mut self) {
        self.waits_for_memory = true;
    }

    /// Whether partitions wait for memory, or would before they took more.
    pub(super) fn is_short(&self) -> bool {
        self.waits_for_memory || self.query.is_short_of_memory()
    }

    /// A batch begins, in which all partitions hand over.
    pub(super) fn begin(&mut self) {
        self.waits_for_memory = false;
    }

    /// What the partitions that wait need; each shortage is answered once.
    pub(super) fn relief(&mut self) -> Option<Relief> {
        mem::take(&mut self.waits_for_memory).then(|| match self.query.is_short_of_memory() {
            true => Relief::Batch,
            false => Relief::Proceed,
        })
    }

    /// A result has been given out, which others are going to show.
    pub(super) fn give_out(&mut self, batch: &Arc<Batch>, now: Instant) {
        self.results.push(Arc::downgrade(batch));
        self.given_out_at = Some(now);
    }

    /// Whether results are made faster than they are shown, and take the memory; and whether that is news.
    /// The newest is waited for, too, but not for ever: somebody may keep it until there is another.
    pub(super) fn results_pile_up(&mut self, now: Instant) -> (bool, bool) {
        self.results.retain(|batch| batch.strong_count() > 0);
        let is_much = self.query.memory().is_much(self.query.memory().shown());
        let is_new = self.given_out_at.is_some_and(|at| now < at + PATIENCE);
        let most = if is_new { 0 } else { 1 };
        let pile_up = is_much && self.results.len() > most;
        let is_news = pile_up && !is_new && !mem::replace(&mut self.told, true);
        self.told &= pile_up;
        (pile_up, is_news)
    }

    /// Whether `states` leave too little room for batches, less than a quarter: they would become smaller
    /// and smaller, each of them with a result of all groups, before nothing fitted at all.
    pub(super) fn is_filled_by(&self, states: &[State]) -> bool {
        let bytes = states.iter().map(State::bytes).sum::<usize>();
        self.query
            .memory()
            .room()
            .is_some_and(|all| bytes >= all / 4 * 3)
    }

    /// What ends a query that does not fit: the groups of these states, or the rows of a batch.
    pub(super) fn exceeded(&self, states: Option<&[State]>, is_kept: bool) -> StreamingError {
        let limit = self.query.memory().limit().unwrap_or(usize::MAX) as u64;
        match states {
            Some(states) => StreamingError::StateTooLarge {
                groups: states.iter().map(|state| state.groups() as u64).sum(),
                bytes: states.iter().map(|state| state.bytes() as u64).sum(),
                limit,
                is_kept,
            },
            None => StreamingError::RowsTooLarge { limit },
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};

    use super::*;
    use crate::engine::memory::Memory;
    use crate::event::samples::brands;
    use crate::schema::TableSchema;

    fn query(text: &str, limit: u64) -> Query {
        let table = TableSchema::parse("n BIGINT").unwrap();
        let query = Query::plan(text, table.table(), &[]).unwrap();
        query.within(&Memory::new(Some(limit))).unwrap()
    }

    const COUNT: &str = "SELECT n, count(*) FROM transactions GROUP BY n";
    const LIMIT: u64 = 1_000_000;

    #[test]
    fn a_batch_comes_only_where_memory_is_still_short() {
        let query = query(COUNT, LIMIT);
        let mut backpressure = Backpressure::new(query.clone());
        assert_eq!(backpressure.relief(), None);
        let held = query.memory().reserve("groups");
        held.grow(LIMIT as usize / 2);
        backpressure.memory_is_short();
        assert!(backpressure.is_short());
        assert_eq!(backpressure.relief(), Some(Relief::Batch));
        assert_eq!(backpressure.relief(), None);
        backpressure.memory_is_short();
        held.free();
        assert_eq!(backpressure.relief(), Some(Relief::Proceed));
        assert!(!backpressure.is_short());
    }

    #[test]
    fn large_results_that_nobody_takes_hold_up_the_next() {
        let query = query("SELECT n FROM transactions", LIMIT);
        let mut backpressure = Backpressure::new(query.clone());
        let start = Instant::now();
        let later = start + PATIENCE;
        let give_out = |backpressure: &mut Backpressure, rows: i64| {
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
            let rows = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
            let batch = Arc::new(Batch {
                rows: query.result([rows]).unwrap().rows,
                ..(*brands(0, &[])).clone()
            });
            backpressure.give_out(&batch, start);
            batch
        };
        let small = give_out(&mut backpressure, 5_000);
        assert_eq!(backpressure.results_pile_up(start), (false, false));
        // The newest result is not waited for without end, but the one before it is.
        let large = give_out(&mut backpressure, 20_000);
        assert_eq!(backpressure.results_pile_up(start), (true, false));
        assert_eq!(backpressure.results_pile_up(later), (true, true));
        assert_eq!(
            backpressure.results_pile_up(later),
            (true, false),
            "it is said once"
        );
        let larger = give_out(&mut backpressure, 30_000);
        drop((small, large));
        assert_eq!(backpressure.results_pile_up(start), (true, false));
        assert_eq!(backpressure.results_pile_up(later), (false, false));
        drop(larger);
        assert_eq!(backpressure.results_pile_up(start), (false, false));
    }

    #[test]
    fn a_state_that_leaves_no_room_for_batches_fills_it() {
        let query = query(COUNT, LIMIT);
        let backpressure = Backpressure::new(query.clone());
        let state = |groups: i64| {
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..groups));
            let counts: ArrayRef = Arc::new(Int64Array::from_iter_values(0..groups));
            let groups = RecordBatch::try_from_iter([("n", numbers), ("count(*)", counts)]);
            State::default()
                .merged(&query, vec![groups.unwrap()])
                .unwrap()
        };
        // 16 bytes a group; three quarters of the room are 225,000.
        assert!(!backpressure.is_filled_by(&[state(6_000), state(6_000)]));
        assert!(backpressure.is_filled_by(&[state(8_000), state(8_000)]));
    }

    #[test]
    fn what_ends_a_query_names_the_setting_and_the_numbers() {
        let backpressure = Backpressure::new(query(COUNT, 300 << 20));
        let text = backpressure
            .exceeded(Some(&[State::default()]), true)
            .to_string();
        for words in [
            "MEMORY_LIMIT (300 MiB)",
            "groups are 0",
            "checkpoints are good",
        ] {
            assert!(text.contains(words), "{text}");
        }
        let text = backpressure.exceeded(Some(&[]), false).to_string();
        assert!(!text.contains("checkpoints"), "{text}");
    }
}

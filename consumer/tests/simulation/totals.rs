//! Computes the query's result in another way: by plain additions over the records.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int32Type, Int64Type};

pub const SCHEMA: &str = "card INT, amount DECIMAL(12,2), part INT";

/// Its aggregates are kept as what they result in, so a state can be read without the engine. It fails on a record whose
/// `part` is 0, unless there is another reason not to count it, and does not count one whose `part` is above 10.
pub const QUERY: &str = "SELECT card, count(*) AS n, sum(amount) AS total, min(amount) AS low, \
                         max(amount) AS high FROM transactions \
                         WHERE card <> 0 AND 10 / coalesce(part, 1) > 0 GROUP BY card";

/// Without an aggregate nothing is kept but offsets. A row says which record has made it.
pub const ROWS: &str = "SELECT _partition, _offset, card, amount FROM transactions \
                        WHERE card <> 0 AND 10 / coalesce(part, 1) > 0";

#[derive(Clone, Debug, PartialEq, Eq)]
struct Total {
    count: i64,
    sum: i128,
    low: i128,
    high: i128,
}

/// By card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(BTreeMap<i32, Total>);

impl Totals {
    pub fn add(&mut self, card: i32, cents: i64) {
        let cents = i128::from(cents);
        let one = Total {
            count: 1,
            sum: cents,
            low: cents,
            high: cents,
        };
        self.add_total(card, one);
    }

    pub fn merge(&mut self, other: Self) {
        for (card, total) in other.0 {
            self.add_total(card, total);
        }
    }

    fn add_total(&mut self, card: i32, other: Total) {
        match self.0.get_mut(&card) {
            None => {
                self.0.insert(card, other);
            }
            Some(total) => {
                total.count += other.count;
                total.sum += other.sum;
                total.low = total.low.min(other.low);
                total.high = total.high.max(other.high);
            }
        }
    }

    /// Returns the number of cards.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the totals of a state, in which a group may come several times.
    pub fn of_state(batches: impl IntoIterator<Item = RecordBatch>) -> Self {
        let mut totals = Self::default();
        for batch in batches {
            totals.merge(Self::of_rows(&batch));
        }
        totals
    }

    /// Returns the totals of a result.
    pub fn of_rows(batch: &RecordBatch) -> Self {
        let mut totals = Self::default();
        let cents = |column: usize, row| {
            let column = batch.column(column).as_primitive::<Decimal128Type>();
            assert!(column.is_valid(row));
            column.value(row)
        };
        for row in 0..batch.num_rows() {
            let card = batch.column(0).as_primitive::<Int32Type>().value(row);
            let total = Total {
                count: batch.column(1).as_primitive::<Int64Type>().value(row),
                sum: cents(2, row),
                low: cents(3, row),
                high: cents(4, row),
            };
            totals.add_total(card, total);
        }
        totals
    }
}

//! Checks results that show the groups that have changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use consumer::engine::changelog::ChangedGroups;
use consumer::engine::query::Query;
use consumer::engine::state::State;
use proptest::prelude::*;
use testkit::oracle::comparable;

use super::at_once::at_once;
use super::stream::{Record, rows, schema, stream};

/// A query that shows its groups as they change.
struct Updating {
    keys: &'static str,
    calls: &'static str,
    from: &'static str,
    having: &'static str,
}

const UPDATING: &[Updating] = &[
    Updating {
        keys: "brand",
        calls: "count(*), sum(amount), avg(amount), min(amount), max(amount)",
        from: "transactions",
        having: "",
    },
    Updating {
        keys: "brand, quantity % 2",
        calls: "count(*), count(DISTINCT quantity), median(amount)",
        from: "transactions WHERE amount > 10",
        having: "",
    },
    Updating {
        keys: "brand",
        calls: "sum(amount) * 2, count(*) FILTER (WHERE amount > 20)",
        from: "transactions",
        having: "HAVING count(*) > 3 AND sum(amount) > 10",
    },
    Updating {
        keys: "tag",
        calls: "count(*), sum(amount)",
        from: "(SELECT unnest(tags) AS tag, amount FROM transactions)",
        having: "",
    },
    Updating {
        keys: "tags",
        calls: "count(*)",
        from: "transactions",
        having: "",
    },
    Updating {
        keys: "date_trunc('minute', at), brand",
        calls: "count(*), array_agg(quantity ORDER BY quantity)",
        from: "transactions",
        having: "",
    },
    // The values 0.0 and -0.0 are one group.
    Updating {
        keys: "CASE WHEN amount > 50 THEN CAST(0 AS DOUBLE) ELSE -CAST(quantity % 2 AS DOUBLE) END",
        calls: "count(*)",
        from: "transactions",
        having: "",
    },
    Updating {
        keys: "CASE WHEN amount > 50 THEN CAST(0 AS DOUBLE) ELSE -CAST(quantity % 2 AS DOUBLE) END, brand",
        calls: "count(*)",
        from: "transactions",
        having: "",
    },
    // These keys have equal hashes: a NULL leaves the hash of the columns before it as it is.
    Updating {
        keys: "nullif(quantity % 3, 0), nullif(_partition, 0), nullif(quantity % 2, 0)",
        calls: "count(*), sum(amount)",
        from: "transactions",
        having: "",
    },
    Updating {
        keys: "CASE WHEN quantity > 20 THEN 'x' END, CASE WHEN amount > 20 THEN 'x' END",
        calls: "count(*), sum(amount)",
        from: "transactions",
        having: "",
    },
    Updating {
        keys: "CASE WHEN amount > 20 THEN tags END",
        calls: "count(*), sum(amount)",
        from: "transactions",
        having: "",
    },
    // This query has one group, which every batch changes.
    Updating {
        keys: "",
        calls: "count(*), sum(amount)",
        from: "transactions",
        having: "",
    },
];

impl Updating {
    fn sql(&self) -> String {
        let Self { keys, calls, .. } = self;
        let comma = if keys.is_empty() { "" } else { ", " };
        self.grouped(&format!("{keys}{comma}{calls}"), self.having)
    }

    /// Returns a query for the keys alone, of all groups.
    fn keys_sql(&self) -> String {
        self.grouped(
            if self.keys.is_empty() {
                "count(*)"
            } else {
                self.keys
            },
            "",
        )
    }

    fn grouped(&self, select: &str, having: &str) -> String {
        let Self { keys, from, .. } = self;
        let grouping = if keys.is_empty() { "" } else { "GROUP BY " };
        format!("SELECT {select} FROM {from} {grouping}{keys} {having}")
    }
}

/// Returns for each batch the result of the groups that it changes, and how many groups there are then.
fn in_updates(query: &Query, stream: &[(Record, i32, usize)]) -> Vec<(RecordBatch, usize)> {
    let mut states = vec![State::default(); 3];
    let mut offset = 0_i64;
    let mut groups = 0;
    let mut results = Vec::new();
    for batch in stream.chunk_by(|left, right| left.2 == right.2) {
        let mut made = Vec::new();
        let before = states.clone();
        for records in batch.chunk_by(|left, right| left.1 == right.1) {
            let partition = usize::try_from(records[0].1).unwrap();
            let records: Vec<_> = records
                .iter()
                .map(|(record, partition, _)| {
                    offset += 1;
                    (record.clone(), *partition, offset)
                })
                .collect();
            let mut partial = query.partial().unwrap();
            partial
                .push(rows(&records).project(query.columns()).unwrap())
                .unwrap();
            let new = partial.finish().unwrap();
            states[partition] = states[partition].with_batch(query, new.clone()).unwrap();
            made.extend(new);
        }
        let Some(keys) = query.looked_up_by() else {
            let all: Vec<_> = states.iter().flat_map(State::batches).collect();
            let outcome = query.result(all).unwrap();
            results.push((outcome.rows, outcome.groups));
            continue;
        };
        let changed = ChangedGroups::of(keys, query.memory(), made, &before).unwrap();
        groups += changed.new_groups;
        results.push((query.result(changed.rows).unwrap().rows, groups));
    }
    results
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn an_update_has_the_groups_of_its_batch_as_they_are_among_all_records(stream in stream()) {
        let numbered: Vec<_> = (0_i64..)
            .zip(&stream)
            .map(|(offset, (record, partition, batch))| ((record.clone(), *partition, offset), *batch))
            .collect();
        for updating in UPDATING {
            let sql = updating.sql();
            let query = Query::plan(&sql, &schema(), &[]).and_then(Query::updating);
            let query = query.unwrap_or_else(|error| panic!("{sql}: {error}"));
            let mut until_now = Vec::new();
            let batches = numbered.chunk_by(|left, right| left.1 == right.1);
            for (batch, (rows_of_it, groups)) in batches.zip(in_updates(&query, &stream)) {
                let batch: Vec<_> = batch.iter().map(|(record, _)| record.clone()).collect();
                until_now.extend(batch.clone());
                let keys_of = |records| comparable(&at_once(&updating.keys_sql(), &rows(records)), false);
                let keys = match updating.keys {
                    "" => vec![vec![]],
                    _ => keys_of(&batch),
                };
                prop_assert_eq!(groups, keys_of(&until_now).len(), "{}", sql);
                let mut expected = comparable(&at_once(&sql, &rows(&until_now)), false);
                expected.retain(|row| keys.iter().any(|key| row.starts_with(key)));
                prop_assert_eq!(comparable(&rows_of_it, false), expected, "{}", sql);
            }
        }
    }
}

/// Has layers that stay apart for long, and groups that stand in several of them.
#[test]
fn updates_of_many_groups_in_many_layers_are_exact() {
    let table = Schema::new(vec![
        Field::new("n", DataType::Int64, true),
        Field::new("cents", DataType::Int64, true),
    ]);
    let sql = "SELECT n, count(*) AS c, sum(cents) AS s FROM transactions GROUP BY n";
    let query = Query::plan(sql, &Arc::new(table), &[]).unwrap();
    let query = query.updating().unwrap();
    let keys = query.looked_up_by().unwrap().clone();
    let mut states = vec![State::default(); 2];
    let mut expected: HashMap<i64, (i64, i64)> = HashMap::new();
    let mut groups = 0;
    let mut compactions = 0;
    // The first batches get smaller and smaller, so that layers stay apart. The merges of some later ones are put off.
    for (batch, count) in [
        40_000_i64, 18_000, 8_000, 20, 0, 5_000, 30_000, 10, 20_000, 10,
    ]
    .into_iter()
    .enumerate()
    {
        // The layers of one partition are merged between batches, those of the other one with the next batch.
        for state in states.iter_mut().take(1) {
            if let Some(compacted) = state.compacted(&query).unwrap() {
                assert!(compacted.compacted(&query).unwrap().is_none());
                *state = compacted;
                compactions += 1;
            }
        }
        let before = states.clone();
        let mut made = Vec::new();
        let mut touched = HashSet::new();
        for (partition, state) in (0_i64..).zip(&mut states) {
            let numbers: Vec<i64> = (0..count)
                .map(|i| (i * 7919 + batch as i64 * 101 + partition * 13) % 60_000)
                .collect();
            for n in &numbers {
                let (count, sum) = expected.entry(*n).or_default();
                (*count, *sum) = (*count + 1, *sum + n * 3 + batch as i64);
                touched.insert(*n);
            }
            let cents = numbers.iter().map(|n| n * 3 + batch as i64);
            let records = RecordBatch::try_from_iter_with_nullable([
                (
                    "n",
                    Arc::new(Int64Array::from(numbers.clone())) as ArrayRef,
                    true,
                ),
                (
                    "cents",
                    Arc::new(Int64Array::from_iter_values(cents)) as ArrayRef,
                    true,
                ),
            ]);
            let mut partial = query.partial().unwrap();
            partial.push(records.unwrap()).unwrap();
            let new = partial.finish().unwrap();
            *state = state.with_batch(&query, new.clone()).unwrap();
            made.extend(new);
        }
        let changed = ChangedGroups::of(&keys, query.memory(), made, &before).unwrap();
        groups += changed.new_groups;
        assert_eq!(groups, expected.len());
        let result = query.result(changed.rows).unwrap().rows;
        let column = |number: usize| result.column(number).as_primitive::<Int64Type>().clone();
        let (n, counts, sums) = (column(0), column(1), column(2));
        assert_eq!(result.num_rows(), touched.len());
        for row in 0..result.num_rows() {
            let n = n.value(row);
            assert!(touched.remove(&n), "{n} comes twice, or was not changed");
            let (count, sum) = expected[&n];
            assert_eq!((counts.value(row), sums.value(row)), (count, sum));
        }
    }
    assert!(compactions >= 3, "{compactions}");
}

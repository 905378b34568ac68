//! Any split of the records into batches and partitions gives the result that DataFusion gives on all
//! of them at once.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use consumer::engine::changed::Changed;
use consumer::engine::functions::exact;
use consumer::engine::query::Query;
use consumer::engine::state::State;
use datafusion::arrow::array::{
    ArrayRef, AsArray, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray,
    RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use proptest::prelude::*;

/// Queries that are kept, as DataFusion and we both read them.
const QUERIES: &[&str] = &[
    "SELECT brand, count(*) AS transactions, sum(amount) AS total, avg(amount) AS average, \
     min(amount) AS smallest, max(amount) AS largest FROM transactions GROUP BY brand ORDER BY total DESC, brand",
    "SELECT count(*), sum(amount), avg(amount), min(amount), max(amount) FROM transactions",
    "SELECT count(*) FROM transactions",
    "SELECT count(amount), sum(quantity), avg(quantity), min(quantity), max(brand) FROM transactions",
    "SELECT brand, median(amount), median(quantity) FROM transactions GROUP BY brand",
    "SELECT count(DISTINCT brand) FROM transactions",
    "SELECT brand, count(DISTINCT quantity) FROM transactions GROUP BY brand",
    "SELECT brand, count(DISTINCT quantity), count(*), sum(amount), count(DISTINCT amount) FROM transactions GROUP BY brand",
    "SELECT brand, sum(DISTINCT quantity), avg(DISTINCT amount), sum(DISTINCT amount) FROM transactions GROUP BY brand",
    "SELECT stddev(amount), stddev_pop(score), var_samp(score), avg(score), sum(score) FROM transactions",
    "SELECT brand, stddev(score), covar_samp(score, quantity), corr(score, quantity) FROM transactions GROUP BY brand",
    "SELECT brand, count(*) AS n FROM transactions GROUP BY brand HAVING count(*) > 3 AND sum(amount) > 10",
    "SELECT brand, max(amount) AS m FROM transactions GROUP BY brand ORDER BY max(amount) DESC NULLS LAST, brand LIMIT 1",
    "SELECT brand, min(amount) AS m FROM transactions GROUP BY brand ORDER BY m, brand LIMIT 2",
    "SELECT brand, sum(amount) AS m FROM transactions GROUP BY brand ORDER BY m DESC NULLS LAST, brand LIMIT 1",
    "SELECT brand, count(*) AS m FROM transactions GROUP BY brand ORDER BY m DESC, brand LIMIT 1 OFFSET 1",
    "SELECT brand, avg(amount) AS m FROM transactions GROUP BY brand ORDER BY m DESC NULLS LAST, brand LIMIT 3",
    "SELECT brand, median(quantity) AS m FROM transactions GROUP BY brand ORDER BY m DESC NULLS LAST, brand LIMIT 1",
    "SELECT brand, count(DISTINCT quantity) AS m FROM transactions GROUP BY brand ORDER BY m DESC, brand LIMIT 1",
    "SELECT DISTINCT brand FROM transactions ORDER BY brand LIMIT 2",
    "SELECT DISTINCT brand, quantity % 2 FROM transactions",
    "SELECT upper(brand) AS b, sum(amount * 2) + 1 AS s, sum(amount) / count(*) FROM transactions GROUP BY upper(brand)",
    "SELECT CASE WHEN amount > 50 THEN 'large' ELSE 'small' END AS size, count(*), sum(amount) FROM transactions GROUP BY 1",
    "SELECT brand, count(*) FILTER (WHERE amount > 20) AS many, sum(amount) FILTER (WHERE quantity > 0) FROM transactions GROUP BY brand",
    "SELECT brand, sum(amount) FROM transactions WHERE amount > 10 AND brand <> 'b' GROUP BY brand",
    "SELECT date_trunc('minute', at) AS minute, count(*), max(at) FROM transactions GROUP BY 1 ORDER BY 1",
    "SELECT tag, count(*), sum(amount) FROM (SELECT unnest(tags) AS tag, amount FROM transactions) GROUP BY tag",
    "SELECT brand, quantity, count(*) FROM transactions GROUP BY ROLLUP (brand, quantity)",
    "SELECT brand, quantity, grouping(brand), sum(amount) FROM transactions GROUP BY GROUPING SETS ((brand), (quantity), ())",
    "SELECT bool_and(amount > 5), bool_or(quantity > 90), bit_xor(quantity), approx_distinct(quantity) FROM transactions",
    "SELECT brand, sum(amount) AS total, rank() OVER (ORDER BY sum(amount) DESC) AS place FROM transactions GROUP BY brand",
    "SELECT brand, sum(amount) * 100 / sum(sum(amount)) OVER () AS share FROM transactions GROUP BY brand",
    "WITH t AS (SELECT brand, amount FROM transactions WHERE quantity > 10) SELECT brand, avg(amount) FROM t GROUP BY brand",
    "SELECT brand, first_value(amount ORDER BY _partition, _offset), last_value(quantity ORDER BY _partition, _offset) \
     FROM transactions GROUP BY brand",
    "SELECT brand, array_agg(quantity ORDER BY _partition, _offset) FROM transactions GROUP BY brand",
    "SELECT brand, array_agg(DISTINCT quantity ORDER BY quantity) FROM transactions GROUP BY brand",
    "SELECT brand, array_agg(quantity ORDER BY quantity), array_agg(amount ORDER BY amount DESC) FROM transactions GROUP BY brand",
    "SELECT quantity % 3, string_agg(brand, '' ORDER BY brand), first_value(amount ORDER BY amount) FROM transactions GROUP BY 1",
    "SELECT sum(amount) FROM transactions HAVING sum(amount) > 100",
    // Without an aggregate.
    "SELECT brand, amount * 2 AS twice FROM transactions WHERE amount > 30",
    "SELECT unnest(tags) AS tag, _offset FROM transactions",
    "SELECT * FROM transactions WHERE brand = 'a'",
];

/// A query whose groups are shown as they change.
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
    // 0.0 and -0.0 are one group.
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
    // Keys of one hash: a NULL leaves that of the columns before it.
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
    // One group, which every batch changes.
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

    /// The keys alone, of all groups.
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

#[derive(Clone, Debug)]
struct Record {
    brand: Option<&'static str>,
    cents: Option<i64>,
    quantity: Option<i64>,
    score: Option<f64>,
    at: i64,
    tags: Vec<i64>,
}

fn record() -> impl Strategy<Value = Record> {
    (
        prop::option::weighted(0.9, prop::sample::select(vec!["a", "b", "c", "d"])),
        prop::option::weighted(0.9, -5_000_i64..20_000),
        prop::option::weighted(0.9, -3_i64..100),
        prop::option::weighted(0.9, -1e3..1e3_f64),
        0_i64..300_000_000,
        prop::collection::vec(0_i64..4, 0..3),
    )
        .prop_map(|(brand, cents, quantity, score, at, tags)| Record {
            brand,
            cents,
            quantity,
            score,
            at,
            tags,
        })
}

/// Each record with the partition that it is in and the batch that it comes in.
fn stream() -> impl Strategy<Value = Vec<(Record, i32, usize)>> {
    prop::collection::vec((record(), 0..3_i32, 0..4_usize), 1..60).prop_map(|mut stream| {
        stream.sort_by_key(|(_, partition, batch)| (*batch, *partition));
        stream
    })
}

fn rows(records: &[(Record, i32, i64)]) -> RecordBatch {
    fn column<T: 'static>(
        records: &[(Record, i32, i64)],
        value: impl Fn(&Record) -> T,
    ) -> impl Iterator<Item = T> {
        records.iter().map(move |(record, ..)| value(record))
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "brand",
            Arc::new(column(records, |r| r.brand).collect::<StringViewArray>()),
        ),
        (
            "amount",
            Arc::new(
                column(records, |r| r.cents.map(i128::from))
                    .collect::<Decimal128Array>()
                    .with_precision_and_scale(12, 2)
                    .unwrap(),
            ),
        ),
        (
            "quantity",
            Arc::new(column(records, |r| r.quantity).collect::<Int64Array>()),
        ),
        (
            "score",
            Arc::new(column(records, |r| r.score).collect::<Float64Array>()),
        ),
        (
            "at",
            Arc::new(
                TimestampMicrosecondArray::from_iter_values(column(records, |r| r.at))
                    .with_timezone("UTC"),
            ),
        ),
        (
            "tags",
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(column(
                records,
                |r| Some(r.tags.iter().copied().map(Some).collect::<Vec<_>>()),
            ))),
        ),
        (
            "_partition",
            Arc::new(Int32Array::from_iter_values(
                records.iter().map(|(_, partition, _)| *partition),
            )),
        ),
        (
            "_offset",
            Arc::new(Int64Array::from_iter_values(
                records.iter().map(|(.., offset)| *offset),
            )),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap()
}

fn schema() -> SchemaRef {
    let schema = rows(&[]).schema();
    Arc::new(Schema::new(schema.fields().clone()))
}

/// DataFusion on all records at once. Its sum wraps and its average truncates, so it is given ours:
/// they have tests of their own.
fn at_once(sql: &str, all: &RecordBatch) -> RecordBatch {
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .set_bool("datafusion.sql_parser.parse_float_as_decimal", true);
    let context = SessionContext::new_with_config(config);
    context.register_udaf(exact::sum());
    context.register_udaf(exact::avg());
    let table = MemTable::try_new(all.schema(), vec![vec![all.clone()]]).unwrap();
    context
        .register_table("transactions", Arc::new(table))
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let frame = context.sql(sql).await.unwrap();
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let batches = frame.collect().await.unwrap();
        concat_batches(
            &batches.first().map_or(schema, RecordBatch::schema),
            &batches,
        )
        .unwrap()
    })
}

/// Batch after batch over a state for each partition; the last batch's result.
fn in_batches(query: &Query, stream: &[(Record, i32, usize)]) -> (RecordBatch, Vec<RecordBatch>) {
    let mut states = vec![State::default(); 3];
    let mut offsets = [0_i64; 3];
    let mut results = Vec::new();
    for batch in stream.chunk_by(|left, right| left.2 == right.2) {
        let mut appended = Vec::new();
        for records in batch.chunk_by(|left, right| left.1 == right.1) {
            let partition = usize::try_from(records[0].1).unwrap();
            let mut partial = query.partial().unwrap();
            for piece in records.chunks(3) {
                let piece: Vec<_> = piece
                    .iter()
                    .map(|(record, partition_id, _)| {
                        offsets[partition] += 1;
                        (record.clone(), *partition_id, offsets[partition])
                    })
                    .collect();
                partial
                    .push(rows(&piece).project(query.columns()).unwrap())
                    .unwrap();
            }
            let groups = partial.finish().unwrap();
            if query.appends() {
                appended.extend(groups);
            } else {
                states[partition] = states[partition].with_batch(query, groups).unwrap();
            }
        }
        let kept: Vec<_> = if query.appends() {
            appended
        } else {
            states.iter().flat_map(State::batches).collect()
        };
        results.push(query.result(kept).unwrap().rows);
    }
    (results.last().unwrap().clone(), results)
}

/// The result of each batch, of the groups that it changes; and how many groups there are then.
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
        let changed = Changed::of(keys, query.memory(), made, &before).unwrap();
        groups += changed.new_groups;
        results.push((query.result(changed.rows).unwrap().rows, groups));
    }
    results
}

/// One value: floats depend on the order of their additions, everything else is exact.
#[derive(Clone, Debug)]
enum Cell {
    Exact(String),
    Float(Option<f64>),
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(left), Self::Exact(right)) => left == right,
            (Self::Float(Some(left)), Self::Float(Some(right))) => {
                // What cancels out to nearly nothing has no digits left to compare.
                (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1e3)
                    || left.is_nan() && right.is_nan()
            }
            (Self::Float(left), Self::Float(right)) => left.is_none() && right.is_none(),
            _ => false,
        }
    }
}

/// The rows' values; sorted by the exact ones unless the query sorts them itself.
fn comparable(batch: &RecordBatch, sorted: bool) -> Vec<Vec<Cell>> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<Vec<Cell>> = batch
        .columns()
        .iter()
        .map(|column| {
            if *column.data_type() == DataType::Float64 {
                let column = column.as_any().downcast_ref::<Float64Array>().unwrap();
                return column.iter().map(Cell::Float).collect();
            }
            let formatter = ArrayFormatter::try_new(column, &options).unwrap();
            (0..column.len())
                .map(|row| Cell::Exact(formatter.value(row).to_string()))
                .collect()
        })
        .collect();
    let mut rows: Vec<Vec<Cell>> = (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column[row].clone()).collect())
        .collect();
    if !sorted {
        rows.sort_by_cached_key(|row| {
            let exact = row.iter().filter_map(|cell| match cell {
                Cell::Exact(text) => Some(text.clone()),
                Cell::Float(_) => None,
            });
            let floats = row.iter().filter_map(|cell| match cell {
                Cell::Exact(_) => None,
                // -0.0 is 0.0.
                Cell::Float(value) => Some(format!("{:.3?}", value.map(|value| value + 0.0))),
            });
            exact.chain(floats).collect::<Vec<_>>()
        });
    }
    rows
}

/// Whether `sql` has an ORDER BY that is not inside an aggregate or a window.
fn sorts(sql: &str) -> bool {
    let mut depth = 0_usize;
    let mut outside = String::new();
    for c in sql.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            c if depth == 0 => outside.push(c),
            _ => {}
        }
    }
    outside.contains("ORDER BY")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn batches_and_partitions_give_the_result_of_all_records_at_once(stream in stream()) {
        let mut offsets = [0_i64; 3];
        let all: Vec<_> = stream
            .iter()
            .map(|(record, partition, _)| {
                let offset = &mut offsets[usize::try_from(*partition).unwrap()];
                *offset += 1;
                (record.clone(), *partition, *offset)
            })
            .collect();
        let all = rows(&all);
        for sql in QUERIES {
            let query = Query::plan(sql, &schema(), &[]).unwrap_or_else(|error| panic!("{sql}: {error}"));
            let (last, every) = in_batches(&query, &stream);
            let result = if query.appends() {
                concat_batches(query.schema(), &every).unwrap()
            } else {
                last
            };
            let expected = at_once(sql, &all);
            let sorted = sorts(sql);
            prop_assert_eq!(comparable(&result, sorted), comparable(&expected, sorted), "{}", sql);
        }
    }

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

/// Layers that stand beside each other for long, and groups that come in several of them.
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
    // At first smaller and smaller ones, so that layers stay apart; then some whose merges are left for later.
    for (batch, count) in [
        40_000_i64, 18_000, 8_000, 20, 0, 5_000, 30_000, 10, 20_000, 10,
    ]
    .into_iter()
    .enumerate()
    {
        // One partition's are merged between batches, the other's with the next one.
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
        let changed = Changed::of(&keys, query.memory(), made, &before).unwrap();
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

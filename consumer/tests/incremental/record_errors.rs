//! Checks records on which an expression fails: exactly the records that fail by themselves are left out, whatever
//! chunks they come in, and all others count.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, ListArray, RecordBatch, StringViewArray};
use arrow::datatypes::Int64Type;
use consumer::engine::query::{OnRecordError, Query};
use proptest::prelude::*;
use testkit::oracle::comparable;

#[derive(Clone, Debug)]
struct Record {
    brand: Option<&'static str>,
    part: Option<i64>,
    code: Option<&'static str>,
    tags: Vec<i64>,
}

fn record() -> impl Strategy<Value = Record> {
    let code = prop::sample::select(vec!["7", "12", "", "x", "99999999999999999999", "-3"]);
    (
        prop::option::weighted(0.9, prop::sample::select(vec!["a", "b", "c"])),
        prop::option::weighted(0.9, prop::sample::select(vec![0, 0, 1, 2, 7, 60])),
        prop::option::weighted(0.9, code),
        prop::collection::vec(0_i64..5, 0..3),
    )
        .prop_map(|(brand, part, code, tags)| Record {
            brand,
            part,
            code,
            tags,
        })
}

fn rows(records: &[Record]) -> RecordBatch {
    let all = records.iter();
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "brand",
            Arc::new(all.clone().map(|r| r.brand).collect::<StringViewArray>()),
        ),
        (
            "part",
            Arc::new(all.clone().map(|r| r.part).collect::<Int64Array>()),
        ),
        (
            "code",
            Arc::new(all.clone().map(|r| r.code).collect::<StringViewArray>()),
        ),
        (
            "tags",
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(all.map(
                |r| Some(r.tags.iter().copied().map(Some).collect::<Vec<_>>()),
            ))),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap()
}

fn plan(sql: &str) -> Query {
    Query::plan(sql, &rows(&[]).schema(), &[]).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn is_number(record: &Record) -> bool {
    record.code.is_none_or(|code| code.parse::<i64>().is_ok())
}

fn is_zero(record: &Record) -> bool {
    record.part == Some(0)
}

type Fails = fn(&Record) -> bool;

/// Queries, each with a function that says on which records the query fails.
const QUERIES: &[(&str, Fails)] = &[
    (
        "SELECT brand, count(*), sum(CAST(code AS BIGINT)) FROM transactions GROUP BY brand",
        |r| !is_number(r),
    ),
    (
        "SELECT sum(CAST(code AS BIGINT)), count(DISTINCT CAST(code AS BIGINT)) FROM transactions",
        |r| !is_number(r),
    ),
    (
        "SELECT count(*) FROM transactions WHERE 100 / part > 3",
        is_zero,
    ),
    (
        "SELECT brand, count(*) FROM transactions WHERE 100 / part > 3 GROUP BY brand",
        is_zero,
    ),
    (
        "SELECT 100 / part, count(*), max(code) FROM transactions GROUP BY 1",
        is_zero,
    ),
    (
        "SELECT part, count(*) FILTER (WHERE 100 / part > 3) FROM transactions GROUP BY part",
        is_zero,
    ),
    (
        "SELECT max(part * 9223372036854775807) FROM transactions",
        |r| r.part.is_some_and(|part| part > 1),
    ),
    (
        "SELECT brand, 100 / part, count(*) FROM transactions GROUP BY ROLLUP (brand, 100 / part)",
        is_zero,
    ),
    (
        "SELECT 10 / tag, count(*) FROM (SELECT unnest(tags) AS tag FROM transactions) GROUP BY 1",
        |r| r.tags.contains(&0),
    ),
    (
        "SELECT brand, array_agg(100 / part ORDER BY CAST(code AS BIGINT), 100 / part) FROM transactions GROUP BY brand",
        |r| is_zero(r) || !is_number(r),
    ),
    (
        "SELECT brand, first_value(part ORDER BY 100 / part, part), last_value(part ORDER BY 100 / part, part) \
         FROM transactions GROUP BY brand",
        is_zero,
    ),
    (
        "SELECT brand, median(100 / part), min(CAST(code AS BIGINT)) FROM transactions GROUP BY brand",
        |r| is_zero(r) || !is_number(r),
    ),
    // Without an aggregate.
    (
        "SELECT brand, 100 / part AS p FROM transactions WHERE brand <> 'c'",
        |r| is_zero(r) && r.brand.is_some_and(|brand| brand != "c"),
    ),
    (
        "SELECT CAST(code AS BIGINT) AS n, part FROM transactions",
        |r| !is_number(r),
    ),
    (
        "SELECT 10 / unnest(tags) AS t, brand FROM transactions",
        |r| r.tags.contains(&0),
    ),
    // These queries fail on no record: a condition prevents the failing expression from being computed.
    (
        "SELECT brand, count(*) FROM transactions WHERE part <> 0 AND 100 / part > 3 GROUP BY brand",
        |_| false,
    ),
    (
        "SELECT count(*) FROM transactions WHERE part = 0 OR 100 / part > 3",
        |_| false,
    ),
    (
        "SELECT brand, sum(100 / part) FILTER (WHERE part <> 0) FROM transactions GROUP BY brand",
        |_| false,
    ),
    (
        "SELECT sum(100 / part) FILTER (WHERE part <> 0), count(*) FROM transactions",
        |_| false,
    ),
    (
        "SELECT sum(CASE WHEN part = 0 THEN 0 ELSE 100 / part END) FROM transactions",
        |_| false,
    ),
    (
        "SELECT brand, 100 / part AS p FROM transactions WHERE part <> 0 AND 100 / part > 3",
        |_| false,
    ),
];

/// Returns the result of these chunks, and the places of the records that were left out.
fn in_chunks<'a>(
    query: &Query,
    chunks: impl Iterator<Item = &'a [Record]>,
) -> (RecordBatch, Vec<usize>) {
    let mut partial = query.partial().unwrap();
    let (mut failed, mut start) = (Vec::new(), 0);
    for chunk in chunks {
        let records = rows(chunk).project(query.columns()).unwrap();
        let left_out = partial
            .push_each(records, OnRecordError::DeadLetter)
            .unwrap();
        failed.extend(left_out.iter().map(|record| start + record.row));
        start += chunk.len();
    }
    let made = partial.finish().unwrap();
    let made = query.reduce(made).unwrap();
    (query.result(made).unwrap().rows, failed)
}

#[test]
fn any_split_into_chunks_leaves_out_what_fails_alone_and_counts_the_others() {
    let plans = QUERIES.iter().map(|(sql, fails)| (*sql, plan(sql), *fails));
    let plans: Vec<_> = plans.collect();
    let config = ProptestConfig::with_cases(40);
    proptest!(config, |(records in prop::collection::vec(record(), 1..40), size in 1_usize..40)| {
        for (sql, query, fails) in &plans {
            prop_assert!(query.can_fail_on_records(), "{}", sql);
            let good: Vec<_> = records.iter().filter(|record| !fails(record)).cloned().collect();
            let bad = records.iter().enumerate().filter(|(_, record)| fails(record));
            let bad: Vec<_> = bad.map(|(place, _)| place).collect();
            let (expected, none) = in_chunks(query, good.chunks(1));
            prop_assert_eq!(&none, &[0_usize; 0], "{}", sql);
            for size in [1, size, 40] {
                let (result, failed) = in_chunks(query, records.chunks(size));
                prop_assert_eq!(&failed, &bad, "{} by {}", sql, size);
                let (result, expected) = (comparable(&result, false), comparable(&expected, false));
                prop_assert_eq!(result, expected, "{} by {}", sql, size);
            }
            let mut partial = query.partial().unwrap();
            let all = rows(&records).project(query.columns()).unwrap();
            let first = partial.push_each(all, OnRecordError::Fail).unwrap();
            let first: Vec<_> = first.iter().map(|record| record.row).collect();
            prop_assert_eq!(first.as_slice(), &bad[..bad.len().min(1)], "{}", sql);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Compares counts and sums with expected values that come from plain additions.
    #[test]
    fn the_groups_of_those_that_do_not_fail_are_exact(
        records in prop::collection::vec(record(), 1..50),
        size in 1_usize..50,
    ) {
        let query = plan("SELECT brand, count(*), sum(100 / part) FROM transactions WHERE CAST(code AS BIGINT) > 0 GROUP BY brand");
        let mut expected: BTreeMap<Option<&str>, (i64, Option<i64>)> = BTreeMap::new();
        for record in records.iter().filter(|record| is_number(record)) {
            if record.code.is_none_or(|code| code.parse::<i64>().unwrap() <= 0) || is_zero(record) {
                continue;
            }
            let group = expected.entry(record.brand).or_default();
            group.0 += 1;
            if let Some(part) = record.part {
                group.1 = Some(group.1.unwrap_or_default() + 100 / part);
            }
        }
        let (rows, _) = in_chunks(&query, records.chunks(size));
        let brands = rows.column(0).as_string_view();
        let counts = rows.column(1).as_primitive::<Int64Type>();
        let sums = arrow::compute::cast(rows.column(2), &arrow::datatypes::DataType::Int64).unwrap();
        let sums = sums.as_primitive::<Int64Type>();
        let found: BTreeMap<_, _> = (brands.iter().zip(counts.iter()).zip(sums.iter()))
            .map(|((brand, count), sum)| (brand, (count.unwrap(), sum)))
            .collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_sum_that_no_longer_fits_is_no_records_error() {
    let query = plan("SELECT sum(part * 1) FROM transactions");
    let large = Record {
        brand: None,
        part: Some(i64::MAX),
        code: None,
        tags: Vec::new(),
    };
    let mut partial = query.partial().unwrap();
    let records = rows(&[large.clone(), large])
        .project(query.columns())
        .unwrap();
    let failed = partial
        .push_each(records, OnRecordError::DeadLetter)
        .unwrap();
    assert!(failed.is_empty());
    let states = query.reduce(partial.finish().unwrap());
    assert!(states.and_then(|states| query.result(states)).is_err());
}

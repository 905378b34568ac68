//! Checks results that show all groups.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use consumer::engine::query::Query;
use consumer::engine::state::State;
use proptest::prelude::*;
use testkit::oracle::comparable;

use super::at_once::at_once;
use super::stream::{Record, rows, schema, stream};

/// Queries that are computed incrementally, and that DataFusion and we read in the same way.
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
    "SELECT brand, quantity % 2, count(*) FROM transactions GROUP BY CUBE (brand, quantity % 2)",
    "SELECT quantity * 2, count(*), sum(amount) FROM transactions GROUP BY ROLLUP (quantity * 2, amount / 2)",
    "SELECT brand, quantity % 2, count(*) FROM transactions GROUP BY brand, GROUPING SETS ((quantity % 2), ())",
    "SELECT DISTINCT ON (brand) brand, amount FROM transactions ORDER BY brand, _partition, _offset",
    "SELECT bool_and(amount > 5), bool_or(quantity > 90), bit_xor(quantity), approx_distinct(quantity) FROM transactions",
    "SELECT brand, sum(amount) AS total, rank() OVER (ORDER BY sum(amount) DESC) AS place FROM transactions GROUP BY brand",
    "SELECT brand, sum(amount) * 100 / sum(sum(amount)) OVER () AS share FROM transactions GROUP BY brand",
    "SELECT brand, quantity % 2 AS odd, row_number() OVER (PARTITION BY quantity % 2 ORDER BY sum(amount) DESC NULLS LAST, brand) \
     AS place, lag(sum(amount)) OVER (ORDER BY brand, quantity % 2) AS before FROM transactions GROUP BY 1, 2",
    "SELECT brand, sum(sum(amount)) OVER (ORDER BY brand ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS around, \
     count(*) FILTER (WHERE count(*) > 1) OVER () AS often FROM transactions GROUP BY brand ORDER BY brand",
    "SELECT brand, count(*) AS n, rank() OVER (ORDER BY count(*) DESC), sum(count(*)) OVER (ORDER BY brand RANGE BETWEEN \
     UNBOUNDED PRECEDING AND CURRENT ROW), ntile(2) OVER (PARTITION BY count(*) % 2 ORDER BY brand) FROM transactions \
     GROUP BY brand ORDER BY count(*) DESC, brand",
    "SELECT brand, count(*) AS n FROM transactions GROUP BY brand ORDER BY brand OFFSET 1",
    "SELECT unnest(many) AS one FROM (SELECT array_agg(quantity ORDER BY quantity) AS many FROM transactions GROUP BY brand)",
    "SELECT sum(amount) FROM transactions WHERE brand = 'a'",
    "WITH t AS (SELECT brand, amount FROM transactions WHERE quantity > 10) SELECT brand, avg(amount) FROM t GROUP BY brand",
    "SELECT brand, first_value(amount ORDER BY _partition, _offset), last_value(quantity ORDER BY _partition, _offset) \
     FROM transactions GROUP BY brand",
    "SELECT brand, array_agg(quantity ORDER BY _partition, _offset) FROM transactions GROUP BY brand",
    "SELECT brand, array_agg(DISTINCT quantity ORDER BY quantity) FROM transactions GROUP BY brand",
    "SELECT brand, array_agg(quantity ORDER BY quantity), array_agg(amount ORDER BY amount DESC) FROM transactions GROUP BY brand",
    "SELECT quantity % 3, string_agg(brand, '' ORDER BY brand), first_value(amount ORDER BY amount) FROM transactions GROUP BY 1",
    "SELECT brand, nth_value(amount, 2 ORDER BY quantity DESC, _partition, _offset), array_agg(quantity ORDER BY quantity) \
     FROM transactions GROUP BY brand",
    "SELECT sum(amount) FROM transactions HAVING sum(amount) > 100",
    // These queries have no aggregate.
    "SELECT brand, amount * 2 AS twice FROM transactions WHERE amount > 30",
    "SELECT unnest(tags) AS tag, _offset FROM transactions",
    "SELECT * FROM transactions WHERE brand = 'a'",
];

/// Runs the batches one after the other, with a state for each partition. Returns the last batch's result, and the
/// results of all batches.
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

/// Returns whether `sql` has an ORDER BY that is not inside an aggregate or a window.
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
}

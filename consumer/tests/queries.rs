//! What of SQL is kept, under which names, and what is refused with which reason.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::sync::Arc;

use consumer::engine::query::{Query, QueryError, error_text};
use consumer::engine::refusal::Refusal;
use consumer::engine::state::State;
use consumer::schema::TableSchema;
use consumer::sink::cell::Cells;
use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

fn cards() -> SchemaRef {
    let ddl = "card_brand STRING, amount DECIMAL(12,2), quantity BIGINT, timestamp TIMESTAMP, \
               tags ARRAY<STRING>, Channel STRING, \
               battery STRUCT<volts: DOUBLE, low: BOOLEAN>, data STRUCT<volts: DOUBLE>";
    Arc::clone(TableSchema::parse(ddl).unwrap().columns())
}

fn plan(sql: &str) -> Result<Query, QueryError> {
    Query::plan(sql, &cards(), &["payments".to_owned()])
}

fn refusal(sql: &str) -> Refusal {
    match plan(sql) {
        Err(QueryError::Refused(refusal)) => refusal,
        Err(other) => panic!("{sql}: {other}"),
        Ok(_) => panic!("{sql}: is kept"),
    }
}

#[test]
fn each_query_that_cannot_be_kept_is_refused_with_its_reason() {
    use Refusal::{
        Ignored, LimitedRows, ManyScans, NestedAggregate, NoScan, OrderDependent, OverRecords,
        ReadsNothing, SortedRows, Subquery, Volatile,
    };
    let over = OverRecords;
    let order = |name: &str| OrderDependent(name.to_owned());
    let volatile = |name: &str| Volatile(name.to_owned());
    let ignored = |words, mend| Ignored(sql::Ignored(words, mend));
    for (sql, reason) in [
        (
            "SELECT card_brand, count(*) FROM transactions GROUP BY card_brand WITH ROLLUP",
            ignored(
                "GROUP BY … WITH …",
                "write GROUP BY ROLLUP (a, b) or CUBE (a, b)",
            ),
        ),
        (
            "SELECT count(*) FROM transactions TABLESAMPLE (10 PERCENT)",
            ignored(
                "TABLESAMPLE",
                "choose by a column, for instance WHERE _offset % 10 = 0",
            ),
        ),
        (
            "SELECT count(*) FROM transactions PARTITION (p0)",
            ignored(
                "PARTITION (…)",
                "choose by a column, for instance WHERE _partition = 0",
            ),
        ),
        (
            "SELECT count(*) FROM transactions WITH (NOLOCK)",
            ignored("a hint behind a table", "leave it out"),
        ),
        (
            "SELECT count(*) FROM transactions FOR UPDATE",
            ignored("FOR UPDATE", "leave it out"),
        ),
        (
            "SELECT count(*) FROM transactions SETTINGS a = 1",
            ignored("SETTINGS", "leave it out"),
        ),
        (
            "FROM transactions",
            ignored("a SELECT of nothing", "write SELECT * FROM …"),
        ),
        (
            "SELECT count(*) FROM transactions PREWHERE amount > 5",
            ignored("PREWHERE", "write WHERE"),
        ),
        (
            "SELECT card_brand FROM transactions ORDER BY card_brand WITH FILL",
            ignored("WITH FILL or INTERPOLATE", "leave it out"),
        ),
        ("SELECT 1", NoScan("payments".to_owned())),
        (
            "SELECT count(*) FROM transactions WHERE false",
            ReadsNothing,
        ),
        (
            "SELECT card_brand FROM transactions WHERE 1 = 2",
            ReadsNothing,
        ),
        ("SELECT count(*) FROM transactions LIMIT 0", ReadsNothing),
        ("SELECT card_brand FROM transactions LIMIT 0", ReadsNothing),
        (
            "SELECT card_brand, count(*) FROM transactions GROUP BY card_brand HAVING false",
            ReadsNothing,
        ),
        (
            "SELECT count(*) FROM transactions a JOIN transactions b ON a.quantity = b.quantity",
            ManyScans("a join"),
        ),
        (
            "SELECT card_brand FROM transactions UNION ALL SELECT channel FROM transactions",
            ManyScans("UNION"),
        ),
        (
            "SELECT count(*) FROM transactions WHERE amount > (SELECT avg(amount) FROM transactions)",
            Subquery,
        ),
        (
            "SELECT count(*) FROM transactions WHERE card_brand IN (SELECT card_brand FROM transactions)",
            Subquery,
        ),
        (
            "SELECT avg(n) FROM (SELECT count(*) AS n FROM transactions GROUP BY card_brand)",
            NestedAggregate,
        ),
        (
            "SELECT sum(amount) FROM (SELECT amount FROM transactions ORDER BY amount LIMIT 3)",
            over("LIMIT"),
        ),
        (
            "SELECT sum(amount) OVER (PARTITION BY card_brand) FROM transactions",
            over("a window function"),
        ),
        (
            "SELECT card_brand FROM transactions ORDER BY amount",
            SortedRows,
        ),
        ("SELECT card_brand FROM transactions LIMIT 3", LimitedRows),
        (
            "SELECT count(*) FROM transactions WHERE timestamp > now() - INTERVAL '1 hour'",
            volatile("now()"),
        ),
        (
            "SELECT count(*) FROM transactions WHERE random() < 0.5",
            volatile("random()"),
        ),
        (
            "SELECT card_brand, current_date FROM transactions",
            volatile("current_date()"),
        ),
        (
            "SELECT first_value(amount) FROM transactions",
            order("first_value"),
        ),
        (
            "SELECT last_value(amount ORDER BY timestamp) FROM transactions",
            order("last_value"),
        ),
        (
            "SELECT first_value(amount ORDER BY quantity) FROM transactions",
            order("first_value"),
        ),
        (
            "SELECT string_agg(card_brand || channel, ',' ORDER BY card_brand) FROM transactions",
            order("string_agg"),
        ),
        (
            "SELECT array_agg(amount) FROM transactions",
            order("array_agg"),
        ),
        (
            "SELECT collect_list(amount) FROM transactions",
            order("array_agg"),
        ),
        (
            "SELECT string_agg(card_brand, ',') FROM transactions GROUP BY quantity",
            order("string_agg"),
        ),
    ] {
        assert_eq!(refusal(sql), reason, "{sql}");
    }
}

#[test]
fn updates_need_a_query_that_looks_at_one_group_at_a_time() {
    let grouped = |rest: &str| {
        format!("SELECT card_brand, count(*) AS n FROM transactions GROUP BY card_brand {rest}")
    };
    let window = "SELECT card_brand, rank() OVER (ORDER BY count(*)) FROM transactions GROUP BY 1";
    for (sql, what) in [
        (grouped("ORDER BY n"), "ORDER BY"),
        (grouped("LIMIT 3"), "LIMIT"),
        (grouped("HAVING count(*) > 1 LIMIT 3"), "LIMIT"),
        (grouped("OFFSET 2"), "LIMIT"),
        (grouped("ORDER BY n DESC LIMIT 3"), "LIMIT"),
        (window.to_owned(), "a window function"),
    ] {
        match plan(&sql).unwrap().updating() {
            Err(QueryError::Refused(refusal)) => {
                assert_eq!(refusal, Refusal::NeedsAllGroups(what), "{sql}");
            }
            Err(other) => panic!("{sql}: {other}"),
            Ok(_) => panic!("{sql}: is kept"),
        }
    }
    for sql in [
        grouped("HAVING count(*) > 1"),
        "SELECT upper(card_brand) || '!', sum(amount) / 2 FROM transactions GROUP BY 1".to_owned(),
        "SELECT DISTINCT card_brand FROM transactions".to_owned(),
        "SELECT count(*) FROM transactions".to_owned(),
        "SELECT card_brand FROM transactions".to_owned(),
    ] {
        assert!(plan(&sql).unwrap().updating().is_ok(), "{sql}");
    }
}

#[test]
fn what_is_no_select_is_refused() {
    for (sql, word) in [
        ("CREATE TABLE t (a INT)", "CREATE"),
        ("INSERT INTO transactions VALUES (1)", "INSERT"),
        ("EXPLAIN SELECT count(*) FROM transactions", "EXPLAIN"),
        ("SET datafusion.execution.batch_size = 1", "SET"),
        ("SELECT count(*) INTO t FROM transactions", "SELECT … INTO"),
        (
            "WITH t AS (SELECT 1) INSERT INTO transactions SELECT * FROM t",
            "INSERT",
        ),
        ("WITH t AS (SELECT 1) UPDATE t SET a = 1", "UPDATE"),
        ("WITH t AS (SELECT 1) DELETE FROM t", "DELETE"),
        ("-- all\n  explain SELECT 1", "EXPLAIN"),
        ("SHOW TABLES", "SHOW"),
        ("COPY transactions TO 'file'", "COPY"),
        (
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'file'",
            "CREATE",
        ),
        ("BEGIN", "BEGIN"),
    ] {
        assert_eq!(refusal(sql), Refusal::NotSelect(word.to_owned()), "{sql}");
    }
}

/// What is said to a query that is wrong.
fn complaint(sql: &str) -> String {
    match plan(sql) {
        Err(QueryError::Invalid(text)) => text,
        Err(other) => panic!("{sql}: {other}"),
        Ok(_) => panic!("{sql}: is kept"),
    }
}

#[test]
fn a_mistake_is_told_in_one_plain_line() {
    for (sql, expected) in [
        (
            "SELECT sum(amuont) FROM transactions",
            "there is no column amuont; there are amount, card_brand, quantity, timestamp, tags, Channel, \
             battery, data",
        ),
        (
            "SELECT t.amuont FROM transactions t",
            "there is no column t.amuont; there are t.amount, t.card_brand, t.quantity, t.timestamp, t.tags, \
             t.Channel, t.battery, t.data",
        ),
        (
            "SELECT count(*) FROM transactions WHERE card_brand = \"Visa\"",
            "there is no column Visa (a text stands in single quotes: 'Visa'); there are card_brand, amount, \
             quantity, timestamp, tags, Channel, battery, data",
        ),
        (
            "SELECT battery.watts FROM transactions",
            "there is no field watts in that STRUCT",
        ),
        (
            "SELECT tags.name FROM transactions",
            "only a STRUCT has fields; x[1] is the first element of an ARRAY x",
        ),
        (
            "SELECT count(*) FROM payment",
            "there is no table payment; write FROM payments",
        ),
        (
            "SELECT summ(amount) FROM transactions",
            "there is no function summ; names like it: sum, some",
        ),
        (
            "SELECT qqqqqqqq(amount) FROM transactions",
            "there is no function qqqqqqqq",
        ),
        (
            "SELECT rank() FROM transactions",
            "rank() takes other arguments than these, or needs OVER (…)",
        ),
        (
            "SELECT count(*) FROM transactions GROUP BY window(timestamp, '1 minute')",
            "there is no window() yet; date_bin(INTERVAL '1 minute', timestamp) groups by minute",
        ),
        (
            "SELECT sum(amount)\nFROM transactions WHERE GROUP BY 1",
            "line 2, column 31: expected end of statement, found BY",
        ),
        (
            "SELECT sum(amount FROM transactions",
            "line 1, column 19: expected ), found FROM",
        ),
        (
            "SELECT 'Visa FROM transactions",
            "line 1, column 8: unterminated string literal",
        ),
        (
            "SELECT count(*) FROM transactions WHERE",
            "expected an expression, found the end of the query",
        ),
        (
            "SELECT card_brand, amount, count(*) FROM transactions GROUP BY card_brand",
            "amount must stand in GROUP BY, or inside an aggregate as in max(amount)",
        ),
        (
            "SELECT count(*), count(*) FROM transactions",
            "two columns are called count(*); give one of them another name with AS",
        ),
        (
            "SELECT DISTINCT upper(card_brand) FROM transactions ORDER BY upper(card_brand)",
            "with DISTINCT, ORDER BY takes only columns of the result, by name or as in ORDER BY 1",
        ),
        (
            "SELECT sum(card_brand) FROM transactions",
            "sum takes numbers, not STRING; CAST the argument",
        ),
        (
            "SELECT median(card_brand) FROM transactions",
            "there is no median(STRING); there is median(Decimal), median(Float), median(DOUBLE)",
        ),
        (
            "SELECT upper(amount, 3) FROM transactions",
            "there is no upper(DECIMAL(12,2), BIGINT); there is upper(String)",
        ),
        (
            "SELECT count(*) FROM transactions WHERE amount",
            "WHERE takes a condition; amount is DECIMAL(12,2)",
        ),
        (
            "SELECT count(*) FROM transactions WHERE timestamp > 3",
            "TIMESTAMP > BIGINT is not defined; CAST one side",
        ),
        (
            "SELECT amount + card_brand FROM transactions",
            "DECIMAL(12,2) + STRING is not defined; CAST one side",
        ),
        (
            "SELECT CAST('abc' AS INT) FROM transactions",
            "cannot cast string 'abc' to value of INT type",
        ),
        (
            "SELECT count(*) FROM transactions PIVOT (sum(amount) FOR card_brand IN ('a'))",
            "not supported: Pivot",
        ),
        (
            "SELECT substr(card_brand) FROM transactions",
            "substring without for/from is not valid Substring",
        ),
        (
            "SELECT CAST(amount AS MONEY) FROM transactions",
            "not supported: SQL type MONEY",
        ),
    ] {
        assert_eq!(complaint(sql), expected, "{sql}");
    }
}

#[test]
fn what_is_planned_but_cannot_run_is_told_at_once() {
    assert!(plan("SELECT count(DISTINCT card_brand, quantity) FROM transactions").is_err());
    assert!(plan("SELECT approx_distinct(CAST(amount AS DOUBLE)) FROM transactions").is_err());
}

/// The names of the result's columns, the topic being called `topic`.
fn columns_of(sql: &str, topic: &str) -> Vec<String> {
    let query = Query::plan(sql, &cards(), &[topic.to_owned()])
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    let fields = query.schema().fields();
    fields.iter().map(|field| field.name().clone()).collect()
}

#[test]
fn columns_without_a_name_are_called_as_they_were_written() {
    for (list, names) in [
        ("count(*)", ["count(*)"]),
        ("count(1)", ["count(1)"]),
        ("SUM( amount\n * 1.1)", ["sum(amount * 1.1)"]),
        ("(amount)", ["amount"]),
        ("payments.amount", ["amount"]),
        ("`Channel`", ["Channel"]),
        ("upper(`Channel`)", ["upper(Channel)"]),
        ("year(timestamp)", ["year(timestamp)"]),
        ("explode(tags)", ["explode(tags)"]),
        ("tags[1]", ["tags[1]"]),
        (
            "approx_percentile(amount, 0.5)",
            ["approx_percentile(amount, 0.5)"],
        ),
        (
            "count_if(amount > 3) FILTER (WHERE quantity = 1)",
            ["count_if(amount > 3) FILTER (WHERE quantity = 1)"],
        ),
        ("battery.volts", ["volts"]),
    ] {
        let sql = format!("SELECT {list} FROM payments");
        assert_eq!(columns_of(&sql, "payments"), names, "{sql}");
    }
}

#[test]
fn what_the_user_calls_a_column_stays_to_the_letter() {
    let sql =
        "SELECT max(quantity) AS \"my transactions.total\", min(battery.volts) AS \"a.b\" FROM a";
    assert_eq!(columns_of(sql, "a"), ["my transactions.total", "a.b"]);
    let sql = "SELECT max(data.volts), max(a.data.volts) FROM a";
    assert_eq!(
        columns_of(sql, "a"),
        ["max(data.volts)", "max(a.data.volts)"]
    );
}

#[test]
fn fields_of_one_name_are_told_apart_by_their_path() {
    let sql = "SELECT battery.volts, data.volts, battery.low FROM transactions";
    let names = ["battery.volts", "data.volts", "low"];
    assert_eq!(columns_of(sql, "a"), names);
    let sql = "SELECT quantity AS volts, battery.volts FROM transactions";
    assert_eq!(columns_of(sql, "a"), ["volts", "battery.volts"]);
}

#[test]
fn names_reach_through_a_subquery() {
    let sql = "SELECT *, \"sum(amount)\" / 2 FROM \
               (SELECT card_brand, sum(amount) FROM payments GROUP BY card_brand) AS t";
    let names = ["card_brand", "sum(amount)", "sum(amount) / 2"];
    assert_eq!(columns_of(sql, "payments"), names);
}

#[test]
fn clauses_find_a_column_by_its_text() {
    for sql in [
        "SELECT year(timestamp), count(*) FROM transactions GROUP BY year(timestamp) \
         HAVING count(*) > 1 ORDER BY count(*) DESC, year(timestamp)",
        "SELECT battery.volts, count(*) FROM transactions GROUP BY battery.volts ORDER BY battery.volts",
        "SELECT t.card_brand, sum(t.amount) FROM transactions t GROUP BY t.card_brand ORDER BY t.card_brand",
        "SELECT upper(card_brand), count(*) FROM transactions GROUP BY 1 ORDER BY 2 DESC",
        "SELECT upper(card_brand), count(*) FROM transactions GROUP BY ALL ORDER BY 1",
        "SELECT card_brand, sum(amount), rank() OVER (ORDER BY sum(amount) DESC) FROM transactions \
         GROUP BY ROLLUP (card_brand) ORDER BY sum(amount)",
        "SELECT DISTINCT battery.volts FROM transactions ORDER BY volts",
    ] {
        if let Err(error) = plan(sql) {
            panic!("{sql}: {error}");
        }
    }
}

#[test]
fn two_statements_are_one_too_many() {
    let error = plan("SELECT count(*) FROM transactions; SELECT 1")
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("more than one statement"),
        "{error}"
    );
}

/// The result over one batch of four records, as text.
fn result(sql: &str) -> Vec<Vec<String>> {
    let query = plan(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    result_of(&query, &[records()])
}

fn result_of(query: &Query, batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let mut state = State::default();
    let mut rows = Vec::new();
    for batch in batches {
        let mut partial = query.partial().unwrap();
        partial
            .push(batch.project(query.columns()).unwrap())
            .unwrap();
        let groups = partial.finish().unwrap();
        if query.appends() {
            rows = groups;
        } else {
            state = state.merged(query, groups).unwrap();
            rows = state.batches().collect();
        }
    }
    let rows = query.result(rows).unwrap().rows;
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> = rows
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    (0..rows.num_rows())
        .map(|row| {
            columns
                .iter()
                .map(|column| column.value(row).to_string())
                .collect()
        })
        .collect()
}

fn records() -> RecordBatch {
    let hour = 3_600_000_000;
    batch(
        &[("a", 1000, 1), ("b", 250, 2), ("a", -300, 3), ("b", 5, 4)],
        &[0, hour, 25 * hour, 26 * hour],
    )
}

/// Brand, cents and quantity of each record; only what the tests here read is not NULL.
fn batch(values: &[(&str, i128, i64)], micros: &[i64]) -> RecordBatch {
    let schema = cards();
    let columns = schema
        .fields()
        .iter()
        .map(|field| -> ArrayRef {
            match field.name().as_str() {
                "card_brand" => Arc::new(
                    values
                        .iter()
                        .map(|v| Some(v.0))
                        .collect::<StringViewArray>(),
                ),
                "amount" => Arc::new(
                    Decimal128Array::from_iter_values(values.iter().map(|v| v.1))
                        .with_precision_and_scale(12, 2)
                        .unwrap(),
                ),
                "quantity" => Arc::new(Int64Array::from_iter_values(values.iter().map(|v| v.2))),
                "timestamp" => Arc::new(
                    TimestampMicrosecondArray::from_iter_values(micros.iter().copied())
                        .with_timezone("UTC"),
                ),
                "Channel" => Arc::new(
                    values
                        .iter()
                        .map(|_| Some("pos"))
                        .collect::<StringViewArray>(),
                ),
                _ => datafusion::arrow::array::new_null_array(field.data_type(), values.len()),
            }
        })
        .collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

fn rows(expected: &[&[&str]]) -> Vec<Vec<String>> {
    expected
        .iter()
        .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
        .collect()
}

#[test]
fn names_of_spark_work_as_there() {
    for (sql, expected) in [
        ("SELECT mean(amount) FROM transactions", "2.387500"),
        ("SELECT count_if(amount > 3) FROM transactions", "1"),
        ("SELECT sum(if(amount > 3, 1, 0)) FROM transactions", "1"),
        ("SELECT max(year(timestamp)) FROM transactions", "1970"),
        ("SELECT max(hour(timestamp)) FROM transactions", "2"),
        ("SELECT max(dayofmonth(timestamp)) FROM transactions", "2"),
        ("SELECT min(ucase(card_brand)) FROM transactions", "A"),
        ("SELECT max(len(card_brand)) FROM transactions", "1"),
        (
            "SELECT approx_count_distinct(card_brand) FROM transactions",
            "2",
        ),
        ("SELECT every(amount > -5) FROM transactions", "true"),
        (
            "SELECT count(*) FROM transactions WHERE isnotnull(card_brand)",
            "4",
        ),
        (
            "SELECT max(date_trunc('DAY', timestamp)) FROM transactions",
            "1970-01-02T00:00:00Z",
        ),
        (
            "SELECT count_if(amount > 0) FILTER (WHERE quantity > 1) FROM transactions",
            "2",
        ),
        (
            "SELECT max(date_format(timestamp, 'dd/MM/yyyy HH:mm')) FROM transactions",
            "02/01/1970 02:00",
        ),
        // The records are of a Thursday and a Friday.
        ("SELECT max(dayofweek(timestamp)) FROM transactions", "6"),
        ("SELECT max(weekday(timestamp)) FROM transactions", "4"),
        ("SELECT max(weekofyear(timestamp)) FROM transactions", "1"),
        ("SELECT max(quarter(timestamp)) FROM transactions", "1"),
        (
            "SELECT max(date_add(timestamp, quantity)) FROM transactions",
            "1970-01-06",
        ),
        (
            "SELECT min(date_sub(timestamp, 1 + 1)) FROM transactions",
            "1969-12-30",
        ),
        (
            "SELECT max(datediff(timestamp, '1969-12-30')) FROM transactions",
            "3",
        ),
        (
            "SELECT count(*) FROM transactions WHERE card_brand RLIKE '^[ax]'",
            "2",
        ),
        (
            "SELECT count(*) FROM transactions WHERE rlike(channel, 'o') AND card_brand NOT REGEXP 'b'",
            "2",
        ),
        (
            "SELECT count(*) FROM transactions WHERE startswith(channel, 'po') AND endswith(channel, 's')",
            "4",
        ),
        ("SELECT max(locate('os', channel)) FROM transactions", "2"),
        ("SELECT max(nvl(tags[1], 'none')) FROM transactions", "none"),
        ("SELECT percentile(quantity, 0.5) FROM transactions", "2.5"),
        ("SELECT collect_set(card_brand) FROM transactions", "[a, b]"),
        (
            "SELECT collect_set(nullif(card_brand, 'b')) FILTER (WHERE quantity > 1) FROM transactions",
            "[a]",
        ),
        (
            "SELECT collect_list(nullif(card_brand, 'b') ORDER BY _offset, _partition) FROM \
             (SELECT card_brand, quantity AS _offset, 0 AS _partition FROM transactions) AS t",
            "[a, a]",
        ),
        ("SELECT sum(amount) FROM payments", "9.55"),
        ("SELECT sum(AMOUNT) FROM TRANSACTIONS", "9.55"),
        ("SELECT max(channel) FROM transactions", "pos"),
        ("SELECT max(`Channel`) FROM transactions", "pos"),
        ("SELECT sum(amount * 1.1) FROM transactions", "10.505"),
    ] {
        assert_eq!(result(sql), rows(&[&[expected]]), "{sql}");
    }
}

#[test]
fn what_is_ordered_by_itself_does_not_depend_on_the_records_order() {
    for (sql, expected) in [
        (
            "SELECT array_agg(card_brand ORDER BY card_brand DESC) FROM transactions",
            "[b, b, a, a]",
        ),
        (
            "SELECT collect_list(amount ORDER BY amount) FROM transactions",
            "[-3.00, 0.05, 2.50, 10.00]",
        ),
        (
            "SELECT string_agg(quantity, '+' ORDER BY quantity) FROM transactions",
            "1+2+3+4",
        ),
        (
            "SELECT first_value(upper(card_brand) ORDER BY amount, card_brand) FROM transactions",
            "A",
        ),
    ] {
        assert_eq!(result(sql), rows(&[&[expected]]), "{sql}");
    }
}

#[test]
fn a_field_of_an_element_is_found_by_its_name() {
    let table = Arc::clone(TableSchema::parse("x INT").unwrap().table());
    for sql in [
        "SELECT max(_headers[1].key) FROM transactions",
        "SELECT max(_headers[1].KEY), max(_headers[1]['key']) FROM transactions",
    ] {
        if let Err(error) = Query::plan(sql, &table, &[]) {
            panic!("{sql}: {error}");
        }
    }
}

#[test]
fn an_average_is_rounded_half_up() {
    // 10 / 3 and 5 / 8 in cents, to six digits.
    let query =
        plan("SELECT card_brand, avg(amount) FROM transactions GROUP BY card_brand ORDER BY 1")
            .unwrap();
    let thirds = [("a", 3, 1), ("a", 3, 1), ("a", 4, 1)];
    let eighths = [("b", 5, 1), ("b", 0, 1), ("b", 0, 1), ("b", 0, 1)];
    let negative = [
        ("c", -5, 1),
        ("c", 0, 1),
        ("c", 0, 1),
        ("c", 0, 1),
        ("c", 0, 1),
        ("c", 0, 1),
    ];
    let all = [&thirds[..], &eighths[..], &negative[..]].concat();
    let batch = batch(&all, &vec![0; all.len()]);
    assert_eq!(
        result_of(&query, &[batch]),
        rows(&[&["a", "0.033333"], &["b", "0.012500"], &["c", "-0.008333"]])
    );
}

#[test]
fn the_top_row_stays_falls_and_comes_back() {
    let query = plan(
        "SELECT card_brand, sum(amount) AS total FROM transactions GROUP BY card_brand \
         ORDER BY total DESC LIMIT 1",
    )
    .unwrap();
    let steps = [
        (("a", 500, 1), ["a", "5.00"]),
        (("b", 300, 1), ["a", "5.00"]),
        (("a", -400, 1), ["b", "3.00"]),
        (("c", 200, 1), ["b", "3.00"]),
        (("a", 900, 1), ["a", "10.00"]),
    ];
    for upto in 1..=steps.len() {
        let batches: Vec<_> = steps[..upto]
            .iter()
            .map(|(record, _)| batch(&[*record], &[0]))
            .collect();
        let expected = steps[upto - 1].1;
        assert_eq!(
            result_of(&query, &batches),
            rows(&[&expected]),
            "after {upto} batches"
        );
    }
}

#[test]
fn a_sum_that_no_longer_fits_stops_the_query_by_name() {
    let query = plan("SELECT sum(quantity) FROM transactions").unwrap();
    let mut partial = query.partial().unwrap();
    let all = batch(&[("a", 0, i64::MAX), ("a", 0, 1)], &[0, 0]);
    partial.push(all.project(query.columns()).unwrap()).unwrap();
    let error = query.result(partial.finish().unwrap()).err().unwrap();
    assert_eq!(
        error_text(&error),
        "sum(quantity) no longer fits its type BIGINT: CAST its argument to a type with more digits \
         (DECIMAL(38, n) is the widest) or to DOUBLE"
    );
}

#[test]
fn a_sum_may_pass_its_limit_and_come_back() {
    let query = plan("SELECT sum(quantity) FROM transactions").unwrap();
    let above = batch(&[("a", 0, i64::MAX), ("a", 0, 1)], &[0, 0]);
    let back = batch(&[("a", 0, -2)], &[0]);
    assert_eq!(
        result_of(&query, &[above, back]),
        rows(&[&[&(i64::MAX - 1).to_string()]])
    );
}

#[test]
fn groups_are_exact_over_many_layers() {
    let query = plan(
        "SELECT card_brand, count(*) AS n, sum(quantity) AS s FROM transactions GROUP BY card_brand ORDER BY card_brand",
    )
    .unwrap();
    // 30 batches of 3000 groups each, moving on by 1000: most groups stand in several layers.
    let batches: Vec<_> = (0..30_i64)
        .map(|number| {
            let names: Vec<String> = (0..3000)
                .map(|group| format!("{:06}", number * 1000 + group))
                .collect();
            let values: Vec<_> = names
                .iter()
                .map(|name| (name.as_str(), 0, number))
                .collect();
            batch(&values, &vec![0; values.len()])
        })
        .collect();
    let result = result_of(&query, &batches);
    assert_eq!(result.len(), 32_000);
    for (group, row) in (0_i64..).zip(&result) {
        let of: Vec<i64> = (0..30)
            .filter(|number| (number * 1000..number * 1000 + 3000).contains(&group))
            .collect();
        let expected = [
            format!("{group:06}"),
            of.len().to_string(),
            of.iter().sum::<i64>().to_string(),
        ];
        assert_eq!(row[..], expected[..]);
    }
}

#[test]
fn now_above_the_aggregate_is_the_time_of_the_trigger() {
    let query = plan("SELECT count(*), CAST(now() AS VARCHAR) FROM transactions").unwrap();
    for time in ["2026-01-31T12:00:00Z", "2027-01-31T12:00:00Z"] {
        query.clock().set(time.parse().unwrap());
        assert_eq!(result_of(&query, &[records()]), rows(&[&["4", time]]));
    }
}

#[test]
fn thousands_are_separated_in_quantities_only() {
    let many = batch(&[("a", 123_456, 2020); 1500], &[0; 1500]);
    for (sql, expected) in [
        (
            "SELECT quantity, count(*), sum(quantity), max(quantity) FROM transactions GROUP BY quantity",
            ["2020", "1,500", "3,030,000", "2020"],
        ),
        (
            "SELECT max(year(timestamp)), max(amount), 100 * count(*), avg(quantity) FROM transactions",
            ["1970", "1,234.56", "150,000", "2,020"],
        ),
        (
            "SELECT q, n, n + 1, sum(n) OVER () FROM \
             (SELECT quantity + 1 AS q, count(*) AS n FROM transactions GROUP BY 1 ORDER BY n LIMIT 3) AS t",
            ["2021", "1,500", "1,501", "1,500"],
        ),
        (
            "SELECT quantity, quantity * 10, amount, CAST(quantity AS DOUBLE) FROM transactions WHERE amount > 3",
            ["2020", "20200", "1,234.56", "2,020"],
        ),
    ] {
        let query = plan(sql).unwrap();
        let mut partial = query.partial().unwrap();
        partial
            .push(many.project(query.columns()).unwrap())
            .unwrap();
        let shown = query.result(partial.finish().unwrap()).unwrap().rows;
        let cells = Cells::of(&shown).unwrap();
        let texts: Vec<_> = cells.iter().map(|cell| cell.text(0).unwrap()).collect();
        assert_eq!(texts, expected, "{sql}");
    }
}

#[test]
fn text_keys_may_be_of_any_arrow_type() {
    let schema: SchemaRef = RecordBatch::try_from_iter(vec![(
        "name",
        Arc::new(StringArray::from(vec!["x"])) as ArrayRef,
    )])
    .unwrap()
    .schema();
    assert!(
        Query::plan(
            "SELECT name, count(*) FROM transactions GROUP BY name",
            &schema,
            &[]
        )
        .is_ok()
    );
}

#[test]
fn operators_in_a_row_have_an_end() {
    let (count, or) = ("count(*)", |i| format!(" OR amount = {i}"));
    let row = |word: &str, many: usize| word.repeat(many);
    for (long, short) in [
        (row(" + amount", 200_000), row(" + amount", 20)),
        ((0..50_000).map(or).collect(), (0..20).map(or).collect()),
        (row("::DOUBLE", 50_000), row("::DOUBLE", 20)),
        (row(" IS NULL", 50_000), row(" IS NULL", 20)),
    ] {
        let text = |rest: &str| {
            format!("SELECT {count} FROM transactions WHERE (amount{rest}) IS NOT NULL")
        };
        let error = Query::check(&text(&long)).unwrap_err().to_string();
        assert!(error.contains("more than 500 operators"), "{error}");
        Query::check(&text(&short)).unwrap();
    }
    for (first, set) in [
        ("SELECT 1", " UNION SELECT 1"),
        ("SELECT 1 UNION SELECT 1", " INTERSECT SELECT 1"),
    ] {
        let text = format!("{first}{}", row(set, 20_000));
        let error = Query::check(&text).unwrap_err();
        assert!(error.to_string().contains("more than 500"), "{error}");
    }
    let explained = format!("EXPLAIN SELECT 1{}", row(" + 1", 200_000));
    let error = Query::check(&explained).unwrap_err();
    assert!(error.to_string().contains("not EXPLAIN"), "{error}");
    let (first, second) = (format!("SELECT 1{}", row(" + 1", 200_000)), "SELECT 1");
    for several in [format!("{first}; {second}"), format!("{second}; {first}")] {
        let error = Query::check(&several).unwrap_err();
        assert!(error.to_string().contains("more than one"), "{error}");
    }
    let most = format!("SELECT 1{}", row(" + 1", 500));
    Query::check(&most).unwrap();
}

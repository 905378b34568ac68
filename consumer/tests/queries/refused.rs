//! Tests which queries are refused, and with which reason.

use consumer::engine::query::{Query, QueryError};
use consumer::engine::refusal::Refusal;
use consumer::schema::TableSchema;

use super::plan;

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
        ReadsNothing, SortedRows, Subquery, Volatile, WindowInHaving,
    };
    let over = OverRecords;
    let order = |name: &str| OrderDependent {
        function: name.to_owned(),
        unique: &["_partition", "_offset"],
    };
    let volatile = |name: &str| Volatile(name.to_owned());
    let ignored = |words, mend| Ignored(sql::Ignored(words, mend));
    for (sql, reason) in [
        (
            "SELECT sum(count(*)) OVER (w ORDER BY quantity) FROM transactions GROUP BY card_brand, quantity \
             WINDOW w AS (PARTITION BY card_brand)",
            ignored(
                "a window that goes on from another, (w …)",
                "write all of it: OVER (PARTITION BY … ORDER BY …)",
            ),
        ),
        (
            "SELECT sum(count(*)) OVER v FROM transactions GROUP BY card_brand, quantity \
             WINDOW w AS (PARTITION BY card_brand), v AS (w ORDER BY quantity)",
            ignored(
                "a window that goes on from another, (w …)",
                "write all of it: OVER (PARTITION BY … ORDER BY …)",
            ),
        ),
        (
            "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT n FROM t",
            ManyScans("WITH RECURSIVE"),
        ),
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
            "SELECT * REPLACE (1 AS quantity) FROM transactions",
            ignored(
                "* REPLACE, RENAME, ILIKE or AS",
                "write the columns, or * EXCEPT (…)",
            ),
        ),
        (
            "SELECT max(date_format(timestamp, card_brand)) FROM transactions",
            ignored(
                "a pattern of date_format that is no text",
                "write it in quotes, as in 'yyyy-MM-dd', or use to_char(t, '%Y-%m-%d')",
            ),
        ),
        (
            "SELECT date_format(timestamp, 'yyyy-QQ'), count(*) FROM transactions GROUP BY 1",
            ignored(
                "this pattern of date_format",
                "write it with strftime's letters, as in '%Y-%m-%dT%H:%M'",
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
            "SELECT card_brand, sum(amount) * 100.0 / sum(sum(amount)) OVER () AS pct FROM transactions \
             GROUP BY card_brand HAVING pct > 10",
            WindowInHaving,
        ),
        (
            "SELECT card_brand FROM transactions GROUP BY 1 HAVING rank() OVER (ORDER BY count(*)) = 1",
            WindowInHaving,
        ),
        (
            "SELECT card_brand FROM transactions WHERE rank() OVER (ORDER BY amount) = 1",
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

/// Checks that a record's place needs its topic when there are several: partitions of two topics may have the same
/// number.
#[test]
fn a_record_of_several_topics_is_named_by_its_topic_too() {
    let topics = ["a".to_owned(), "b".to_owned()];
    let plan = |key: &str| {
        let sql = format!("SELECT first_value(amount ORDER BY {key}) FROM transactions");
        Query::plan(
            &sql,
            TableSchema::parse("amount BIGINT").unwrap().table(),
            &topics,
        )
    };
    let error = plan("_partition, _offset").err().unwrap().to_string();
    assert!(
        error.contains("ORDER BY _topic, _partition, _offset"),
        "{error}"
    );
    assert!(plan("_topic, _partition, _offset").is_ok());
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
        // A single row is always in order, and so are groups with equal sort keys.
        "SELECT count(*) FROM transactions ORDER BY 1".to_owned(),
        "SELECT card_brand, count(*) FROM transactions GROUP BY 1 ORDER BY 'x'".to_owned(),
        "SELECT card_brand, count(*) FROM transactions WHERE card_brand = 'a' GROUP BY 1 ORDER BY 1"
            .to_owned(),
    ] {
        assert!(plan(&sql).unwrap().updating().is_ok(), "{sql}");
    }
}

#[test]
fn clauses_of_an_aggregate_are_refused_behind_other_functions() {
    for (expression, clause) in [
        (
            "round(sum(amount), 2) FILTER (WHERE quantity > 1)",
            "FILTER",
        ),
        (
            "coalesce(sum(amount), 0) FILTER (WHERE quantity > 1)",
            "FILTER",
        ),
        (
            "sum(if(quantity > 1, 1, 0) FILTER (WHERE quantity > 2))",
            "FILTER",
        ),
        (
            "count(isnull(quantity) FILTER (WHERE quantity > 2))",
            "FILTER",
        ),
        (
            "max(date_add(timestamp, 1) FILTER (WHERE quantity > 2))",
            "FILTER",
        ),
        ("max(year(timestamp) FILTER (WHERE quantity > 2))", "FILTER"),
        ("count(upper(DISTINCT card_brand))", "DISTINCT"),
        ("unnest(DISTINCT tags)", "DISTINCT"),
        ("max(upper(card_brand ORDER BY quantity))", "ORDER BY"),
        ("max(upper(card_brand) OVER ())", "OVER"),
        ("max(abs(quantity) IGNORE NULLS)", "IGNORE or RESPECT NULLS"),
    ] {
        let refused = refusal(&format!("SELECT {expression} FROM transactions"));
        let Refusal::Ignored(words) = &refused else {
            panic!("{expression}: {refused}");
        };
        assert!(words.0.starts_with(clause), "{expression}: {refused}");
    }
    for expression in [
        "round(sum(amount) FILTER (WHERE quantity > 1), 2)",
        "count_if(quantity > 1) FILTER (WHERE quantity > 2)",
        "percentile(quantity, 0.5) FILTER (WHERE quantity > 2)",
        "every(quantity > 1) FILTER (WHERE quantity > 2)",
        "collect_set(quantity) FILTER (WHERE quantity > 2)",
        "rank() OVER (ORDER BY sum(amount))",
    ] {
        let sql = format!("SELECT {expression} FROM transactions");
        assert!(plan(&sql).is_ok(), "{expression}");
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

#[test]
fn what_is_planned_but_cannot_run_is_told_at_once() {
    assert!(plan("SELECT count(DISTINCT card_brand, quantity) FROM transactions").is_err());
    assert!(plan("SELECT approx_distinct(CAST(amount AS DOUBLE)) FROM transactions").is_err());
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

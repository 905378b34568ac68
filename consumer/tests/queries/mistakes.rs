//! Tests the messages for queries that are wrong.

use consumer::engine::query::{Query, QueryError};
use consumer::schema::TableSchema;

use super::{cards, plan};

/// Returns the message for a query that is wrong.
fn complaint(sql: &str) -> String {
    match plan(sql) {
        Err(QueryError::Invalid(text)) => text,
        Err(other) => panic!("{sql}: {other}"),
        Ok(_) => panic!("{sql}: is kept"),
    }
}

#[test]
fn a_cube_of_too_many_columns_is_refused() {
    let columns = (1..=13).map(|number| format!("quantity + {number}"));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let cube = format!("SELECT {columns}, count(*) FROM transactions GROUP BY CUBE ({columns})");
    assert_eq!(
        complaint(&cube),
        "CUBE has 13 columns and takes at most 12; name the sets that are wanted with GROUPING SETS"
    );
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
            "SELECT array_agg(DISTINCT card_brand ORDER BY card_brand DESC), \
             string_agg(DISTINCT card_brand, '-' ORDER BY card_brand) FROM transactions",
            "aggregates with DISTINCT and ORDER BY are in opposite orders; give all of them the same one",
        ),
        (
            "SELECT count(*) FROM generate_series(1, 3)",
            "there is no table generate_series; write FROM payments",
        ),
        (
            "SELECT card_brand, count(*) FROM transactions GROUP BY 1 LIMIT $1",
            "LIMIT and OFFSET take numbers",
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
            "two columns are called count(*); give one of them another name with AS, or, if they differ in a CAST or in \
             parentheses, compute one in a subquery, as in FROM (SELECT CAST(x AS INT) AS y FROM …)",
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
            "WHERE and HAVING take a condition; amount is DECIMAL(12,2)",
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
            "SELECT card_brand, count(*) FROM transactions GROUP BY 1 HAVING count(*)",
            "WHERE and HAVING take a condition; count(*) is BIGINT",
        ),
        (
            "SELECT timestamp + timestamp FROM transactions",
            "TIMESTAMP + TIMESTAMP is not defined; CAST one side",
        ),
        (
            "SELECT tags + 1 FROM transactions",
            "ARRAY<STRING> + BIGINT is not defined; CAST one side",
        ),
        (
            "SELECT battery[1] FROM transactions",
            "there is no array_element(STRUCT<volts: DOUBLE, low: BOOLEAN>, BIGINT); there is array_element(array, index)",
        ),
        (
            "SELECT quantity DIV 2 FROM transactions",
            "line 1, column 17: DIV is no operator here",
        ),
        (
            "SELECT a.b.c.d.e FROM transactions",
            "there is no column a.b.c.d.e",
        ),
        ("SELECT @x FROM transactions", "@x is not known"),
        (
            "SELECT card_brand, count(*) FROM transactions GROUP BY 1 LIMIT quantity",
            "there is no column quantity here",
        ),
        (
            "SELECT count(*) FROM transactions WHERE unnest(tags) = 'x'",
            "unnest and explode stand in the SELECT list; for a condition write \
             SELECT … FROM (SELECT unnest(x) AS y FROM …) WHERE y …",
        ),
        (
            "SELECT CASE WHEN true THEN battery ELSE tags END, coalesce(tags, battery, 1) FROM transactions",
            "a function or a CASE has values whose types do not go together; CAST some of them",
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

/// Checks that no message shows values or plans in the form that DataFusion or its parser has for them internally.
#[test]
fn no_inner_structure_is_shown() {
    let ddl = "ts TIMESTAMP, n TIMESTAMP_NTZ, d DATE, s STRING, b BINARY, p DECIMAL(38,18), amount DECIMAL(12,2), \
               i INT, l BIGINT, f DOUBLE, tags ARRAY<STRING>, battery STRUCT<volts: DOUBLE, low: BOOLEAN>, \
               bad BINARY, c STRING, headers ARRAY<STRUCT<key: STRING, value: BINARY>>";
    let table = TableSchema::parse(ddl).unwrap();
    let mut wrong = 0;
    let mut inside = Vec::new();
    for sql in include_str!("wrong.txt").lines() {
        let Err(error) = Query::plan(sql, table.columns(), &[]) else {
            continue;
        };
        wrong += 1;
        let text = error.to_string();
        let is_plain = text.len() < 600 && !text.contains('\n');
        for inner in [
            " { ",
            "Some(",
            "None",
            "Expr",
            "Utf8",
            "Int64",
            "Float64",
            "Decimal1",
            "List(",
            "Struct(",
            "Timestamp(",
            "Field",
            "Node",
            "Plan",
            "Projection",
            "TableScan",
            "Token",
            "Internal",
            "Binary",
            " ast ",
        ] {
            if text.contains(inner) || !is_plain {
                inside.push(format!("{inner}: {sql}: {text}"));
            }
        }
    }
    assert!(inside.is_empty(), "{inside:#?}");
    assert!(wrong > 150, "{wrong}");
}

#[test]
fn a_topic_that_needs_quotes_is_told_with_them() {
    let quotes = |name: &str| {
        format!(
            "a name with other characters than letters, digits and _ stands in double quotes: FROM \"{name}\""
        )
    };
    for (topic, sql, expected) in [
        (
            "orders.v1",
            "SELECT count(*) FROM orders.v1",
            quotes("orders.v1"),
        ),
        (
            "orders.v1",
            "SELECT count(*) FROM Orders.V1 AS o",
            quotes("Orders.V1"),
        ),
        ("a.b.c.d", "SELECT count(*) FROM a.b.c.d", quotes("a.b.c.d")),
        (
            "card-transactions",
            "SELECT count(*) FROM card-transactions",
            quotes("card-transactions"),
        ),
        (
            "card-transactions",
            "SELECT count(*)\nFROM card-transactions WHERE _offset > 3",
            quotes("card-transactions"),
        ),
        (
            "2024-orders",
            "SELECT count(*) FROM 2024-orders",
            quotes("2024-orders"),
        ),
        (
            "card-transactions",
            "SELECT count(*) FROM cards",
            "there is no table cards; write FROM \"card-transactions\"".to_owned(),
        ),
        (
            "card-transactions",
            "SELECT count(*) FROM transactions WHERE a - 1 = = 2",
            "line 1, column 49: expected an expression, found =".to_owned(),
        ),
    ] {
        let error = Query::plan(sql, &cards(), &[topic.to_owned()])
            .err()
            .unwrap();
        assert_eq!(error.to_string(), expected, "{sql}");
    }
    let none = Query::plan("SELECT 1", &cards(), &["orders.v1".to_owned()]);
    let none = none.err().unwrap().to_string();
    assert!(none.ends_with("write FROM \"orders.v1\""), "{none}");
    for (topic, sql) in [
        ("orders.v1", "SELECT count(*) FROM \"orders.v1\""),
        (
            "Card-Transactions",
            "SELECT count(*) FROM `Card-Transactions`",
        ),
        ("card-transactions", "SELECT count(*) FROM transactions"),
    ] {
        assert!(
            Query::plan(sql, &cards(), &[topic.to_owned()]).is_ok(),
            "{sql}"
        );
    }
}

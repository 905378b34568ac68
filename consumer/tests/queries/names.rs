//! Tests how columns are named and found.

use arrow::datatypes::SchemaRef;
use consumer::engine::query::Query;
use consumer::schema::TableSchema;

use super::{cards, plan};

/// Returns the names of the result's columns when the topic is called `topic`.
fn columns_of(sql: &str, topic: &str) -> Vec<String> {
    columns_of_table(&cards(), sql, topic)
}

fn columns_of_table(table: &SchemaRef, sql: &str, topic: &str) -> Vec<String> {
    let query = Query::plan(sql, table, &[topic.to_owned()])
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

/// Returns the names of the result's columns, over a table of these columns.
fn columns_over(ddl: &str, sql: &str) -> Vec<String> {
    let table = TableSchema::parse(ddl).unwrap();
    columns_of_table(table.columns(), sql, "cards")
}

#[test]
fn a_name_keeps_the_case_in_which_it_was_given() {
    for (sql, names) in [
        ("SELECT count(*) AS totalAmount FROM cards", ["totalAmount"]),
        (
            "SELECT status AS Status FROM (SELECT status, count(*) AS n FROM cards GROUP BY 1 ORDER BY N)",
            ["Status"],
        ),
        (
            "SELECT x.TOTALAMOUNT FROM (SELECT sum(n) AS totalAmount FROM cards) x",
            ["TOTALAMOUNT"],
        ),
        (
            "SELECT count(*) AS perStatus FROM cards GROUP BY status HAVING perstatus > 1 ORDER BY PerStatus",
            ["perStatus"],
        ),
    ] {
        assert_eq!(columns_over("status STRING, n BIGINT", sql), names, "{sql}");
    }
}

#[test]
fn fields_and_columns_are_found_behind_given_names() {
    let ddl = "firstName STRING, userId BIGINT, info STRUCT<FirstName: STRING, inner: BIGINT>, \
               items ARRAY<STRUCT<Name: STRING, qty: BIGINT>>";
    for (sql, names) in [
        (
            "WITH w AS (SELECT info AS data FROM cards) SELECT data.FirstName FROM w",
            "FirstName",
        ),
        (
            "WITH w AS (SELECT info AS Data FROM cards) SELECT DATA.FirstName FROM w",
            "FirstName",
        ),
        ("SELECT I.INNER FROM (SELECT info AS I FROM cards)", "INNER"),
        (
            "SELECT U.NAME, sum(u.qty) FROM (SELECT unnest(items) AS u FROM cards) GROUP BY u.name",
            "NAME, sum(u.qty)",
        ),
        ("SELECT a.X FROM (SELECT userid FROM cards) a(X)", "X"),
        (
            "SELECT x.A, x.b FROM (SELECT firstname, userid FROM cards) AS X(a, B)",
            "A, b",
        ),
        (
            "WITH W(\"Käse\", Wurst) AS (SELECT firstname, userid FROM cards) SELECT käse, WURST FROM w",
            "Käse, wurst",
        ),
        ("SELECT cards.FIRSTNAME FROM cards", "FIRSTNAME"),
        (
            "SELECT * EXCEPT (userid, INFO) FROM cards",
            "firstName, items",
        ),
        (
            "SELECT * EXCLUDE (USERID) FROM (SELECT userid, firstname FROM cards)",
            "firstName",
        ),
    ] {
        assert_eq!(columns_over(ddl, sql).join(", "), names, "{sql}");
    }
}

#[test]
fn columns_and_fields_are_found_in_any_case() {
    let ddl = "status STRING, card STRUCT<Status: STRING, Limits: ARRAY<STRUCT<dayLimit: BIGINT>>>, \
               Total BIGINT, `Ämter` BIGINT";
    for (sql, names) in [
        (
            "SELECT STATUS, count(*) FROM cards GROUP BY status",
            "status, count(*)",
        ),
        ("SELECT card.status FROM cards", "status"),
        ("SELECT cards.CARD.STATUS FROM cards", "STATUS"),
        (
            "SELECT max(card.limits[1].DAYLIMIT) FROM cards",
            "max(card.limits[1].DAYLIMIT)",
        ),
        (
            "SELECT max(cards.card.limits[1].daylimit) AS m FROM cards",
            "m",
        ),
        // The word in ORDER BY means the sum, and the word inside the call means the column.
        (
            "SELECT status, sum(Total) AS total FROM cards GROUP BY status ORDER BY total, sum(TOTAL) + 1",
            "status, total",
        ),
        (
            "SELECT sum(ÄMTER), sum(`Ämter`) FROM cards",
            "sum(ÄMTER), sum(Ämter)",
        ),
    ] {
        assert_eq!(columns_over(ddl, sql).join(", "), names, "{sql}");
    }
}

//! Tests the results of queries.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use arrow::util::display::array_value_to_string;
use consumer::engine::query::{Query, error_text};
use consumer::schema::TableSchema;
use consumer::ui::cell::Cells;

use super::{batch, plan, records, result, result_of, rows};

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

/// Checks that an expression is computed neither for records that WHERE removes nor for groups that HAVING removes.
#[test]
fn nothing_is_computed_for_what_is_filtered_out() {
    let records = "SELECT quantity, CAST(amount * 100 AS BIGINT) / ((quantity - 1) * length(card_brand)) \
                   FROM transactions WHERE quantity > 1";
    assert_eq!(
        result(records),
        rows(&[&["2", "250"], &["3", "-150"], &["4", "1"]])
    );
    let groups = "SELECT card_brand, count(*) FILTER (WHERE quantity > 3) AS many, \
                  (max(quantity) - min(quantity)) / count(*) FILTER (WHERE quantity > 3) AS each \
                  FROM transactions GROUP BY card_brand HAVING count(*) FILTER (WHERE quantity > 3) > 0";
    assert_eq!(result(groups), rows(&[&["b", "1", "2"]]));
}

/// Sorts by a key of which WHERE leaves one value, while the totals of GROUPING SETS add NULL.
#[test]
fn a_key_with_one_value_and_its_totals_are_put_in_order() {
    let one = "FROM transactions WHERE card_brand = 'b' GROUP BY ROLLUP (card_brand)";
    for order in ["ASC NULLS FIRST", "DESC NULLS FIRST"] {
        let sql = format!("SELECT card_brand, count(*) {one} ORDER BY card_brand {order}");
        assert_eq!(result(&sql), rows(&[&["NULL", "2"], &["b", "2"]]), "{sql}");
        let sql = sql.replace("FIRST", "LAST");
        assert_eq!(result(&sql), rows(&[&["b", "2"], &["NULL", "2"]]), "{sql}");
    }
    for (order, first, second) in [("FIRST", "2", "1"), ("LAST", "1", "2")] {
        let sql = format!(
            "SELECT card_brand, rank() OVER (ORDER BY card_brand NULLS {order}) {one} ORDER BY count(*), 1 NULLS LAST"
        );
        let expected = [["b", first], ["NULL", second]];
        assert_eq!(
            result(&sql),
            rows(&expected.each_ref().map(|row| &row[..])),
            "{sql}"
        );
    }
    // The key that is in all grouping sets does have one value only.
    let sets = "SELECT card_brand, quantity, count(*) FROM transactions WHERE card_brand = 'b' \
                GROUP BY card_brand, ROLLUP (quantity) ORDER BY card_brand, quantity NULLS LAST LIMIT 2";
    assert_eq!(result(sets), rows(&[&["b", "2", "1"], &["b", "4", "1"]]));
}

#[test]
fn a_table_may_be_called_with_its_schema() {
    let count = "SELECT count(*) FROM public.transactions";
    assert_eq!(result(count), rows(&[&["4"]]));
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
    // The averages are 10/3, 5/4 and -5/6 of a cent, as amounts with six digits behind the point.
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

/// Tests both rewrites that the message proposes to whoever has a window in HAVING.
#[test]
fn groups_are_chosen_by_a_window() {
    let share = "SELECT card_brand, sum(amount) * 100.0 / sum(sum(amount)) OVER () AS pct FROM transactions \
                 GROUP BY card_brand";
    for sql in [
        format!("SELECT card_brand FROM ({share}) WHERE pct > 50"),
        format!("SELECT card_brand FROM ({share} QUALIFY pct > 50)"),
    ] {
        assert_eq!(result(&sql), rows(&[&["a"]]), "{sql}");
    }
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

/// Returns the result over records with these quantities, or why it fails.
fn outcome(sql: &str, quantities: &[i64]) -> Result<Vec<Vec<String>>, String> {
    let query = plan(sql).map_err(|error| error.to_string())?;
    let values: Vec<_> = quantities.iter().map(|&n| ("a", 100, n)).collect();
    let records = batch(&values, &vec![0; values.len()]);
    let mut partial = query.partial().unwrap();
    let result = partial
        .push(records.project(query.columns()).unwrap())
        .and_then(|()| partial.finish())
        .and_then(|states| query.result(states))
        .map_err(|error| error_text(&error))?;
    let columns = result.rows.columns().iter();
    let columns: Vec<_> = columns
        .map(|column| array_value_to_string(column, 0))
        .collect();
    Ok(vec![columns.into_iter().map(Result::unwrap).collect()])
}

#[test]
fn whole_numbers_that_no_longer_fit_stop_the_query() {
    for (expression, quantity) in [
        ("sum(quantity * quantity)", 4_000_000_000),
        ("sum(quantity + 1)", i64::MAX),
        ("sum(quantity - 1)", i64::MIN),
        ("max(-quantity)", i64::MIN),
        ("max(quantity + CAST(70000 AS INT) * CAST(40000 AS INT))", 1),
        (
            "count(*) FILTER (WHERE quantity < 3000000000 * 4000000000)",
            1,
        ),
        ("count(*) + (9223372036854775807 + 1)", 1),
        (
            "max(CAST(quantity AS DECIMAL(38, 0)) * 50000000000000000000000000000000000000)",
            3,
        ),
        (
            "max(99999999999999999999999999999999999999 + CAST(quantity AS DECIMAL(38, 0)))",
            1,
        ),
        (
            "max(-99999999999999999999999999999999999999 - CAST(quantity AS DECIMAL(38, 0)))",
            1,
        ),
        (
            "max(CAST(quantity AS INT) * CAST(quantity AS INT))",
            i64::from(i32::MAX),
        ),
        ("count(*) FILTER (WHERE quantity * 2 > 0)", i64::MAX),
        ("sum(quantity) * 2", i64::MAX),
        (
            "CASE WHEN quantity > 0 THEN min(quantity) + quantity END",
            i64::MAX,
        ),
    ] {
        let grouping = if expression.starts_with("CASE") {
            "GROUP BY quantity"
        } else {
            ""
        };
        let sql = format!("SELECT {expression} FROM transactions {grouping}");
        let error = outcome(&sql, &[quantity]).unwrap_err();
        assert!(error.contains("does not fit its type"), "{sql}: {error}");
    }
    let error = outcome("SELECT sum(quantity * 3) FROM transactions", &[i64::MAX]).unwrap_err();
    assert_eq!(
        error,
        "9223372036854775807 * 3 does not fit its type BIGINT: CAST one side to DECIMAL(38, 0) or DOUBLE"
    );
}

#[test]
fn whole_numbers_that_fit_are_what_they_are() {
    let product = "sum(quantity * quantity), sum(1 - quantity), max(-quantity), count(*) * 2 + 1";
    let sql = format!("SELECT {product} FROM transactions HAVING sum(quantity) * 2 > 0");
    let quantities = [3_037_000_499, -7, 2];
    let squares: i64 = quantities.iter().map(|n| n * n).sum();
    let rest: i64 = quantities.iter().map(|n| 1 - n).sum();
    let expected = [squares, rest, 7, 7].map(|n| n.to_string());
    assert_eq!(outcome(&sql, &quantities).unwrap(), [expected.to_vec()]);

    let wide = "SELECT sum(CAST(quantity AS DECIMAL(38, 0)) * 3) FROM transactions";
    let expected = i128::from(i64::MAX) * 3;
    assert_eq!(
        outcome(wide, &[i64::MAX]).unwrap(),
        [[expected.to_string()]]
    );
}

#[test]
fn quotients_of_decimals_are_rounded_half_up() {
    for (amounts, quotient, average) in [
        (
            &[1000_i128, 500, 500][..],
            "6.666666666666666667",
            "6.666667",
        ),
        (&[-1000, -500, -500], "-6.666666666666666667", "-6.666667"),
        (&[100, 100, 0], "0.666666666666666667", "0.666667"),
        (&[100, 0, 0], "0.333333333333333333", "0.333333"),
    ] {
        let sql = "SELECT sum(amount) / count(*), avg(amount) FROM transactions";
        let values: Vec<_> = amounts.iter().map(|&cents| ("a", cents, 1)).collect();
        let rows = result_of(&plan(sql).unwrap(), &[batch(&values, &[0; 3])]);
        assert_eq!(rows, [[quotient, average]]);
    }
    let error = outcome(
        "SELECT sum(amount / (quantity - 1)) FROM transactions",
        &[1],
    )
    .unwrap_err();
    assert!(error.contains("zero"), "{error}");
}

#[test]
fn an_average_fits_where_its_sum_with_more_digits_would_not() {
    let average = |zeros: usize| {
        let factor = format!("1{}", "0".repeat(zeros));
        let sql =
            format!("SELECT avg(CAST(quantity AS DECIMAL(38, 0)) * {factor}) FROM transactions");
        outcome(&sql, &[i64::MAX; 20])
    };
    // The sum is 1.8e34; with the four digits behind an average's point it would have 39 digits.
    let expected = format!("{}{}.0000", i64::MAX, "0".repeat(14));
    assert_eq!(average(14).unwrap(), [[expected]]);
    let error = average(16).unwrap_err();
    assert!(error.contains("no longer fits"), "{error}");
}

#[test]
fn a_sum_of_a_product_is_told_as_it_was_written() {
    let error = outcome(
        "SELECT sum(quantity * 2) FROM transactions",
        &[1 << 61, 1 << 61],
    )
    .unwrap_err();
    assert!(
        error.starts_with("sum(quantity * 2) no longer fits"),
        "{error}"
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
    // There are 30 batches of 3000 groups each. Each batch moves on by 1000 groups, so most groups stand in several
    // layers.
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
fn all_that_is_no_number_is_one_group() {
    let sql = "SELECT count(*) FROM transactions GROUP BY \
               CASE WHEN quantity > 1 THEN CAST('NaN' AS DOUBLE) \
               ELSE CAST(0 AS DOUBLE) / CAST(quantity - 1 AS DOUBLE) END";
    let values = [("a", 0, 1), ("a", 0, 2)];
    let rows = result_of(&plan(sql).unwrap(), &[batch(&values, &[0; 2])]);
    assert_eq!(rows, [["2"]]);
}

#[test]
fn sums_and_averages_slide_over_a_result() {
    let sql = "SELECT q, sum(m) OVER w, avg(m) OVER w, sum(n) OVER w, avg(n) OVER w FROM \
               (SELECT quantity AS q, sum(amount) AS m, count(*) AS n FROM transactions GROUP BY quantity) \
               WINDOW w AS (ORDER BY q ROWS 1 PRECEDING) ORDER BY q";
    let values = [
        ("a", 100, 1),
        ("a", -250, 2),
        ("a", 33, 3),
        ("a", 1, 3),
        ("a", 0, 4),
    ];
    let table = result_of(&plan(sql).unwrap(), &[batch(&values, &[0; 5])]);
    assert_eq!(
        table,
        rows(&[
            &["1", "1.00", "1.000000", "1", "1.0"],
            &["2", "-1.50", "-0.750000", "2", "1.0"],
            &["3", "-2.16", "-1.080000", "3", "1.5"],
            &["4", "0.34", "0.170000", "3", "1.5"],
        ])
    );
    let wide = "SELECT sum(s) OVER (ORDER BY s ROWS 1 PRECEDING) FROM \
                (SELECT quantity, max(quantity) AS s FROM transactions GROUP BY quantity)";
    let error = outcome(wide, &[i64::MAX, i64::MAX - 1]).unwrap_err();
    assert!(error.contains("no longer fits"), "{error}");
}

/// Checks that a stored state belongs to another query if anything in the query's expressions is different.
#[test]
fn plans_that_keep_something_else_are_told_apart() {
    // Compares the form of today, and the form of earlier releases.
    let kept = |sql: &str| plan(sql).unwrap().computation().clone();
    let text = |sql: &str| plan(sql).unwrap().plan_text();
    for (one, other) in [
        (
            "SELECT avg(amount) FROM transactions",
            "SELECT avg(CAST(amount AS INT)) FROM transactions",
        ),
        (
            "SELECT max(CAST(CAST(card_brand AS DECIMAL(10, 1)) AS DECIMAL(10, 2))) FROM transactions",
            "SELECT max(CAST(CAST(card_brand AS DECIMAL(10, 0)) AS DECIMAL(10, 2))) FROM transactions",
        ),
        (
            "SELECT count(*) FROM transactions WHERE card_brand = 'a' OR card_brand = 'b'",
            "SELECT count(*) FROM transactions WHERE card_brand = 'a OR card_brand@0 = b'",
        ),
        (
            "SELECT count(*) FROM transactions WHERE card_brand IN ('a, b', 'c', 'd', 'e')",
            "SELECT count(*) FROM transactions WHERE card_brand IN ('a', 'b, c', 'd', 'e')",
        ),
        (
            "SELECT sum(quantity) FILTER (WHERE CAST(card_brand AS INT) > 1) FROM transactions",
            "SELECT sum(quantity) FILTER (WHERE CAST(card_brand AS DECIMAL(9, 0)) > 1) FROM transactions",
        ),
    ] {
        assert_eq!(kept(one), kept(one));
        assert_ne!(kept(one), kept(other), "{one}");
        assert_eq!(text(one), text(one));
        assert_ne!(text(one), text(other), "{one}");
    }
}

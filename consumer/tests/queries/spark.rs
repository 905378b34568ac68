//! Tests Spark's functions and words.

use super::{result, rows};

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
            "SELECT min(date_format(timestamp, 'yyyy-M-d''T''H')) FROM transactions",
            "1970-1-1T0",
        ),
        (
            "SELECT max(date_format(timestamp, 'dd/MM/yyyy HH:mm')) FROM transactions",
            "02/01/1970 02:00",
        ),
        // The records are from a Thursday and a Friday.
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

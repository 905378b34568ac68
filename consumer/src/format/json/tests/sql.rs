//! Tests of the columns' types under DataFusion's SQL, where comparisons need no casts.

use testkit::oracle;

use super::*;
use crate::format::metadata::Header;

/// Runs `query` over three records with all their columns.
fn query(query: &str) -> Vec<Vec<String>> {
    let ddl = "card_brand STRING, amount DECIMAL(12,2), at TIMESTAMP, wall TIMESTAMP_NTZ, day DATE, \
               raw BINARY, ratio DOUBLE, items ARRAY<STRUCT<name: STRING, price: DECIMAL(8,2)>>, \
               made TIMESTAMP_MILLIS, seen ARRAY<TIMESTAMP_SECONDS>";
    let schema = TableSchema::parse(ddl).unwrap();
    let all: Vec<usize> = (0..schema.table().fields().len()).collect();
    let mut decoder = Decoder::new(&schema, &all).unwrap();
    let headers = [Header {
        key: "trace",
        value: Some(b"abc"),
    }];
    for (offset, key, record) in [
        (
            0,
            "abc",
            r#"{"card_brand":"Visa","amount":1.10,"at":"2026-01-31T12:00:00Z","wall":"2026-01-31T12:00:00","day":"2026-01-31","raw":"YWJj","ratio":0.5,"items":[{"name":"tea","price":2},{"name":"cup","price":3.5}],"made":1769860800000,"seen":[1769860800]}"#,
        ),
        (
            1,
            "def",
            r#"{"card_brand":"Mastercard Debit","amount":2.20,"at":"2026-01-31T13:00:00Z"}"#,
        ),
        (
            2,
            "abc",
            r#"{"card_brand":"Visa","amount":3.30,"items":[{"name":"tea","price":2}]}"#,
        ),
    ] {
        let meta = RecordMeta {
            offset,
            key: Some(key.as_bytes()),
            timestamp_ms: Some(1_769_860_800_000),
            headers: &headers,
            ..META
        };
        decoder.push(record.as_bytes(), &meta).unwrap();
    }
    let batch = decoder.flush().unwrap();
    rows(&oracle::at_once(query, &batch, |_context| {}))
}

#[test]
fn columns_compare_with_plain_literals() {
    for condition in [
        "_key = 'abc' AND _offset = 0",
        "_topic LIKE 'trans%' AND _partition = 3 AND _offset < 1",
        "card_brand = 'Visa' AND amount = 1.1",
        "card_brand IN ('Visa', 'JCB') AND amount < 2",
        "at = '2026-01-31T12:00:00Z'",
        "at < TIMESTAMP '2026-01-31 12:30:00'",
        "wall = TIMESTAMP '2026-01-31 12:00:00'",
        "day = '2026-01-31'",
        "day = DATE '2026-01-31'",
        "raw = 'abc'",
        "ratio = 0.5",
        "_kafka_timestamp = '2026-01-31T12:00:00Z' AND _offset = 0",
        "_headers[1]['value'] = 'abc' AND _headers[1]['key'] = 'trace' AND _offset = 0",
        "items[2]['name'] = 'cup'",
        "made = at AND made = '2026-01-31T12:00:00Z'",
        "array_has(seen, at) AND seen[1] = made",
    ] {
        let found = query(&format!(
            "SELECT _offset FROM transactions WHERE {condition}"
        ));
        assert_eq!(found, [["0"]], "{condition}");
    }
}

#[test]
fn text_groups_and_amounts_add_up() {
    let found = query(
        "SELECT card_brand, sum(amount), max(at) FROM transactions GROUP BY card_brand ORDER BY card_brand",
    );
    assert_eq!(
        found,
        [
            ["Mastercard Debit", "2.20", "2026-01-31T13:00:00Z"],
            ["Visa", "4.40", "2026-01-31T12:00:00Z"]
        ]
    );
}

#[test]
fn arrays_of_structs_unnest() {
    let found = query(
        "SELECT item['name'] AS name, sum(item['price']) FROM \
         (SELECT unnest(items) AS item FROM transactions) GROUP BY name ORDER BY name",
    );
    assert_eq!(found, [["cup", "3.50"], ["tea", "4.00"]]);
}

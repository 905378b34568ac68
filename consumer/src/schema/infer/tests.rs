//! Schemas from records.

use super::*;

fn inferred(records: &[&str]) -> Inferred {
    infer(records.iter().map(|record| record.as_bytes())).unwrap()
}

fn ddl(records: &[&str]) -> String {
    inferred(records).schema.to_string()
}

/// The type of `x` in records that hold these values.
fn type_of(values: &[&str]) -> String {
    let records: Vec<_> = values
        .iter()
        .map(|value| format!("{{\"x\":{value}}}"))
        .collect();
    ddl(&records.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn transactions_make_the_columns_that_a_person_would_write() {
    let records = [
        r#"{"transaction_id":"t-1","timestamp":"2026-01-31T12:00:00.250Z","card_brand":"Visa","amount":12.50,"items":3,"online":true}"#,
        r#"{"transaction_id":"t-2","timestamp":"2026-01-31T12:00:01+01:00","card_brand":null,"amount":7,"items":1,"online":false,"city":"Berlin"}"#,
    ];
    assert_eq!(
        ddl(&records),
        "transaction_id STRING, timestamp TIMESTAMP, card_brand STRING, amount DECIMAL(18,2), \
         items BIGINT, online BOOLEAN, city STRING"
    );
}

#[test]
fn numbers_get_a_type_with_room_for_all() {
    for (values, expected) in [
        (&["1", "-9223372036854775808"][..], "x BIGINT"),
        (&["9223372036854775808"], "x DECIMAL(38,0)"),
        (&["1", "2.5"], "x DECIMAL(18,2)"),
        (&["1.5", "0.125"], "x DECIMAL(18,3)"),
        (&["0.123456"], "x DECIMAL(18,6)"),
        (&["0.1234567"], "x DOUBLE"),
        (&["1e2"], "x DOUBLE"),
        (&["1", "1.5E-3"], "x DOUBLE"),
        (&["1234567890123456.25"], "x DECIMAL(18,2)"),
        (&["12345678901234567.25"], "x DECIMAL(38,2)"),
        (&["123456789012345678", "0.125"], "x DECIMAL(38,3)"),
        (&["1234567890123456789012345678901234567.25"], "x DOUBLE"),
        (&["100000000000000000000000000000000000000"], "x DOUBLE"),
    ] {
        assert_eq!(type_of(values), expected, "{values:?}");
    }
}

#[test]
fn only_instants_make_a_timestamp() {
    let instant = "\"2026-01-31T12:00:00Z\"";
    assert_eq!(type_of(&[instant, "null"]), "x TIMESTAMP");
    assert_eq!(type_of(&[instant, "\"2026-01-31\""]), "x STRING");
    assert_eq!(type_of(&["\"2026-01-31T12:00:00\""]), "x STRING");
}

#[test]
fn nested_values_make_nested_types() {
    assert_eq!(
        ddl(&[
            r#"{"card":{"brand":"Visa"},"items":[],"m":[[1]]}"#,
            r#"{"card":{"limit":1.5,"brand":null},"items":[{"price":2},{"name":"tea"}],"m":[[],[2.25]]}"#
        ]),
        "card STRUCT<brand: STRING, limit: DECIMAL(18,2)>, \
         items ARRAY<STRUCT<price: BIGINT, name: STRING>>, m ARRAY<ARRAY<DECIMAL(18,2)>>"
    );
}

#[test]
fn what_is_no_column_is_left_out_by_name() {
    let inferred = inferred(&[
        r#"{"ok":1,"x":"a","n":null,"e":[],"o":{},"m":[1,"a"],"s":{"a":1,"b":true},"_key":"k","OK":2,"":1}"#,
        r#"{"x":1,"s":{"b":"c"}}"#,
    ]);
    assert_eq!(
        inferred.schema.to_string(),
        "ok BIGINT, s STRUCT<a: BIGINT>"
    );
    let left_out: Vec<_> = inferred.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        left_out,
        [
            "column x holds strings and numbers; give SCHEMA",
            "column n holds only NULL; give SCHEMA",
            "column e holds only empty arrays; give SCHEMA",
            "column o holds objects without a field that could be a column; give SCHEMA",
            "column m holds arrays, of which each holds numbers and strings; give SCHEMA",
            "column s.b holds booleans and strings; give SCHEMA",
            "column _key has the name of a column that each record has from Kafka",
            "column OK differs from another one only in upper and lower case",
            "a column has no name",
        ]
    );
}

#[test]
fn bad_records_are_passed_over() {
    let inferred = inferred(&["", "null", "[1]", "{\"x\":", "{\"x\":1}", "{\"x\":1}{}"]);
    assert_eq!(inferred.schema.to_string(), "x BIGINT");
    assert_eq!((inferred.samples, inferred.bad), (1, 5));
}

#[test]
fn last_of_equal_keys_counts() {
    assert_eq!(ddl(&[r#"{"x":"a","x":1}"#]), "x BIGINT");
}

#[test]
fn without_a_good_record_there_is_no_schema() {
    let none: [&[u8]; 0] = [];
    assert_eq!(infer(none), Err(InferError::NoRecords));
    assert_eq!(
        infer([&b"x"[..], b"1"]),
        Err(InferError::NoneGood { bad: 2 })
    );
    assert_eq!(
        infer([&b"{}"[..]]),
        Err(InferError::NoColumns { samples: 1 })
    );
}

#[test]
fn values_in_one_another_have_an_end() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |levels| format!("{}1{}", open.repeat(levels), close.repeat(levels));
        assert!(TableSchema::parse(&type_of(&[&nested(32)])).is_ok());
        let deep = format!(r#"{{"x":{},"n":1}}"#, nested(33));
        assert_eq!(ddl(&[&deep]), "n BIGINT");
    }
}

#[test]
fn a_few_bad_records_do_not_decide() {
    let mut samples = vec![r#"{"amount": 12.50, "n": 1}"#; 30];
    samples.insert(7, r#"{"amount": "12.50 EUR", "n": 1}"#);
    samples.insert(11, r#"{"amount": 3.10, "n": {}}"#);
    let inferred = infer(samples.iter().map(|sample| sample.as_bytes())).unwrap();
    assert_eq!(
        inferred.schema.to_string(),
        "amount DECIMAL(18,2), n BIGINT"
    );
    assert_eq!((inferred.samples, inferred.bad), (30, 2));
}

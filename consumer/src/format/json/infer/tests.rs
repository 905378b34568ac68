//! Tests of schemas that are inferred from records.

use super::*;

fn inferred(records: &[&str]) -> Inferred {
    infer(records.iter().map(|record| record.as_bytes())).unwrap()
}

fn ddl(records: &[&str]) -> String {
    inferred(records).schema.to_string()
}

/// Returns the type of `x` in records that hold these values.
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
fn times_as_others_write_them_make_a_timestamp() {
    for instants in [
        &["2026-01-31T12:00:00Z", "2026-01-31T12:00Z"][..],
        &[
            "2026-01-31T12:00:00.123456+01:00",
            "2026-01-31T12:00:00+0000",
        ],
        &["2026-01-31 12:00:00+00", "2026-01-31 12:00:00-8"],
        &[
            "2026-01-31 12:00:00 UTC",
            "2026-01-31 12:00:00 Europe/Paris",
        ],
        &["2026-01-31T12:00:00Z[UTC]", "20260131T120000Z"],
    ] {
        let values: Vec<_> = instants.iter().map(|text| format!("\"{text}\"")).collect();
        let mut values: Vec<_> = values.iter().map(String::as_str).collect();
        values.push("null");
        assert_eq!(type_of(&values), "x TIMESTAMP", "{instants:?}");
    }
}

#[test]
fn times_without_a_zone_and_dates_are_what_they_say() {
    let (instant, wall) = ("\"2026-01-31T12:00:00Z\"", "\"2026-01-31T12:00:00\"");
    let date = "\"2026-01-31\"";
    assert_eq!(
        type_of(&[wall, "\"2026-01-31 12:00:00\""]),
        "x TIMESTAMP_NTZ"
    );
    assert_eq!(type_of(&[date, "\"1999-12-31\""]), "x DATE");
    for mixed in [[instant, date], [instant, wall], [wall, date]] {
        assert_eq!(type_of(&mixed), "x STRING", "{mixed:?}");
    }
    // A number, a year or a month may mean anything.
    for text in ["12:00:00", "1769860800", "1776", "2026-01", "2026", ""] {
        assert_eq!(type_of(&[&format!("\"{text}\"")]), "x STRING", "{text}");
    }
}

#[test]
fn a_number_is_no_time_whatever_it_looks_like() {
    for number in [
        "1769860800",
        "1769860800000",
        "1769860800000000",
        "20260131",
    ] {
        assert_eq!(type_of(&[number]), "x BIGINT");
    }
}

#[test]
fn a_number_that_is_not_finite_makes_a_double() {
    for number in ["NaN", "Infinity", "-Infinity", "\"NaN\"", "\"-Infinity\""] {
        assert_eq!(type_of(&["1", number]), "x DOUBLE", "{number}");
        assert_eq!(type_of(&[number, "2.5"]), "x DOUBLE", "{number}");
    }
    assert_eq!(type_of(&["NaN"]), "x DOUBLE");
    // A word in quotes may be a text.
    assert_eq!(type_of(&["\"NaN\"", "\"Infinity\""]), "x STRING");
    assert_eq!(type_of(&["\"NaN\"", "\"a\""]), "x STRING");
}

#[test]
fn records_are_read_as_the_decoder_reads_them() {
    let half = r#"{"x":"\ud83d","n":1}"#;
    let marked = "\u{feff}{\"n\":2,\"m\":1.5}";
    let bare = r#"{"n":3,"other":[NaN,{"a":-Infinity}]}"#;
    let inferred = inferred(&[half, marked, bare]);
    assert_eq!((inferred.samples, inferred.bad), (3, 0));
    assert_eq!(
        ddl(&[half, marked, r#"{"n":4}"#]),
        "x STRING, n BIGINT, m DECIMAL(18,2)"
    );
}

#[test]
fn what_is_mostly_text_takes_the_others_as_text() {
    let mut samples: Vec<String> = (0..3192)
        .map(|i| format!(r#"{{"title":"Film {i}","year":{}}}"#, 1900 + i % 100))
        .collect();
    // A public set of films has such titles.
    for title in [9, 21, 42, 300, 1408, 1776, 1941, 2012, 54] {
        samples.insert(title, format!(r#"{{"title":{title},"year":2000}}"#));
    }
    let inferred = infer(samples.iter().map(|sample| sample.as_bytes())).unwrap();
    assert_eq!(inferred.schema.to_string(), "title STRING, year BIGINT");
    assert_eq!((inferred.samples, inferred.bad), (3201, 0));
}

#[test]
fn what_is_of_several_kinds_is_text_and_named() {
    let inferred = inferred(&[
        r#"{"x":"a","y":1,"z":[1,"a"],"s":{"since":1,"author":{"name":"a"}}}"#,
        r#"{"x":1,"y":{"b":1},"z":null,"s":{"since":"2026-01-31T12:00:00Z","author":"a"}}"#,
        r#"{"x":true,"y":false,"z":[],"s":null}"#,
    ]);
    assert_eq!(
        inferred.schema.to_string(),
        "x STRING, y STRING, z ARRAY<STRING>, s STRUCT<since: STRING, author: STRING>"
    );
    let as_text: Vec<_> = inferred.as_text.iter().map(ToString::to_string).collect();
    assert_eq!(
        as_text,
        [
            "x holds booleans and numbers and strings",
            "y holds booleans and numbers and objects",
            "z[] holds numbers and strings",
            "s.since holds numbers and strings",
            "s.author holds strings and objects",
        ]
    );
    assert!(inferred.left_out.is_empty());
}

#[test]
fn nine_in_ten_decide_in_a_struct_too() {
    let mut samples = vec![r#"{"s":{"amount":12.50}}"#; 27];
    samples.extend([r#"{"s":{"amount":"free"}}"#; 3]);
    assert_eq!(ddl(&samples), "s STRUCT<amount: DECIMAL(18,2)>");
    samples.push(r#"{"s":{"amount":"free"}}"#);
    assert_eq!(ddl(&samples), "s STRUCT<amount: STRING>");
}

#[test]
fn a_schema_registrys_prefix_before_all_records_is_named() {
    let prefixed = b"\0\0\0\x01\x02{\"n\":1}";
    assert_eq!(
        infer([&prefixed[..], b"\0\0\0\0\x07\x02a"]),
        Err(InferError::RegistryPrefix {
            bad: 2,
            schema_id: 258
        })
    );
    // The prefix is reported only if all records have it.
    assert_eq!(
        infer([&prefixed[..], b"x"]),
        Err(InferError::NoneGood { bad: 2 })
    );
    let some = infer([&prefixed[..], b"{\"n\":1}"]).unwrap();
    assert_eq!((some.samples, some.bad), (1, 1));
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
        r#"{"ok":1,"n":null,"e":[],"o":{},"m":[null],"s":{"a":1,"b":null},"_key":"k","OK":2,"":1}"#,
        r#"{"s":{"b":null}}"#,
    ]);
    assert_eq!(
        inferred.schema.to_string(),
        "ok BIGINT, s STRUCT<a: BIGINT>"
    );
    let left_out: Vec<_> = inferred.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        left_out,
        [
            "n holds only NULL",
            "e holds only arrays without a value",
            "o holds objects without a field that could be a column",
            "m holds only arrays without a value",
            "s.b holds only NULL",
            "_key has the name of a column that each record has from Kafka",
            "OK differs from another one only in upper and lower case",
            "a field has no name",
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

//! Tests of batches: their columns, the columns from Kafka, and what is left after a flush.

use arrow::datatypes::TimestampMicrosecondType;

use super::*;
use crate::format::metadata::Header;

#[test]
fn columns_come_in_projected_order() {
    let mut decoder = decoder(
        "card_brand STRING, amount DECIMAL(12,2)",
        &["_offset", "amount", "_topic", "card_brand"],
    );
    let record = br#"{"id":1,"card_brand":"Visa","amount":12.5}"#;
    decoder.push(record, &META).unwrap();
    let batch = decoder.flush().unwrap();
    assert_eq!(batch.schema(), *decoder.schema());
    assert_eq!(rows(&batch), [["41", "12.50", "transactions", "Visa"]]);
}

#[test]
fn a_batch_tells_of_what_it_takes_however_small_its_json_is() {
    let ddl =
        "items ARRAY<STRUCT<a: DECIMAL(12,2), b: DECIMAL(12,2), c: STRING, d: BIGINT>>, n INT";
    let mut decoder = decoder(ddl, &["items", "n"]);
    let record = format!(r#"{{"items":[{}{{}}]}}"#, "{},".repeat(100_000));
    decoder.push(record.as_bytes(), &META).unwrap();
    for _ in 0..1_000 {
        decoder.push(b"{}", &META).unwrap();
    }
    let told = decoder.bytes();
    let batch = decoder.flush().unwrap();
    let columns = batch.columns().iter();
    let taken: usize = columns
        .map(|column| column.to_data().get_slice_memory_size().unwrap())
        .sum();
    assert!(
        taken > 10 * record.len() && told >= taken,
        "{told} of {taken}"
    );
}

#[test]
fn no_columns_count_records_and_check_syntax() {
    let mut decoder = decoder("n INT", &[]);
    decoder.push(b"{\"n\":\"x\"}", &META).unwrap();
    decoder.push(b"{}", &META).unwrap();
    assert!(decoder.push(b"{\"n\":}", &META).is_err());
    let batch = decoder.flush().unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (2, 0));
}

#[test]
fn kafka_columns_are_the_records_own() {
    let names = [
        "_topic",
        "_partition",
        "_offset",
        "_kafka_timestamp",
        "_key",
        "_headers",
    ];
    let mut decoder = decoder("n INT", &names);
    assert!(decoder.reads_headers());
    let headers = [
        Header {
            key: "trace",
            value: Some(&[0, 255]),
        },
        Header {
            key: "trace",
            value: None,
        },
    ];
    let full = RecordMeta {
        timestamp_ms: Some(-1),
        key: Some("card-ü".as_bytes()),
        headers: &headers,
        ..META
    };
    decoder.push(b"{}", &full).unwrap();
    decoder
        .push(b"{\"_offset\":7,\"_key\":\"x\"}", &META)
        .unwrap();
    assert_eq!(
        rows(&decoder.flush().unwrap()),
        [
            [
                "transactions",
                "3",
                "41",
                "1969-12-31T23:59:59.999Z",
                "card-ü",
                "[{key: trace, value: 00ff}, {key: trace, value: NULL}]"
            ],
            ["transactions", "3", "41", "NULL", "NULL", "[]"],
        ]
    );
}

/// Kafka's timestamps are milliseconds. If a writer sets them in other units, its records have other times or none.
#[test]
fn a_kafka_timestamp_is_what_it_says_or_none() {
    let mut decoder = decoder("n INT", &["_kafka_timestamp"]);
    let noon = 1_769_860_800_000;
    for timestamp_ms in [noon, noon * 1_000, noon * 1_000_000, i64::MIN] {
        let meta = RecordMeta {
            timestamp_ms: Some(timestamp_ms),
            ..META
        };
        decoder.push(b"{}", &meta).unwrap();
    }
    let batch = decoder.flush().unwrap();
    let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    let times: Vec<_> = times.iter().collect();
    assert_eq!(
        times,
        [Some(noon * 1_000), Some(noon * 1_000_000), None, None]
    );
}

#[test]
fn binary_keys_stay_apart() {
    let mut decoder = decoder("n INT", &["_key"]);
    for key in [&[0x61, 0x80][..], &[0x61, 0x81], &[0xe4, 0x62]] {
        let meta = RecordMeta {
            key: Some(key),
            ..META
        };
        decoder.push(b"{}", &meta).unwrap();
    }
    assert_eq!(
        rows(&decoder.flush().unwrap()),
        [["a\\x80"], ["a\\x81"], ["\\xE4b"]]
    );
}

#[test]
fn bad_record_leaves_no_headers_behind() {
    let mut decoder = decoder("n INT", &["_headers", "n"]);
    let headers = [Header {
        key: "a",
        value: None,
    }];
    let meta = RecordMeta {
        headers: &headers,
        ..META
    };
    decoder.push(b"{\"n\":\"x\"}", &meta).unwrap_err();
    decoder.push(b"{\"n\":1}", &META).unwrap();
    assert_eq!(rows(&decoder.flush().unwrap()), [["[]", "1"]]);
}

#[test]
fn flush_empties_the_decoder() {
    let ddl = "s STRING, l ARRAY<STRUCT<a: DECIMAL(4,1), b: ARRAY<STRING>>>";
    let mut decoder = decoder(ddl, &["l", "s"]);
    for round in 0..3 {
        assert!(decoder.is_empty());
        assert_eq!(decoder.flush().unwrap().num_rows(), 0);
        let record =
            format!(r#"{{"s":"round {round} of the three","l":[{{"a":{round},"b":["x"]}}]}}"#);
        decoder.push(record.as_bytes(), &META).unwrap();
        decoder.push(b"{}", &META).unwrap();
        // The first record's values are s, l, its struct, a, b and the text in it.
        assert_eq!(decoder.bytes(), record.len() + 2 + (6 + 2) * VALUE_BYTES);
        let round = round.to_string();
        assert_eq!(
            rows(&decoder.flush().unwrap()),
            [
                [
                    format!("[{{a: {round}.0, b: [x]}}]"),
                    format!("round {round} of the three")
                ],
                ["NULL".to_owned(), "NULL".to_owned()]
            ]
        );
    }
}

#[test]
fn missing_value_of_a_not_null_column_is_bad() {
    let mut decoder = decoder("n INT NOT NULL, s STRING", &["n", "s"]);
    for record in ["{}", r#"{"n":null}"#, r#"{"s":"a"}"#] {
        let defect = decoder.push(record.as_bytes(), &META).unwrap_err();
        assert_eq!(defect.to_string(), "missing value: column n is NOT NULL");
    }
    decoder.push(br#"{"n":1}"#, &META).unwrap();
    assert_eq!(rows(&decoder.flush().unwrap()), [["1", "NULL"]]);
}

#[test]
fn struct_of_not_null_fields_may_itself_be_null() {
    let mut decoder = decoder("s STRUCT<a: INT NOT NULL>", &["s"]);
    decoder.push(br#"{"s":null}"#, &META).unwrap();
    decoder.push(br#"{"s":{"a":1}}"#, &META).unwrap();
    assert_eq!(rows(&decoder.flush().unwrap()), [["NULL"], ["{a: 1}"]]);
}

#[test]
fn more_keys_than_are_remembered_are_read_all_the_same() {
    let mut decoder = decoder("n INT", &["n"]);
    for i in 0..5_000 {
        // Now and then a record has one more key, so that the table becomes full at each place in a record.
        let more = if i % 4 == 0 {
            format!(r#","m{i}":0"#)
        } else {
            String::new()
        };
        let rest = format!(r#","k{}":0{more},"n":{i}}}"#, i + 7);
        let record = format!(r#"{{"k{i}":{i}{rest}"#);
        decoder.push(record.as_bytes(), &META).unwrap();
        // A lead that was stored in the middle of a record must never stand for a record's beginning.
        for (start, _) in rest.match_indices(',') {
            decoder.push(&rest.as_bytes()[start..], &META).unwrap_err();
        }
    }
    let batch = decoder.flush().unwrap();
    let read = batch
        .column(0)
        .as_primitive::<arrow::datatypes::Int32Type>();
    assert!(read.values().iter().copied().eq(0..5_000));
}

#[test]
fn long_keys_are_compared_to_their_ends() {
    let long = "k".repeat(40);
    let ddl = format!("{long}1 INT, {long}2 INT");
    let mut decoder = decoder(&ddl, &[&format!("{long}2")]);
    for (one, other) in [(1, 2), (2, 1), (1, 3), (2, 3), (1, 2)] {
        let record =
            format!(r#"{{"{long}{one}":{one},"{long}{other}":{other},"end of it":"{long}"}}"#);
        decoder.push(record.as_bytes(), &META).unwrap();
    }
    let read = rows(&decoder.flush().unwrap());
    assert_eq!(read, [["2"], ["2"], ["NULL"], ["2"], ["2"]]);
}

#[test]
fn projection_of_no_column_or_twice_is_refused() {
    let schema = TableSchema::parse("n INT").unwrap();
    assert!(Decoder::new(&schema, &[7]).is_err());
    assert!(Decoder::new(&schema, &[0, 0]).is_err());
}

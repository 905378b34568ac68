//! Tests BINARY columns as text, and headers by their names.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, ListArray, RecordBatch, StringViewArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use consumer::schema::TableSchema;

use super::values_of;

/// Returns the values of an expression over two records. The bytes of the first one are not UTF-8, and it has two
/// headers named `trace`. The second one has no header.
fn values(expression: &str) -> Result<Vec<String>, String> {
    let ddl = "bytes BINARY, text STRING, headers ARRAY<STRUCT<key: STRING, value: BINARY>>";
    let schema = Arc::clone(TableSchema::parse(ddl).unwrap().columns());
    let DataType::List(item) = schema.field(2).data_type() else {
        panic!("{schema}");
    };
    let DataType::Struct(fields) = item.data_type() else {
        panic!("{item}");
    };
    let headers: Vec<ArrayRef> = vec![
        Arc::new(StringViewArray::from_iter_values([
            "trace", "Trace", "trace", "empty",
        ])),
        Arc::new(BinaryArray::from_opt_vec(vec![
            Some(b"first"),
            Some(b"other"),
            Some(b"last\xff"),
            None,
        ])),
    ];
    let headers = StructArray::new(fields.clone(), headers, None);
    let offsets = OffsetBuffer::from_lengths([4, 0]);
    let headers = ListArray::new(Arc::clone(item), offsets, Arc::new(headers), None);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(BinaryArray::from_vec(vec![b"\xc3\x28", b"ok"])),
        Arc::new(StringViewArray::from_iter_values(["a", "trace"])),
        Arc::new(headers),
    ];
    let records = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    values_of(expression, &records)
}

#[test]
fn bytes_that_are_not_utf8_become_the_character_for_it() {
    for (expression, expected) in [
        ("CAST(bytes AS STRING)", ["\u{fffd}(", "ok"]),
        ("bytes::VARCHAR", ["\u{fffd}(", "ok"]),
        ("try_cast(bytes AS STRING)", ["\u{fffd}(", "ok"]),
        ("decode(bytes, 'UTF-8')", ["\u{fffd}(", "ok"]),
        ("concat(bytes, text)", ["\u{fffd}(a", "oktrace"]),
        ("bytes || text", ["\u{fffd}(a", "oktrace"]),
        ("upper(CAST(bytes AS STRING))", ["\u{fffd}(", "OK"]),
        ("bytes = 'ok'", ["false", "true"]),
        ("text IN (bytes, 'a')", ["true", "false"]),
        ("bytes LIKE '%('", ["true", "false"]),
        (
            "CAST(make_array(bytes) AS STRING[])",
            ["[\u{fffd}(]", "[ok]"],
        ),
    ] {
        let expected = expected.map(str::to_owned).to_vec();
        assert_eq!(values(expression), Ok(expected), "{expression}");
    }
}

#[test]
fn a_header_is_found_by_its_name_and_the_last_of_several_counts() {
    let text = |header: &str| values(&format!("CAST({header} AS STRING)"));
    for (header, expected) in [
        ("headers['trace']", "last\u{fffd}"),
        ("headers['Trace']", "other"),
        ("HEADERS['Trace']", "other"),
        ("header(headers, 'trace')", "last\u{fffd}"),
        ("header(headers, concat('T', 'race'))", "other"),
        ("headers['empty']", ""),
        ("headers['missing']", ""),
        ("headers[1]['value']", "first"),
        ("headers[2].value", "other"),
        ("t.headers['Trace']", "other"),
    ] {
        let header = match header.starts_with("t.") {
            true => header.replace("t.", "transactions."),
            false => header.to_owned(),
        };
        let expected = vec![expected.to_owned(), String::new()];
        assert_eq!(text(&header), Ok(expected), "{header}");
    }
    let of_rows = values("header(headers, text)").unwrap();
    assert_eq!(of_rows, ["", ""]);
    let counted = values("count(headers['trace'])").unwrap();
    assert_eq!(counted, ["1"]);
    let error = values("header(text, 'trace')").unwrap_err();
    assert_eq!(
        error,
        "header takes _headers and a name, as in header(_headers, 'trace')"
    );
}

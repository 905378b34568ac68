//! The table of good and bad records, run against a decoder that is given as a function. Each record stands between
//! good records, whose rows must be right whatever becomes of it.

use super::*;

/// Decodes records by the columns of a schema. Returns each record's row, as Arrow shows its values, or the reason why
/// it is bad.
type AnyDecoder = fn(&str, &[Vec<u8>]) -> Vec<Result<Vec<String>, String>>;

/// Good values: the type, the JSON, and the value as Arrow shows it.
const GOOD_VALUES: &[(&str, &str, &str)] = &[
    ("STRING", r#""Visa""#, "Visa"),
    ("STRING", r#""""#, ""),
    (
        "STRING",
        r#""longer than what stands in a view""#,
        "longer than what stands in a view",
    ),
    ("STRING", r#""a\"b\\c\/d""#, r#"a"b\c/d"#),
    ("STRING", r#""caf\u00e9 \ud83d\ude00""#, "café 😀"),
    ("STRING", r#""São Paulo, 東京""#, "São Paulo, 東京"),
    ("STRING", "null", "NULL"),
    // A STRING column takes other values as they stand: no digit, blank or escape is lost or added.
    ("STRING", "1776", "1776"),
    ("STRING", "12.50", "12.50"),
    ("STRING", "-1.0E+3", "-1.0E+3"),
    ("STRING", "0.12345678901234567890", "0.12345678901234567890"),
    ("STRING", "true", "true"),
    ("STRING", " false ", "false"),
    ("STRING", "NaN", "NaN"),
    ("STRING", "-Infinity", "-Infinity"),
    ("STRING", "{}", "{}"),
    (
        "STRING",
        r#" { "a" : 1.50, "b":["\u00e9", null ,NaN] } "#,
        r#"{ "a" : 1.50, "b":["\u00e9", null ,NaN] }"#,
    ),
    ("VARCHAR(2)", "[1, 2]", "[1, 2]"),
    ("ARRAY<STRING>", "[1, \"a\", null, {}]", "[1, a, NULL, {}]"),
    ("STRUCT<a: STRING>", r#"{"a":[true]}"#, "{a: [true]}"),
    ("STRING", r#""\ud83d""#, "\u{fffd}"),
    ("STRING", r#""\ude00\ud83d!""#, "\u{fffd}\u{fffd}!"),
    (
        "STRUCT<`\u{fffd}`: INT, b: INT>",
        r#"{"\udc00":1,"b":2}"#,
        "{\u{fffd}: 1, b: 2}",
    ),
    ("BOOLEAN", "true", "true"),
    ("BOOLEAN", " false ", "false"),
    ("TINYINT", "-128", "-128"),
    ("TINYINT", "127", "127"),
    ("SMALLINT", "-32768", "-32768"),
    ("INT", "2147483647", "2147483647"),
    ("INT", "\"17\"", "17"),
    ("INT", "1e2", "100"),
    ("INT", "3.0", "3"),
    ("INT", "\"-1.50e1\"", "-15"),
    ("INT", "120e-1", "12"),
    ("INT", "0e99999999999999999999", "0"),
    ("BIGINT", "9223372036854775807", "9223372036854775807"),
    ("BIGINT", "-9223372036854775808", "-9223372036854775808"),
    ("BIGINT", "-0", "0"),
    ("BIGINT", r#""\u0031\u0032""#, "12"),
    ("DOUBLE", "0.1", "0.1"),
    ("DOUBLE", "-1.5E+3", "-1500.0"),
    ("DOUBLE", "17", "17.0"),
    ("DOUBLE", "\"2.5\"", "2.5"),
    ("DOUBLE", "\"NaN\"", "NaN"),
    ("DOUBLE", "\"-Infinity\"", "-inf"),
    ("DOUBLE", "1e-999", "0.0"),
    ("DOUBLE", "NaN", "NaN"),
    ("DOUBLE", " Infinity ", "inf"),
    ("DOUBLE", "-Infinity", "-inf"),
    ("FLOAT", "NaN", "NaN"),
    ("FLOAT", "-Infinity", "-inf"),
    (
        "ARRAY<DOUBLE>",
        "[NaN,Infinity, -Infinity ,1]",
        "[NaN, inf, -inf, 1.0]",
    ),
    (
        "STRUCT<a: FLOAT, b: INT>",
        r#"{"u":[NaN,{"v":-Infinity}],"a":NaN,"b":1}"#,
        "{a: NaN, b: 1}",
    ),
    ("FLOAT", "0.1", "0.1"),
    ("FLOAT", "\"Infinity\"", "inf"),
    ("DECIMAL(12,2)", "12.5", "12.50"),
    ("DECIMAL(12,2)", "12.340", "12.34"),
    ("DECIMAL(12,2)", "-0.07", "-0.07"),
    ("DECIMAL(12,2)", "1e2", "100.00"),
    ("DECIMAL(12,2)", "1.5E1", "15.00"),
    ("DECIMAL(12,2)", "\"429.89\"", "429.89"),
    ("DECIMAL(12,2)", "9999999999.99", "9999999999.99"),
    (
        "DECIMAL(12,2)",
        "0.00000000000000000000000000000000000000000000000",
        "0.00",
    ),
    ("DECIMAL(12,2)", "1234e-2", "12.34"),
    ("DECIMAL", "1234567890", "1234567890"),
    ("DECIMAL(3,3)", "-0.125", "-0.125"),
    (
        "DECIMAL(38,0)",
        "99999999999999999999999999999999999999",
        "99999999999999999999999999999999999999",
    ),
    (
        "DECIMAL(38,38)",
        "-1e-38",
        "-0.00000000000000000000000000000000000001",
    ),
    ("DATE", "\"2026-01-31\"", "2026-01-31"),
    ("DATE", "\"1969-12-31\"", "1969-12-31"),
    ("DATE", "\"20260131\"", "2026-01-31"),
    ("DATE", "\"2026-1-31\"", "2026-01-31"),
    (
        "TIMESTAMP",
        "\"2026-01-31T12:34:56Z\"",
        "2026-01-31T12:34:56Z",
    ),
    (
        "TIMESTAMP",
        "\"2026-01-31t12:34:56.5z\"",
        "2026-01-31T12:34:56.500Z",
    ),
    (
        "TIMESTAMP",
        "\"2026-01-31 12:34:56.123456789+01:30\"",
        "2026-01-31T11:04:56.123456Z",
    ),
    (
        "TIMESTAMP",
        "\"2026-01-31T23:30:00-00:45\"",
        "2026-02-01T00:15:00Z",
    ),
    (
        "TIMESTAMP",
        "\"2026-01-31T12:34:56\"",
        "2026-01-31T12:34:56Z",
    ),
    ("TIMESTAMP", "\"2026-01-31\"", "2026-01-31T00:00:00Z"),
    (
        "TIMESTAMP",
        "\"1969-12-31T23:59:59.9999999Z\"",
        "1969-12-31T23:59:59.999999Z",
    ),
    (
        "TIMESTAMP",
        "\"2024-02-29T00:00:00Z\"",
        "2024-02-29T00:00:00Z",
    ),
    ("TIMESTAMP", "\"2026-01-31T12:34Z\"", "2026-01-31T12:34:00Z"),
    (
        "TIMESTAMP",
        "\"2026-01-31 12:34:56+00\"",
        "2026-01-31T12:34:56Z",
    ),
    (
        "TIMESTAMP",
        r#""2026-01-31T12:34:56+01:00[Europe\/Paris]""#,
        "2026-01-31T11:34:56Z",
    ),
    (
        "TIMESTAMP",
        "\"2026-01-31T12:34:56Z \"",
        "2026-01-31T12:34:56Z",
    ),
    ("TIMESTAMP_SECONDS", "1769862896", "2026-01-31T12:34:56Z"),
    (
        "TIMESTAMP_SECONDS",
        "\"1769862896\"",
        "2026-01-31T12:34:56Z",
    ),
    (
        "TIMESTAMP_SECONDS",
        "1769862896.5",
        "2026-01-31T12:34:56.500Z",
    ),
    (
        "TIMESTAMP_SECONDS",
        "1769862896.1234567",
        "2026-01-31T12:34:56.123456Z",
    ),
    ("TIMESTAMP_SECONDS", "1.769862896E9", "2026-01-31T12:34:56Z"),
    (
        "TIMESTAMP_SECONDS",
        "-0.0000001",
        "1969-12-31T23:59:59.999999Z",
    ),
    ("TIMESTAMP_SECONDS", "-62135596800", "0001-01-01T00:00:00Z"),
    (
        "TIMESTAMP_SECONDS",
        "253402300799.9999999",
        "9999-12-31T23:59:59.999999Z",
    ),
    (
        "TIMESTAMP_MILLIS",
        "1769862896123",
        "2026-01-31T12:34:56.123Z",
    ),
    (
        "TIMESTAMP_MICROS",
        "1769862896123456",
        "2026-01-31T12:34:56.123456Z",
    ),
    // One webhook writes both forms into the same field.
    (
        "TIMESTAMP_SECONDS",
        "\"2026-01-31T12:34:56Z\"",
        "2026-01-31T12:34:56Z",
    ),
    ("TIMESTAMP_SECONDS", "null", "NULL"),
    (
        "ARRAY<TIMESTAMP_MILLIS>",
        "[0, \"1\"]",
        "[1970-01-01T00:00:00Z, 1970-01-01T00:00:00.001Z]",
    ),
    (
        "STRUCT<a: TIMESTAMP_SECONDS, b: TIMESTAMP>",
        r#"{"a":1,"b":"2026"}"#,
        "{a: 1970-01-01T00:00:01Z, b: 2026-01-01T00:00:00Z}",
    ),
    (
        "TIMESTAMP_NTZ",
        "\"2026-01-31T12:34:56\"",
        "2026-01-31T12:34:56",
    ),
    (
        "TIMESTAMP_NTZ",
        "\"2026-01-31 12:34\"",
        "2026-01-31T12:34:00",
    ),
    ("BINARY", "\"AP8Q\"", "00ff10"),
    ("BINARY", "\"AP8=\"", "00ff"),
    ("ARRAY<INT>", "[1, \"2\", null]", "[1, 2, NULL]"),
    ("ARRAY<INT>", " [ ] ", "[]"),
    (
        "ARRAY<ARRAY<STRING>>",
        r#"[["a"],[],null]"#,
        "[[a], [], NULL]",
    ),
    (
        "STRUCT<a: INT, b: STRING>",
        r#"{"b":"x","c":[{}],"a":1}"#,
        "{a: 1, b: x}",
    ),
    (
        "STRUCT<a: INT, b: STRING>",
        r#"{"a":1,"\u0061":2}"#,
        "{a: 2, b: NULL}",
    ),
    ("STRUCT<a: INT, b: STRING>", "{}", "{a: NULL, b: NULL}"),
    (
        "ARRAY<STRUCT<a: DECIMAL(4,2)>>",
        r#"[{"a":1.5},null,{}]"#,
        "[{a: 1.50}, NULL, {a: NULL}]",
    ),
];

/// Bad values: the type, the JSON, and the beginning of the reason.
const BAD_VALUES: &[(&str, &str, &str)] = &[
    (
        "STRING",
        "\"a\nb\"",
        "not JSON: expected no bare control character",
    ),
    (
        "STRING",
        r#""\x41""#,
        "not JSON: expected an escape that JSON knows",
    ),
    (
        "STRING",
        r#""\u00g1""#,
        "not JSON: expected four hex digits",
    ),
    ("BOOLEAN", "\"true\"", "wrong type: column x is BOOLEAN"),
    ("BOOLEAN", "1", "wrong type"),
    ("BOOLEAN", "True", "not JSON: expected a value"),
    (
        "TINYINT",
        "128",
        "out of range: column x is TINYINT, found 128",
    ),
    ("SMALLINT", "-32769", "out of range"),
    ("INT", "2147483648", "out of range"),
    ("INT", "3.5", "out of range: column x is INT, found 3.5"),
    ("INT", "1e-1", "out of range"),
    ("INT", "\"\"", "wrong type: column x is INT, found \"\""),
    ("INT", "\" 1\"", "wrong type"),
    ("INT", "\"+1\"", "wrong type"),
    ("INT", "\"0x10\"", "wrong type"),
    ("INT", "\"NaN\"", "wrong type"),
    ("INT", "NaN", "wrong type: column x is INT, found NaN"),
    ("BIGINT", "-Infinity", "wrong type"),
    ("BOOLEAN", "NaN", "wrong type"),
    ("DATE", "NaN", "wrong type"),
    (
        "ARRAY<INT>",
        "[NaN]",
        "wrong type: column x[] is INT, found NaN",
    ),
    ("DOUBLE", "nan", "not JSON: expected a value"),
    ("DOUBLE", "NaNs", "not JSON: expected `,` or `}`"),
    ("DOUBLE", "+Infinity", "not JSON: expected a value"),
    ("DOUBLE", "-NaN", "not JSON: expected a digit"),
    ("DOUBLE", "--Infinity", "not JSON: expected a digit"),
    ("DOUBLE", "1e-Infinity", "not JSON: expected a digit"),
    ("DOUBLE", "0.-Infinity", "not JSON: expected a digit"),
    ("DOUBLE", "-Inf", "not JSON: expected a digit"),
    ("INT", "[1]", "wrong type"),
    ("INT", "+1", "not JSON: expected a value"),
    ("INT", "01", "not JSON: expected `,` or `}`"),
    ("INT", "1.", "not JSON: expected a digit"),
    ("INT", ".5", "not JSON: expected a value"),
    ("INT", "1e", "not JSON: expected a digit"),
    ("INT", "-", "not JSON: expected a digit"),
    ("INT", "0x10", "not JSON: expected `,` or `}`"),
    ("BIGINT", "9223372036854775808", "out of range"),
    ("BIGINT", "1e99999999999999999999", "out of range"),
    ("DOUBLE", "1e999", "out of range"),
    ("DOUBLE", "\"1,5\"", "wrong type"),
    ("FLOAT", "1e39", "out of range"),
    (
        "DECIMAL(12,2)",
        "12.345",
        "out of range: column x is DECIMAL(12,2), found 12.345",
    ),
    ("DECIMAL(12,2)", "10000000000", "out of range"),
    ("DECIMAL(12,2)", "\"1e10\"", "out of range"),
    ("DECIMAL(12,2)", "1e-3", "out of range"),
    ("DECIMAL(12,2)", "\"NaN\"", "wrong type"),
    (
        "DECIMAL(12,2)",
        "NaN",
        "wrong type: column x is DECIMAL(12,2), found NaN",
    ),
    (
        "DECIMAL(38,0)",
        "100000000000000000000000000000000000000",
        "out of range",
    ),
    ("DATE", "\"2026-02-29\"", "wrong type"),
    ("DATE", "\"2026-01-31T00:00:00Z\"", "wrong type"),
    ("DATE", "20260131", "wrong type"),
    (
        "TIMESTAMP",
        "\"2026-01-31T24:00:00Z\"",
        "wrong type: column x is TIMESTAMP",
    ),
    ("TIMESTAMP", "\"2026-13-01T00:00:00Z\"", "wrong type"),
    ("TIMESTAMP", "\"2026-01-31T12:34:56.Z\"", "wrong type"),
    ("TIMESTAMP", "\"12:34:56\"", "wrong type"),
    (
        "TIMESTAMP",
        "1769862896",
        "wrong type: column x is TIMESTAMP, found 1769862896; a number is taken by TIMESTAMP_SECONDS, \
         TIMESTAMP_MILLIS and TIMESTAMP_MICROS",
    ),
    (
        "TIMESTAMP",
        "\"1769862896\"",
        "wrong type: column x is TIMESTAMP, found \"1769862896\"; a number is taken by TIMESTAMP_SECONDS, ",
    ),
    (
        "TIMESTAMP_NTZ",
        "1769862896",
        "wrong type: column x is TIMESTAMP_NTZ, found 1769862896; a number is taken by ",
    ),
    (
        "TIMESTAMP",
        "\"2026-03-29 02:30:00 Europe/Paris\"",
        "wrong type: column x is TIMESTAMP, found \"2026-03-29 02:30:00 Europe/Paris\"; there is no such local time, ",
    ),
    (
        "TIMESTAMP",
        "\"2026-10-25 02:30:00 Europe/Paris\"",
        "wrong type: column x is TIMESTAMP, found \"2026-10-25 02:30:00 Europe/Paris\"; there are two such local times, ",
    ),
    (
        "TIMESTAMP",
        "\"2026-01-31T12:34+02:00[Europe/Paris]\"",
        "wrong type: column x is TIMESTAMP, found \"2026-01-31T12:34+02:00[Europe/Paris]\"; the time zone has another",
    ),
    (
        "TIMESTAMP_SECONDS",
        "1769862896123",
        "out of range: column x is TIMESTAMP_SECONDS, found 1769862896123",
    ),
    ("TIMESTAMP_SECONDS", "-62135596801", "out of range"),
    ("TIMESTAMP_SECONDS", "253402300800", "out of range"),
    ("TIMESTAMP_MICROS", "1e400", "out of range"),
    ("TIMESTAMP_MILLIS", "NaN", "wrong type"),
    (
        "TIMESTAMP_MILLIS",
        "true",
        "wrong type: column x is TIMESTAMP_MILLIS, found true",
    ),
    ("TIMESTAMP_MILLIS", "\"soon\"", "wrong type"),
    ("TIMESTAMP_NTZ", "\"2026-01-31T12:34:56Z\"", "wrong type"),
    ("TIMESTAMP_NTZ", "\"2026-01-31T12:34Z\"", "wrong type"),
    ("BINARY", "\"AP8\"", "wrong type"),
    ("BINARY", "\"A?==\"", "wrong type"),
    ("ARRAY<INT>", "1", "wrong type: column x is ARRAY<INT>"),
    (
        "ARRAY<INT>",
        "[1, \"a\"]",
        "wrong type: column x[] is INT, found \"a\"",
    ),
    ("ARRAY<INT>", "[1,]", "not JSON: expected a value"),
    ("ARRAY<INT>", "[1 2]", "not JSON: expected `,` or `]`"),
    ("STRUCT<a: INT, b: STRING>", "[]", "wrong type"),
    (
        "STRUCT<a: INT, b: STRING>",
        r#"{"a":{},"b":"x"}"#,
        "wrong type: column x.a is INT, found {}",
    ),
    (
        "STRUCT<a: INT, b: STRING>",
        r#"{"a":1,}"#,
        "not JSON: expected a key in quotes",
    ),
    (
        "STRUCT<a: INT NOT NULL>",
        "{}",
        "missing value: column x.a is NOT NULL",
    ),
];

/// Good records of `x STRING, n INT`, each with its row.
const GOOD_RECORDS: &[(&str, [&str; 2])] = &[
    ("{}", ["NULL", "NULL"]),
    (" \t\r\n{ \"x\" : \"a\" , \"n\" : 1 } \n", ["a", "1"]),
    (r#"{"n":1,"x":"a","n":2}"#, ["a", "2"]),
    (r#"{"n":"no number","n":2}"#, ["NULL", "2"]),
    (r#"{"n":2,"n":null}"#, ["NULL", "NULL"]),
    (r#"{"\u006e":3,"\u0078":"b"}"#, ["b", "3"]),
    (r#"{"N":1,"X":"a"}"#, ["NULL", "NULL"]),
    (
        r#"{"unknown":{"n":1,"x":["a",{"n":[]}]},"n":4}"#,
        ["NULL", "4"],
    ),
    (r#"{"unknown":"\ud83d","\ud83d":1,"n":5}"#, ["NULL", "5"]),
    (r#"{"unknown":1e999,"n":6}"#, ["NULL", "6"]),
    (r#"{"":1,"n":7}"#, ["NULL", "7"]),
    (
        r#"{"unknown":NaN,"u":[Infinity,{"v":-Infinity}],"n":8}"#,
        ["NULL", "8"],
    ),
    (r#"{"n":9,"NaN":NaN}"#, ["NULL", "9"]),
    ("\u{feff}{\"n\":10}", ["NULL", "10"]),
    ("\u{feff} {\"x\":\"caf\\u00e9\",\"n\":11}", ["café", "11"]),
    (r#"{"x":1776,"n":12}"#, ["1776", "12"]),
];

/// Bad records of `x STRING, n INT`, each with the beginning of the reason.
const BAD_RECORDS: &[(&[u8], &str)] = &[
    (b"", "empty value"),
    (b" \n ", "empty value"),
    (b"null", "not an object: null"),
    (b"[1]", "not an object: [1]"),
    (b"\"x\"", "not an object: \"x\""),
    (b"12", "not an object: 12"),
    (b"hello", "not JSON: expected a value at byte 0"),
    (b"}", "not JSON: expected a value at byte 0"),
    (b"\xef\xbb\xbf", "empty value"),
    (
        b"\xef\xbb\xbf\xef\xbb\xbf{\"n\":1}",
        "not JSON: expected a value at byte 3",
    ),
    (
        b"\xef\xbb\xbf{\"n\":1]",
        "not JSON: expected `,` or `}` at byte 9",
    ),
    (b"\xef\xbb\xbf[1]", "not an object: [1]"),
    (
        b" \xef\xbb\xbf{\"n\":1}",
        "not JSON: expected a value at byte 1",
    ),
    (b"\xef\xbb", "not JSON: expected a value at byte 0"),
    (
        b"\0\0\0\x01\x02{\"n\":1}",
        "not JSON: begins with a schema registry's prefix (a zero byte and the id of schema 258)",
    ),
    (
        b"\0\0\0\0\x07\x02\xff\xf0",
        "not JSON: begins with a schema registry's prefix (a zero byte and the id of schema 7)",
    ),
    (b"\0\0\0\x01", "not JSON: expected a value at byte 0"),
    (b"NaN", "not an object: NaN"),
    (b"-Inf", "truncated"),
    (b"{\"n\":-I", "truncated"),
    (b"{\"n\":N", "truncated"),
    (b"{", "truncated: ends at byte 1"),
    (b"{\"n\"", "truncated"),
    (b"{\"n\":", "truncated"),
    (b"{\"n\":1", "truncated"),
    (b"{\"n\":1,", "truncated"),
    (b"{\"x\":\"a", "truncated"),
    (b"{\"x\":\"a\\", "truncated"),
    (b"{\"x\":\"a\\u00", "truncated"),
    (b"{\"x\":\"\xc3", "truncated"),
    (b"{\"x\":tr", "truncated"),
    (b"[1", "truncated"),
    (
        b"{\"n\":1}{\"n\":2}",
        "more than one value: the first ends before byte 7",
    ),
    (b"{\"n\":1} {\"n\":2}", "more than one value"),
    (b"{\"n\":1}}", "more than one value"),
    (b"{\"n\":1},", "more than one value"),
    (b"{\"n\":1}\0", "more than one value"),
    (b"{\"n\" 1}", "not JSON: expected `:` at byte 5"),
    (b"{\"n\":1 \"x\":\"a\"}", "not JSON: expected `,` or `}`"),
    (b"{\"n\":1,}", "not JSON: expected a key in quotes"),
    (b"{,\"n\":1}", "not JSON: expected a key in quotes"),
    (b"{n:1}", "not JSON: expected a key in quotes"),
    (b"{'n':1}", "not JSON: expected a key in quotes"),
    (b",\"n\":1}", "not JSON: expected a value at byte 0"),
    (b"{\"n\":}", "not JSON: expected a value"),
    (b"{\"n\":1]", "not JSON: expected `,` or `}`"),
    (b"{\"n\":1,\"u\":[1}}", "not JSON: expected `,` or `]`"),
    (b"{\"n\":1,\"u\":01}", "not JSON"),
    (
        b"{\"n\":1,\"u\":\"\x01\"}",
        "not JSON: expected no bare control character",
    ),
    (
        b"{\"n\":1,\"u\":\"\\q\"}",
        "not JSON: expected an escape that JSON knows",
    ),
    (b"{\"n\":1/**/}", "not JSON"),
    (b"{\"x\":\"\xff\",\"n\":1}", "not UTF-8: byte 6"),
    (b"{\"u\":\"\xc0\xaf\",\"n\":1}", "not UTF-8: byte 6"),
    (b"{\"u\":\"\xed\xa0\x80\",\"n\":1}", "not UTF-8: byte 6"),
    (b"{\"\xff\":1,\"n\":1}", "not UTF-8: byte 2"),
    (b"{\"u\":\"\xff\"}", "not UTF-8: byte 6"),
    (b"{\"u\":\"abcdefgh\xff\"}", "not UTF-8: byte 14"),
    (b"{\"u\":\"\xffabcdefghijklmn\"}", "not UTF-8: byte 6"),
    (b"{\"u\":\"\xff\\n\"}", "not UTF-8: byte 6"),
    (b"\xff\xfe{", "not UTF-8: byte 0"),
    (b"{\"n\":1}\xff", "not UTF-8: byte 7"),
    (
        b"{\"n\":\"a\",\"x\":\"b\"}",
        "wrong type: column n is INT, found \"a\"",
    ),
    (
        b"{\"x\":\"b\",\"n\":\"a\"}",
        "wrong type: column n is INT, found \"a\"",
    ),
];

/// Runs the table against `decode`.
fn check(decode: AnyDecoder) {
    for (sql_type, json, expected) in GOOD_VALUES {
        for record in value_records(json) {
            check_one(
                decode,
                &format!("x {sql_type}, n INT"),
                &record,
                Ok(&[expected, "5"]),
            );
        }
    }
    for (sql_type, json, reason) in BAD_VALUES {
        for record in value_records(json) {
            check_one(
                decode,
                &format!("x {sql_type}, n INT"),
                &record,
                Err(reason),
            );
        }
    }
    for (record, row) in GOOD_RECORDS {
        check_one(decode, "x STRING, n INT", record.as_bytes(), Ok(row));
    }
    for (record, reason) in BAD_RECORDS {
        check_one(decode, "x STRING, n INT", record, Err(reason));
    }
    for (levels, expected) in [(127, Ok(&["NULL", "5"][..])), (128, Err("nested too deep"))] {
        for (open, close) in [("[", "]"), ("{\"u\":", "}")] {
            let inner = if open == "[" { "" } else { "1" };
            let nested = format!("{}{inner}{}", open.repeat(levels), close.repeat(levels));
            let record = format!(r#"{{"u":{nested},"n":5}}"#);
            check_one(decode, "x STRING, n INT", record.as_bytes(), expected);
        }
    }
}

/// Returns two records, with the value as the first and as the last one.
fn value_records(json: &str) -> [Vec<u8>; 2] {
    [
        format!(r#"{{"x":{json},"n":5}}"#).into_bytes(),
        format!(r#"{{"n":5,"x":{json}}}"#).into_bytes(),
    ]
}

/// Checks one record as the first, as the last and between good ones, so that it meets and leaves each state of the
/// decoder.
fn check_one(decode: AnyDecoder, ddl: &str, record: &[u8], expected: Result<&[&str], &str>) {
    let good = |n: u32| format!(r#"{{"n":{n}}}"#).into_bytes();
    let record = record.to_vec();
    let records = [
        record.clone(),
        good(1),
        record.clone(),
        record.clone(),
        good(2),
        record.clone(),
    ];
    let text = String::from_utf8_lossy(&record).into_owned();
    let results = decode(ddl, &records);
    assert_eq!(results.len(), records.len());
    for (i, result) in results.into_iter().enumerate() {
        let neighbour = match i {
            1 => Some("1"),
            4 => Some("2"),
            _ => None,
        };
        match (neighbour, &result, expected) {
            (Some(n), result, _) => assert_eq!(
                result.as_deref(),
                Ok(&["NULL".to_owned(), n.to_owned()][..]),
                "a neighbour of {text:?} as {ddl}"
            ),
            (None, Ok(row), Ok(expected)) => assert_eq!(row, expected, "{text:?} as {ddl}"),
            (None, Err(reason), Err(expected)) => assert!(
                reason.starts_with(expected),
                "{text:?} as {ddl}: {reason:?} instead of {expected:?}"
            ),
            (None, result, expected) => {
                panic!("{text:?} as {ddl}: {result:?} instead of {expected:?}")
            }
        }
    }
}

#[test]
fn table_of_cases_holds() {
    check(|ddl, records| {
        let mut decoder = decoder(ddl, &["x", "n"]);
        let results: Vec<_> = records
            .iter()
            .map(|record| decoder.push(record, &META))
            .collect();
        assert_eq!(
            decoder.len(),
            results.iter().filter(|result| result.is_ok()).count()
        );
        let mut rows = rows(&decoder.flush().unwrap()).into_iter();
        results
            .into_iter()
            .map(|result| match result {
                Ok(()) => Ok(rows.next().unwrap()),
                Err(defect) => Err(defect.to_string()),
            })
            .collect()
    });
}

#[test]
fn types_of_unread_columns_do_not_matter_but_syntax_does() {
    let mut decoder = decoder("x STRING, n INT", &["n"]);
    for (sql_type, json, reason) in BAD_VALUES {
        for record in value_records(json) {
            let result = decoder.push(&record, &META);
            if reason.starts_with("not JSON") {
                assert!(
                    matches!(result, Err(Defect::NotJson { .. })),
                    "{sql_type} {json}"
                );
            } else {
                assert_eq!(result, Ok(()), "{sql_type} {json}");
            }
        }
    }
}

#[test]
fn every_beginning_of_a_record_is_truncated() {
    let record = r#"{"x":"caf\u00e9 ü","a":[1.5e3,true,{"b":null}],"n":-7}"#.as_bytes();
    let mut decoder = decoder("x STRING, n INT", &["x", "n"]);
    for end in 1..record.len() {
        let result = decoder.push(&record[..end], &META);
        assert_eq!(result, Err(Defect::Truncated { at: end }), "{end}");
        decoder.push(record, &META).unwrap();
    }
    let batch = decoder.flush().unwrap();
    assert_eq!(batch.num_rows(), record.len() - 1);
    assert!(rows(&batch).iter().all(|row| row == &["café ü", "-7"]));
}

#[test]
fn excerpt_is_escaped_and_cut() {
    let mut decoder = decoder("n INT", &["n"]);
    let record = format!("{{\"n\":\"\u{9b}31m\u{202e}{}\"}}", "x".repeat(100));
    let defect = decoder.push(record.as_bytes(), &META).unwrap_err();
    assert_eq!(
        defect.to_string(),
        format!(
            "wrong type: column n is INT, found \"\\u{{9b}}31m\\u{{202e}}{}…",
            "x".repeat(34)
        )
    );
}

#[test]
fn a_number_in_other_words_is_not_told_to_be_of_the_type_that_it_has() {
    let mut decoder = decoder("x TIMESTAMP_SECONDS", &["x"]);
    let defect = decoder.push(br#"{"x":" 7 "}"#, &META).unwrap_err();
    assert_eq!(
        defect.to_string(),
        r#"wrong type: column x is TIMESTAMP_SECONDS, found " 7 ""#
    );
}

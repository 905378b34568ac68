//! Checks what must hold when the decoder reads records of any bytes: it never panics and always ends, a bad record
//! leaves no trace, and it accepts the syntax that serde_json accepts (and also a byte-order mark and bare `NaN`,
//! `Infinity` and `-Infinity`).
//!
//! An input is records that are separated by the byte 0xFF, which occurs in no text.

use std::sync::OnceLock;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use consumer::format::json::{Decoder, Defect};
use consumer::format::metadata::RecordMeta;
use consumer::schema::TableSchema;
use serde::de::IgnoredAny;

/// The schema: a column of each type that SCHEMA knows, some of them nested.
const DDL: &str = "\
s STRING, b BOOLEAN, t TINYINT, m SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, c DECIMAL(12,2), \
w DECIMAL(38,38), y DATE, ts TIMESTAMP, n TIMESTAMP_NTZ, x BINARY, a ARRAY<INT>, \
o STRUCT<p: STRING, q: ARRAY<STRUCT<r: DECIMAL(4,2), u: STRING>>>, k BIGINT NOT NULL, \
es TIMESTAMP_SECONDS, em ARRAY<TIMESTAMP_MILLIS>, eu TIMESTAMP_MICROS, j STRING";

/// A good record; [`GOOD_ROW`] is its row.
const GOOD: &[u8] = br#"{"s":"a\u00e9b and more than a view holds","b":true,"t":-128,"m":"7","i":3.0,
"l":9007199254740993,"f":0.5,"d":-1.5e3,"c":12.5,"w":"0.1","y":"2026-01-31","ts":"2026-01-31T12:00:00+01:00",
"n":"2026-01-31T12:00:00","x":"AP8=","a":[1,null],"o":{"q":[{"u":"v","r":1.5}],"p":null},"k":42,
"es":1769860800.25,"em":[1769860800250],"eu":"1769860800250000","j":[true, -Infinity]}"#;
const GOOD_ROW: [&str; 21] = [
    "aéb and more than a view holds",
    "true",
    "-128",
    "7",
    "3",
    "9007199254740993",
    "0.5",
    "-1500.0",
    "12.50",
    "0.10000000000000000000000000000000000000",
    "2026-01-31",
    "2026-01-31T11:00:00Z",
    "2026-01-31T12:00:00",
    "00ff",
    "[1, NULL]",
    "{p: NULL, q: [{r: 1.50, u: v}]}",
    "42",
    "2026-01-31T12:00:00.250Z",
    "[2026-01-31T12:00:00.250Z]",
    "2026-01-31T12:00:00.250Z",
    "[true, -Infinity]",
];

/// Decodes `input` and panics when a property does not hold.
pub fn check(input: &[u8]) {
    let mut together = decoder(&ALL);
    let mut syntax = decoder(&[]);
    let mut expected = Vec::new();
    for record in input.split(|&byte| byte == 0xff) {
        check_syntax(&mut syntax, record);
        let before = (together.len(), together.bytes());
        if together.push(record, &META).is_ok() {
            assert!(syntax.push(record, &META).is_ok(), "no object");
            // The record is decoded again as a first record, so that no other record can help.
            let mut alone = decoder(&ALL);
            alone.push(record, &META).expect("good as before");
            expected.push(alone.flush().expect("a batch"));
        } else {
            let after = (together.len(), together.bytes());
            assert_eq!(after, before, "a bad record is counted");
        }
        for good_one in [GOOD, plain()] {
            together.push(good_one, &META).expect("a good record");
            expected.push(good().clone());
        }
    }
    let together = together.flush().expect("a batch");
    assert_eq!(together.num_rows(), expected.len());
    for (row, expected) in expected.iter().enumerate() {
        assert_eq!(&together.slice(row, 1), expected, "row {row}");
    }
}

/// The indexes of all columns of [`DDL`].
const ALL: [usize; GOOD_ROW.len()] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
];

fn decoder(columns: &[usize]) -> Decoder {
    static SCHEMA: OnceLock<TableSchema> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| TableSchema::parse(DDL).expect("a schema"));
    Decoder::new(schema, columns).expect("columns of the table")
}

/// Returns [`GOOD`] without escapes and line breaks, which is how most records look.
fn plain() -> &'static [u8] {
    static PLAIN: OnceLock<Vec<u8>> = OnceLock::new();
    PLAIN.get_or_init(|| {
        let text = String::from_utf8_lossy(GOOD);
        text.replace("\\u00e9", "é").replace('\n', "").into_bytes()
    })
}

/// Returns the batch that holds only [`GOOD`], after checking that its row is the one written by hand.
fn good() -> &'static RecordBatch {
    static BATCH: OnceLock<RecordBatch> = OnceLock::new();
    BATCH.get_or_init(|| {
        let mut alone = decoder(&ALL);
        alone.push(GOOD, &META).expect("a good record");
        let batch = alone.flush().expect("a batch");
        assert_eq!(row(&batch), GOOD_ROW);
        batch
    })
}

/// Checks that a decoder that reads no column takes a record exactly when serde_json takes it for one object. For that,
/// numbers replace the bare words that are floats, and a byte-order mark is removed. A record that is nested too deep
/// is not compared, since serde_json counts no levels of what it skips.
fn check_syntax(decoder: &mut Decoder, record: &[u8]) {
    let text = record.strip_prefix("\u{feff}".as_bytes()).unwrap_or(record);
    let text = str::from_utf8(text).ok().map(with_numbers_for_words);
    let object = text.is_some_and(|text| {
        let begun = text.trim_start_matches([' ', '\t', '\n', '\r']);
        begun.starts_with('{') && serde_json::from_str::<IgnoredAny>(&text).is_ok()
    });
    match decoder.push(record, &META) {
        Err(Defect::TooDeep { .. }) => {}
        taken => assert_eq!(taken.is_ok(), object, "{taken:?}"),
    }
}

/// Returns `text` with ` 0 ` in place of each bare word outside of strings. The blanks prevent the number from joining
/// what is around it.
fn with_numbers_for_words(text: &str) -> String {
    let mut with_numbers = String::new();
    let mut rest = text;
    let mut in_string = false;
    while let Some(letter) = rest.chars().next() {
        let mut words = ["NaN", "Infinity", "-Infinity"].into_iter();
        if !in_string && let Some(word) = words.find(|word| rest.starts_with(word)) {
            with_numbers += " 0 ";
            rest = &rest[word.len()..];
            continue;
        }
        in_string ^= letter == '"';
        let escaped = match in_string && letter == '\\' {
            true => rest[1..].chars().next().map_or(0, char::len_utf8),
            false => 0,
        };
        let (passed, behind) = rest.split_at(letter.len_utf8() + escaped);
        with_numbers += passed;
        rest = behind;
    }
    with_numbers
}

const META: RecordMeta<'static> = RecordMeta {
    topic: "t",
    partition: 0,
    offset: 0,
    timestamp_ms: None,
    key: None,
    headers: &[],
};

/// Returns the values of a batch's first row in Arrow's text form.
fn row(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL");
    let columns = batch.columns().iter();
    let shown = columns.map(|column| {
        let formatter = ArrayFormatter::try_new(column, &options).expect("values that are shown");
        formatter.value(0).to_string()
    });
    shown.collect()
}

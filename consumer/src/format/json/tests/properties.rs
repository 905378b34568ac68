//! Tests the decoder against serde_json, and against the model from which records were made.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value as Json;

use arrow::datatypes::{Float64Type, Int64Type};

use super::*;

/// Returns whether serde_json reads the record as one object, with a number in place of each `NaN`, `Infinity` and
/// `-Infinity` without quotes. serde_json ignores the values, as the decoder does when no column is read: without
/// regard to the ranges of numbers and to surrogates.
fn is_object(record: &[u8]) -> bool {
    let text = record.strip_prefix("\u{feff}".as_bytes()).unwrap_or(record);
    let text = str::from_utf8(text).ok().map(with_numbers_for_words);
    text.is_some_and(|text| {
        text.trim_start_matches([' ', '\t', '\n', '\r'])
            .starts_with('{')
            && serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok()
    })
}

/// Returns `text` with ` 0 ` in place of each of these words outside of strings. The blanks keep the number from
/// joining what is around it.
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

/// Makes JSON text, with blanks and escapes wherever they are allowed.
fn json() -> impl Strategy<Value = String> {
    let blank = || select(vec!["", "", "", " ", "\n\t", "\r  "]);
    let string = prop_oneof![
        "[a-z]{0,12}",
        "[a-zé東😀 ]{0,20}",
        "([a-z]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,12}",
    ]
    .prop_map(|inside| format!("\"{inside}\""))
    .boxed();
    let leaf = prop_oneof![
        select(vec![
            "null",
            "true",
            "false",
            "0",
            "-1",
            "1e400",
            "{}",
            "[]",
            "NaN",
            "Infinity",
            "-Infinity"
        ])
        .prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        string.clone(),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        let padded = (blank(), inner, blank()).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
        let member = (blank(), string.clone(), blank(), padded.clone())
            .prop_map(|(a, key, b, value)| format!("{a}{key}{b}:{value}"));
        prop_oneof![
            vec(padded, 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// Makes a value such as most records have: a text of up to some hundred bytes, a number, or a word.
fn alike() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[ -!#-\\[\\]-~]{0,40}".prop_map(|text| format!("\"{text}\"")),
        1 => "[a-zé東]{60,150}".prop_map(|text| format!("\"{text}\"")),
        1 => "[0-9]{1,4}\\.[0-9]{2}".prop_map(|number| format!("1{number}")),
        1 => json(),
        1 => select(vec!["null", "0", "[]", "NaN", "-Infinity"]).prop_map(str::to_owned),
    ]
}

/// One change to a record's bytes.
#[derive(Clone, Debug)]
enum Mutation {
    Set(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
    Double(Index, Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let byte = || {
        let telling =
            b"{}[],:\"\\0123456789eE+-. \t\n\x00\x1f\x7ftrufalsnNaIi/\xc3\xa9\xff\xf0\xed\xa0"
                .to_vec();
        prop_oneof![4 => select(telling), 1 => any::<u8>()]
    };
    prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (any::<Index>(), byte()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        any::<Index>().prop_map(Mutation::Remove),
        any::<Index>().prop_map(Mutation::Cut),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Mutation::Double(from, to)),
    ]
}

fn mutate(record: &mut Vec<u8>, mutation: &Mutation) {
    if record.is_empty() {
        return;
    }
    let length = record.len();
    match mutation {
        Mutation::Set(at, byte) => record[at.index(length)] = *byte,
        Mutation::Insert(at, byte) => record.insert(at.index(length + 1), *byte),
        Mutation::Remove(at) => drop(record.remove(at.index(length))),
        Mutation::Cut(at) => record.truncate(at.index(length)),
        Mutation::Double(from, to) => {
            let piece = record[from.index(length)..].to_vec();
            record.splice(to.index(length).., piece);
        }
    }
}

/// A record's fields as they are written, some of them twice, together with what they mean.
#[derive(Clone, Debug)]
enum Field {
    Text(String),
    Integer(i64),
    Double(f64),
    Boolean(bool),
    Null,
}

impl Field {
    fn json(&self) -> String {
        match self {
            Self::Text(text) => Json::from(text.as_str()).to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Double(number) => format!("{number:e}"),
            Self::Boolean(truth) => truth.to_string(),
            Self::Null => "null".to_owned(),
        }
    }
}

/// The columns of the records that are made below.
const DDL: &str = "s STRING, i BIGINT, d DOUBLE, b BOOLEAN, `k,\"ü` STRING";
const NAMES: [&str; 5] = ["s", "i", "d", "b", "k,\"ü"];

fn field() -> impl Strategy<Value = (&'static str, Field)> {
    let text = || prop_oneof!["\\PC{0,30}", "[\\x00-\\x7f\"\\\\]{0,30}"];
    let finite = any::<f64>().prop_filter("JSON has no others", |number| number.is_finite());
    prop_oneof![
        text().prop_map(|text| ("s", Field::Text(text))),
        any::<i64>().prop_map(|number| ("i", Field::Integer(number))),
        finite.prop_map(|number| ("d", Field::Double(number))),
        any::<bool>().prop_map(|truth| ("b", Field::Boolean(truth))),
        text().prop_map(|text| ("k,\"ü", Field::Text(text))),
        select(NAMES.to_vec()).prop_map(|name| (name, Field::Null)),
        (select(vec!["", "x", "s2", "I"]), text())
            .prop_map(|(name, text)| (name, Field::Text(text))),
    ]
}

/// Writes a key as it is, or with each character as an escape.
fn key(name: &str, escaped: bool) -> String {
    if !escaped {
        return Json::from(name).to_string();
    }
    let units = name.encode_utf16();
    let inside = units.fold(String::new(), |mut inside, unit| {
        let _ = write!(inside, "\\u{unit:04X}");
        inside
    });
    format!("\"{inside}\"")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn syntax_is_what_serde_json_takes(
        records in vec((json(), vec(mutation(), 0..3)), 1..4),
        read_none: bool,
    ) {
        // The column is one that no record has. Each record is scanned as if a column were read.
        let columns = if read_none { &[][..] } else { &["absent column"][..] };
        let mut decoder = decoder("`absent column` INT", columns);
        for (text, mutations) in records {
            let mut record = text.into_bytes();
            for mutation in &mutations {
                mutate(&mut record, mutation);
            }
            let taken = decoder.push(&record, &META);
            prop_assert_eq!(
                taken.is_ok(),
                is_object(&record),
                "{:?}: {:?}",
                String::from_utf8_lossy(&record),
                taken
            );
        }
    }

    #[test]
    fn a_record_like_the_one_before_is_read_as_if_it_were_the_first(
        fields in vec(("[a-z]{1,20}", alike()), 1..9),
        mutations in vec(vec(mutation(), 0..3), 1..9),
    ) {
        let ddl = "a STRING, b STRING, c STRING";
        let names = ["a", "b", "c"];
        let members: Vec<_> = fields
            .iter()
            .enumerate()
            .map(|(i, (key, value))| format!("\"{}\":{value}", names.get(i / 2).unwrap_or(&&**key)))
            .collect();
        let first = format!("{{{}}}", members.join(",")).into_bytes();
        let mut warm = decoder(ddl, &names);
        let _ = warm.push(&first, &META);
        let _ = warm.flush();
        for mutations in mutations {
            let mut record = first.clone();
            for mutation in &mutations {
                mutate(&mut record, mutation);
            }
            let mut cold = decoder(ddl, &names);
            let taken = warm.push(&record, &META);
            prop_assert_eq!(&taken, &cold.push(&record, &META));
            prop_assert_eq!(rows(&warm.flush().unwrap()), rows(&cold.flush().unwrap()));
            // A number is not a text. But every record that is taken is JSON, and every record that is refused for its
            // syntax is not.
            prop_assert!(is_object(&record) || taken.is_err());
            prop_assert_eq!(is_object(&record), decoder(ddl, &[]).push(&record, &META).is_ok());
        }
    }

    #[test]
    fn values_are_those_that_records_were_made_of(
        records in vec(vec((field(), any::<bool>(), select(vec!["", " ", "\n"])), 0..9), 1..12),
    ) {
        let mut decoder = decoder(DDL, &NAMES);
        let mut expected: Vec<BTreeMap<&str, Field>> = Vec::new();
        for fields in &records {
            let members: Vec<_> = fields
                .iter()
                .map(|((name, value), escaped, blank)| {
                    format!("{blank}{}{blank}:{blank}{}{blank}", key(name, *escaped), value.json())
                })
                .collect();
            let record = format!("{{{}}}", members.join(","));
            prop_assert_eq!(decoder.push(record.as_bytes(), &META), Ok(()), "{}", record);
            expected.push(fields.iter().map(|((name, value), ..)| (*name, value.clone())).collect());
        }
        let batch = decoder.flush().unwrap();
        prop_assert_eq!(batch.num_rows(), expected.len());
        for (row, fields) in expected.iter().enumerate() {
            for (name, column) in NAMES.iter().zip(batch.columns()) {
                let value = fields.get(name).cloned().unwrap_or(Field::Null);
                if matches!(value, Field::Null) {
                    prop_assert!(column.is_null(row));
                    continue;
                }
                prop_assert!(column.is_valid(row));
                match value {
                    Field::Text(text) => prop_assert_eq!(column.as_string_view().value(row), text),
                    Field::Integer(number) => {
                        prop_assert_eq!(column.as_primitive::<Int64Type>().value(row), number);
                    }
                    Field::Double(number) => {
                        let read = column.as_primitive::<Float64Type>().value(row);
                        prop_assert_eq!(read.to_bits(), number.to_bits());
                    }
                    Field::Boolean(truth) => prop_assert_eq!(column.as_boolean().value(row), truth),
                    Field::Null => {}
                }
            }
        }
    }

    #[test]
    fn strings_are_what_serde_json_reads(text in "([a-zé]|\\\\[\"\\\\/bfnrt]|\\\\u(d[89abcdef]|[0-9a-f]{2})[0-9a-f]{2}){0,10}") {
        let record = format!(r#"{{"s":"{text}"}}"#);
        let mut decoder = decoder(DDL, &["s"]);
        prop_assert_eq!(decoder.push(record.as_bytes(), &META), Ok(()));
        let batch = decoder.flush().unwrap();
        let read = batch.column(0).as_string_view().value(0);
        match serde_json::from_str::<Json>(&record) {
            Ok(expected) => prop_assert_eq!(Some(read), expected["s"].as_str(), "{}", text),
            // The text has half a surrogate, which serde_json refuses.
            Err(_) => prop_assert!(read.contains('\u{fffd}'), "{}", text),
        }
    }

    #[test]
    fn surrogates_are_what_utf_16_has(units in vec(prop_oneof![0xd7f0..0xe010u16, 0x20..0x7fu16, any::<u16>()], 0..8)) {
        let inside = units.iter().fold(String::new(), |inside, unit| inside + &format!("\\u{unit:04x}"));
        let record = format!(r#"{{"s":"{inside}"}}"#);
        let mut decoder = decoder(DDL, &["s"]);
        prop_assert_eq!(decoder.push(record.as_bytes(), &META), Ok(()));
        let batch = decoder.flush().unwrap();
        prop_assert_eq!(batch.column(0).as_string_view().value(0), String::from_utf16_lossy(&units));
    }

    #[test]
    fn bad_records_leave_the_good_ones_as_they_are(
        records in vec((any::<i64>(), "[a-z]{0,20}", vec(mutation(), 0..2)), 1..20),
    ) {
        let names = ["l", "i", "s"];
        let ddl = "s STRING, i BIGINT, l ARRAY<STRUCT<a: STRING, b: BIGINT>>";
        let (mut together, mut good) = (decoder(ddl, &names), Vec::new());
        for (number, text, mutations) in &records {
            let record = format!(
                r#"{{"l":[{{"a":"{text}","b":{number}}},{{"b":1}}],"u":[{number}],"s":"{text}","i":{number}}}"#
            );
            let mut record = record.into_bytes();
            for mutation in mutations {
                mutate(&mut record, mutation);
            }
            if together.push(&record, &META).is_ok() {
                good.push(record);
            }
        }
        let together = rows(&together.flush().unwrap());
        prop_assert_eq!(together.len(), good.len());
        for (row, record) in together.iter().zip(&good) {
            // serde_json refuses 1e999, even if nobody reads it.
            let Ok(json) = serde_json::from_slice::<Json>(record) else {
                continue;
            };
            let number = |json: &Json| match json {
                Json::Null => "NULL".to_owned(),
                Json::String(quoted) => quoted.parse::<i64>().map_or(String::new(), |n| n.to_string()),
                number => number.as_i64().map_or(String::new(), |n| n.to_string()),
            };
            let read = number(&json["i"]);
            // A mutation may have turned a number into `1e3`, which serde_json does not read as an integer.
            prop_assert!(read.is_empty() || row[1] == read, "{:?} {:?}", row, json);
            match &json["s"] {
                Json::Null => prop_assert_eq!(&row[2], "NULL"),
                Json::String(text) => prop_assert_eq!(&row[2], text),
                // The text is the value's JSON as it stands, which is the same value.
                other => prop_assert_eq!(&serde_json::from_str::<Json>(&row[2]).unwrap(), other),
            }
            prop_assert_eq!(&row[0] == "NULL", json["l"].is_null());
        }
    }
}

//! Infers a schema from a topic's first records if no SCHEMA is given. It reads the records as the decoder does.
//!
//! | seen | column |
//! |---|---|
//! | whole numbers | `BIGINT`; `DECIMAL(38,0)` if one is larger |
//! | numbers with at most six digits behind the point | `DECIMAL(18,s)`, s the most digits seen, at least 2 |
//! | other numbers (exponents, more digits, NaN, infinities) | `DOUBLE` |
//! | strings, all of them points in time | `TIMESTAMP`; without a time zone `TIMESTAMP_NTZ` |
//! | strings, all of them `YYYY-MM-DD` | `DATE` |
//! | strings | `STRING` |
//! | `true`, `false` | `BOOLEAN` |
//! | arrays, objects | `ARRAY`, `STRUCT` of what is in them |
//! | several of these | what nine in ten are; else `STRING`, which takes any value as its text |
//!
//! A number that looks like a point in time is a number, because its unit is not known. Columns stand in the order in
//! which they were first seen. A field that cannot be a column is left out and named with the reason, so that the error
//! of a query which reads it can state that reason. No guess turns the records that were seen here into bad records,
//! except for the few whose values differ from nine in ten. Later records may of course hold values that the first ones
//! did not.

use std::collections::HashMap;

use arrow::datatypes::Field;
use thiserror::Error;

use super::scan::Scanner;
use crate::format::framing;
use crate::number::counted;
use crate::schema::TableSchema;
use seen::{Objects, SeenKind, Texts, Value};

mod left_out;
mod number;
mod seen;

pub use left_out::{Noted, Notes};

/// The number of records that are worth looking at. Callers need not give more.
pub const SAMPLES: usize = 1000;

/// A field is of the kind that has this many times as many values as all other kinds together.
const OUTWEIGHS: usize = 9;

/// A schema inferred from records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inferred {
    /// The inferred table schema.
    pub schema: TableSchema,
    /// The fields of the records that are not in the schema.
    pub left_out: Notes,
    /// The columns, and fields in them, that are STRING because their values are of several kinds.
    pub as_text: Notes,
    /// The number of records that the schema comes from.
    pub samples: usize,
    /// The number of records that were ignored because they are not JSON objects or differ from the others.
    pub bad: usize,
}

/// The reason why there is no schema.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InferError {
    /// No records were given.
    #[error(
        "SCHEMA cannot be inferred: there are no records yet; give it, as in `card_brand STRING, amount DECIMAL(12,2)`"
    )]
    NoRecords,
    /// None of the records is a JSON object.
    #[error(
        "SCHEMA cannot be inferred: of the first {} none is a JSON object; is TOPIC the right one?",
        counted(*.bad as u64, "record")
    )]
    NoneGood {
        /// The number of records that were given.
        bad: usize,
    },
    /// All records begin with the prefix that a schema registry's serializers write.
    #[error(
        "SCHEMA cannot be inferred: all of the first {} begin with a schema registry's prefix (a zero byte and the id of \
         schema {schema_id}), which is not read; have their producer write JSON without it, as Kafka's JsonConverter \
         and JsonSerializer do",
        counted(*.bad as u64, "record")
    )]
    RegistryPrefix {
        /// The number of records that were given.
        bad: usize,
        /// The id of the first record's schema.
        schema_id: u32,
    },
    /// No field of the records has a type.
    #[error(
        "SCHEMA cannot be inferred: in the first {} no field can be a column; give it",
        counted(*.samples as u64, "record")
    )]
    NoColumns {
        /// The number of good records.
        samples: usize,
    },
}

/// Infers a schema from the values of records, given from the first on. [`SAMPLES`] records are enough.
///
/// # Errors
/// Fails if no record is a JSON object with a field that can be a column.
pub fn infer<'a>(samples: impl IntoIterator<Item = &'a [u8]>) -> Result<Inferred, InferError> {
    let mut records = Vec::new();
    let mut not_json = Vec::new();
    for sample in samples {
        match record(sample) {
            Some(members) => records.push(members),
            None => not_json.push(sample),
        }
    }
    let (mut good, mut bad) = (0, not_json.len());
    let usual = Usual::of(&records);
    let mut seen = Objects::default();
    for members in records {
        if usual.fits(&members) {
            seen.add(members, 0);
            good += 1;
        } else {
            bad += 1;
        }
    }
    if good == 0 {
        let ids: Option<Vec<_>> = not_json
            .into_iter()
            .map(framing::registry_schema_id)
            .collect();
        return Err(match ids.as_deref() {
            Some([]) => InferError::NoRecords,
            Some([schema_id, ..]) => InferError::RegistryPrefix {
                bad,
                schema_id: *schema_id,
            },
            None => InferError::NoneGood { bad },
        });
    }
    let (mut left_out, mut as_text) = (Notes::default(), Notes::default());
    let columns: Vec<Field> = seen.fields("", 0, &mut left_out, &mut as_text);
    if columns.is_empty() {
        return Err(InferError::NoColumns { samples: good });
    }
    Ok(Inferred {
        schema: TableSchema::new(columns),
        left_out,
        as_text,
        samples: good,
        bad,
    })
}

/// The members of an object, as names and values in their order.
type Members<'a> = Vec<(String, Value<'a>)>;

/// Returns the members of a record if the decoder would accept the record.
fn record(bytes: &[u8]) -> Option<Members<'_>> {
    let mut scanner = Scanner::new(bytes, framing::json_start(bytes));
    let members = members(&mut scanner, 1)?;
    scanner.is_done().then_some(members)
}

/// Returns the members of the object that begins at the place of `scanner`. The members stand inside `depth` objects
/// and arrays.
fn members<'a>(scanner: &mut Scanner<'a>, depth: u32) -> Option<Members<'a>> {
    let mut members = Vec::new();
    while let Some(key) = scanner.member(members.is_empty()).ok()? {
        let value = scanner.value(depth).ok()?;
        let record = scanner.record();
        let name = Value::new(record, key).text()?;
        members.push((name, Value::new(record, value)));
    }
    Some(members)
}

/// The kind of value that each field nearly always has. The few records that differ are bad, and one of them must not
/// decide that an amount is not a number. A field that is nearly always a text takes other values as well.
struct Usual(HashMap<String, SeenKind>);

impl Usual {
    fn of(records: &[Members<'_>]) -> Self {
        let mut counts: HashMap<&str, (HashMap<SeenKind, usize>, Texts)> = HashMap::new();
        for (name, value) in records.iter().flatten() {
            if let Some(kind) = value.kind() {
                let (kinds, texts) = counts.entry(name).or_default();
                *kinds.entry(kind).or_default() += 1;
                if kind == SeenKind::Text {
                    texts.add(value);
                }
            }
        }
        let usual = counts.into_iter().filter_map(|(name, (kinds, texts))| {
            let all: usize = kinds.values().sum();
            let (kind, count) = kinds.into_iter().max_by_key(|(_, count)| *count)?;
            let is_strict = kind != SeenKind::Text || texts.are_times();
            let is_usual = is_strict && count >= OUTWEIGHS * (all - count);
            is_usual.then(|| (name.to_owned(), kind))
        });
        Self(usual.collect())
    }

    fn fits(&self, members: &Members<'_>) -> bool {
        members.iter().all(|(name, value)| {
            let usual = self.0.get(name);
            value
                .kind()
                .is_none_or(|kind| usual.is_none_or(|usual| *usual == kind))
        })
    }
}

#[cfg(test)]
mod tests;

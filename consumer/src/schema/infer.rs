//! Infers a schema from a topic's first records, for whoever gives no SCHEMA.
//!
//! | seen | column |
//! |---|---|
//! | whole numbers | `BIGINT`; `DECIMAL(38,0)` if one is larger |
//! | numbers with at most six digits behind the point | `DECIMAL(18,s)`, s the most digits seen, at least 2 |
//! | other numbers (exponents, more digits) | `DOUBLE` |
//! | strings, all of them RFC 3339 date-times | `TIMESTAMP` |
//! | strings | `STRING` |
//! | `true`, `false` | `BOOLEAN` |
//! | arrays, objects | `ARRAY`, `STRUCT` of what is in them |
//!
//! Columns stand in the order in which they were first seen. What cannot be one column is left out and
//! named with its reason, so that a query which reads it can say so: never a guess that would make bad
//! records of good ones that were seen here. Later records may of course hold what the first did not.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

use super::{MAX_DEPTH, Names, TableSchema, metadata, timestamp};
use crate::number::counted;
use number::Numbers;

mod number;

/// How many records are worth looking at; callers need not give more.
pub const SAMPLES: usize = 1000;

/// A schema made from records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inferred {
    /// The columns.
    pub schema: TableSchema,
    /// What is in the records but not in the schema.
    pub left_out: Vec<LeftOut>,
    /// Records that the schema comes from.
    pub samples: usize,
    /// Records passed over because they are not JSON objects, or not like the others.
    pub bad: usize,
}

/// A field of the records that is no column, to be shown as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name, or the path to it.
    pub column: String,
    /// What is in the way, and how to mend it: `holds strings and numbers; give SCHEMA`.
    pub why: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column.as_str() {
            "" => write!(f, "a column {}", self.why),
            column => write!(f, "column {column} {}", self.why),
        }
    }
}

/// Why there is no schema.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InferError {
    /// No record was given.
    #[error(
        "SCHEMA cannot be inferred: there are no records yet; give it, as in `card_brand STRING, amount DECIMAL(12,2)`"
    )]
    NoRecords,
    /// No record is a JSON object.
    #[error(
        "SCHEMA cannot be inferred: of the first {} none is a JSON object; is TOPIC the right one?",
        counted(*.bad as u64, "record")
    )]
    NoneGood {
        /// How many were given.
        bad: usize,
    },
    /// No field has a type.
    #[error(
        "SCHEMA cannot be inferred: in the first {} no field can be a column; give it",
        counted(*.samples as u64, "record")
    )]
    NoColumns {
        /// How many records are good.
        samples: usize,
    },
}

/// Infers a schema from records' values, given from the first on; [`SAMPLES`] of them are enough.
///
/// # Errors
/// Without a record that is a JSON object with a field.
pub fn infer<'a>(samples: impl IntoIterator<Item = &'a [u8]>) -> Result<Inferred, InferError> {
    let mut seen = Objects::default();
    let (mut good, mut bad) = (0, 0);
    let mut objects = Vec::new();
    for sample in samples {
        match serde_json::from_slice::<Members>(sample) {
            Ok(members) => objects.push(members),
            Err(_) => bad += 1,
        }
    }
    let usual = Usual::of(&objects);
    for members in objects {
        if usual.fits(&members) {
            seen.add(members);
            good += 1;
        } else {
            bad += 1;
        }
    }
    if good == 0 {
        return Err(match bad {
            0 => InferError::NoRecords,
            _ => InferError::NoneGood { bad },
        });
    }
    let mut left_out = Vec::new();
    let columns = seen.fields("", 0, &mut left_out);
    if columns.is_empty() {
        return Err(InferError::NoColumns { samples: good });
    }
    Ok(Inferred {
        schema: TableSchema::new(columns),
        left_out,
        samples: good,
        bad,
    })
}

/// What kind of value each field nearly always has: the few records that differ are bad ones, and one
/// of them must not decide that an amount is no number.
struct Usual(HashMap<String, u8>);

impl Usual {
    /// So many times as many as all others together.
    const OUTWEIGHS: usize = 9;

    fn of(objects: &[Members<'_>]) -> Self {
        let mut counts: HashMap<&str, HashMap<u8, usize>> = HashMap::new();
        for (name, value) in objects.iter().flat_map(|members| &members.0) {
            if let Some(kind) = kind(value) {
                *counts.entry(name).or_default().entry(kind).or_default() += 1;
            }
        }
        let usual = counts.into_iter().filter_map(|(name, kinds)| {
            let all: usize = kinds.values().sum();
            let (kind, count) = kinds.into_iter().max_by_key(|(_, count)| *count)?;
            (count >= Self::OUTWEIGHS * (all - count)).then(|| (name.to_owned(), kind))
        });
        Self(usual.collect())
    }

    fn fits(&self, members: &Members<'_>) -> bool {
        members.0.iter().all(|(name, value)| {
            let usual = self.0.get(name);
            kind(value).is_none_or(|kind| usual.is_none_or(|usual| *usual == kind))
        })
    }
}

/// A letter for the kind of a value; none for null, which fits every kind.
fn kind(value: &RawValue) -> Option<u8> {
    match value.get().as_bytes().first() {
        None | Some(b'n') => None,
        Some(b'f') => Some(b't'),
        Some(first @ (b't' | b'"' | b'[' | b'{')) => Some(*first),
        Some(_) => Some(b'0'),
    }
}

/// What one field's values were so far.
#[derive(Debug)]
enum Seen {
    Null,
    Boolean,
    Number(Numbers),
    Text { instants: bool },
    List(Box<Seen>),
    Object(Objects),
    Mixed(&'static str, &'static str),
}

impl Seen {
    fn of(value: &RawValue) -> Self {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'"') => Self::Text {
                instants: is_instant(text),
            },
            Some(b'[') => {
                let mut item = Self::Null;
                for element in serde_json::from_str::<Vec<&RawValue>>(text).unwrap_or_default() {
                    item.merge(Self::of(element));
                }
                Self::List(Box::new(item))
            }
            Some(b'{') => {
                let mut objects = Objects::default();
                if let Ok(members) = serde_json::from_str::<Members>(text) {
                    objects.add(members);
                }
                Self::Object(objects)
            }
            _ => Self::Number(Numbers::of(text)),
        }
    }

    fn words(&self) -> &'static str {
        match self {
            Self::Null | Self::Mixed(..) => "nothing",
            Self::Boolean => "booleans",
            Self::Number(_) => "numbers",
            Self::Text { .. } => "strings",
            Self::List(_) => "arrays",
            Self::Object(_) => "objects",
        }
    }

    fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Mixed(..), _) | (_, Self::Null) | (Self::Boolean, Self::Boolean) => {}
            (Self::Null, other) => *self = other,
            (Self::Number(numbers), Self::Number(more)) => numbers.merge(more),
            (Self::Text { instants }, Self::Text { instants: more }) => *instants &= more,
            (Self::List(item), Self::List(more)) => item.merge(*more),
            (Self::Object(objects), Self::Object(more)) => objects.merge(more),
            (_, Self::Mixed(one, other)) => *self = Self::Mixed(one, other),
            (one, other) => *self = Self::Mixed(one.words(), other.words()),
        }
    }

    /// The type, or why there is none. `path` names the field, which stands in `depth` arrays and objects;
    /// parts of it that are left out go to `left_out`.
    fn data_type(
        &self,
        path: &str,
        depth: usize,
        left_out: &mut Vec<LeftOut>,
    ) -> Result<DataType, String> {
        match self {
            Self::List(_) | Self::Object(_) if depth == MAX_DEPTH => Err(format!(
                "holds more than {MAX_DEPTH} arrays and objects in one another"
            )),
            Self::Null => Err("holds only NULL".to_owned()),
            Self::Boolean => Ok(DataType::Boolean),
            Self::Number(numbers) => Ok(numbers.data_type()),
            Self::Text { instants: true } => Ok(timestamp()),
            Self::Text { instants: false } => Ok(DataType::Utf8View),
            Self::List(item) if matches!(**item, Self::Null) => {
                Err("holds only empty arrays".to_owned())
            }
            Self::List(item) => match item.data_type(&format!("{path}[]"), depth + 1, left_out) {
                Ok(item) => Ok(DataType::List(Arc::new(Field::new_list_field(item, true)))),
                Err(why) => Err(format!("holds arrays, of which each {why}")),
            },
            Self::Object(objects) => {
                let fields = objects.fields(&format!("{path}."), depth + 1, left_out);
                if fields.is_empty() {
                    return Err("holds objects without a field that could be a column".to_owned());
                }
                Ok(DataType::Struct(Fields::from(fields)))
            }
            Self::Mixed(one, other) => Err(format!("holds {one} and {other}")),
        }
    }
}

/// The fields of all objects seen in one place, in the order in which they came up.
#[derive(Debug, Default)]
struct Objects {
    fields: Vec<(String, Seen)>,
    places: HashMap<String, usize>,
}

impl Objects {
    fn add(&mut self, members: Members<'_>) {
        // Of equal keys the last counts, as in decoding.
        let mut last = Self::default();
        for (name, value) in members.0 {
            *last.field(name) = Seen::of(value);
        }
        self.merge(last);
    }

    fn merge(&mut self, other: Self) {
        for (name, seen) in other.fields {
            self.field(name).merge(seen);
        }
    }

    fn field(&mut self, name: String) -> &mut Seen {
        let end = self.fields.len();
        let place = *self.places.entry(name.clone()).or_insert(end);
        if place == end {
            self.fields.push((name, Seen::Null));
        }
        &mut self.fields[place].1
    }

    fn fields(&self, path: &str, depth: usize, left_out: &mut Vec<LeftOut>) -> Vec<Field> {
        let mut names = Names::new();
        let mut fields = Vec::new();
        for (name, seen) in &self.fields {
            let column = format!("{path}{name}");
            let data_type = if path.is_empty() && metadata::is_metadata(name) {
                Err("has the name of a column that each record has from Kafka".to_owned())
            } else if name.is_empty() {
                Err("has no name".to_owned())
            } else {
                seen.data_type(&column, depth, left_out)
                    .map_err(|why| format!("{why}; give SCHEMA"))
            };
            match data_type {
                Ok(data_type) if names.take(name) => {
                    fields.push(Field::new(name, data_type, true));
                }
                Ok(_) => left_out.push(LeftOut {
                    column,
                    why: "differs from another one only in upper and lower case".to_owned(),
                }),
                Err(why) => left_out.push(LeftOut { column, why }),
            }
        }
        fields
    }
}

/// Whether the JSON string `text` is a date and time with an offset.
fn is_instant(text: &str) -> bool {
    serde_json::from_str::<String>(text)
        .is_ok_and(|text| chrono::DateTime::parse_from_rfc3339(&text).is_ok())
}

/// An object's members as they stand.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests;

//! Why a record is bad: what the dead letter's header says, and what is counted.
//!
//! Texts are short and stable up to the first colon. A value's excerpt is escaped and cut, so that it
//! can be shown anywhere.

use std::fmt;

use thiserror::Error;

use super::scan::{Fault, Scanner};

/// Why a record cannot become a row. Positions count bytes of the value from 0; columns inside STRUCT
/// and ARRAY are named by their path, as in `card.brand` or `items[].price`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Defect {
    /// The value is empty, or blank.
    #[error("empty value")]
    Empty,
    /// The record is larger than what one batch of Arrow arrays, as full as it is, can take.
    #[error("too large: {bytes} bytes")]
    TooLarge {
        /// The length of the value, and of the headers if they are read.
        bytes: usize,
    },
    /// The value is not UTF-8.
    #[error("not UTF-8: byte {at}")]
    NotUtf8 {
        /// The first byte that is not.
        at: usize,
    },
    /// The value is not JSON.
    #[error("not JSON: expected {expected} at byte {at}")]
    NotJson {
        /// The first byte that cannot stand where it does.
        at: usize,
        /// What could.
        expected: &'static str,
    },
    /// The value begins as a schema registry's serializer writes it.
    #[error(
        "not JSON: begins with a schema registry's prefix (a zero byte and the id of schema {schema_id}); have the \
         producer write JSON without it"
    )]
    RegistryPrefix {
        /// The schema's id in the registry.
        schema_id: u32,
    },
    /// The value ends in the middle of its JSON.
    #[error("truncated: ends at byte {at}")]
    Truncated {
        /// The value's length.
        at: usize,
    },
    /// Something follows the object, such as another one.
    #[error("more than one value: the first ends before byte {at}")]
    Trailing {
        /// Where the second thing begins.
        at: usize,
    },
    /// The value is JSON, but not an object.
    #[error("not an object: {excerpt}")]
    NotAnObject {
        /// The value's beginning.
        excerpt: Excerpt,
    },
    /// Too many objects and arrays in one another.
    #[error("nested too deep: more than 128 levels at byte {at}")]
    TooDeep {
        /// The first bracket that is too much.
        at: usize,
    },
    /// A column that the query reads holds something that its type does not take.
    #[error("wrong type: column {column} is {expected}, found {excerpt}{hint}")]
    WrongType {
        /// The column.
        column: String,
        /// Its type, in DDL words.
        expected: String,
        /// The value's beginning.
        excerpt: Excerpt,
        /// What is in the way, if more than the type.
        hint: Hint,
    },
    /// A number that the column's type has no room for: too large, or too exact.
    #[error("out of range: column {column} is {expected}, found {excerpt}")]
    OutOfRange {
        /// The column.
        column: String,
        /// Its type, in DDL words.
        expected: String,
        /// The value's beginning.
        excerpt: Excerpt,
    },
    /// A column that is NOT NULL has no value.
    #[error("missing value: column {column} is NOT NULL")]
    MissingValue {
        /// The column.
        column: String,
    },
}

/// What makes a value one that a column cannot take, beside the column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// The type says all.
    None,
    /// A number is no time unless it is said what it counts.
    EpochUnit,
    /// A local time that a time zone's clocks never showed.
    SkippedTime,
    /// A local time that a time zone's clocks showed twice.
    RepeatedTime,
    /// A local time of a year for which a time zone's rules are not known.
    UnknownRules,
    /// An offset that is not the one which its time zone has then.
    OtherOffset,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "",
            Self::EpochUnit => {
                "; a number is taken by TIMESTAMP_SECONDS, TIMESTAMP_MILLIS and TIMESTAMP_MICROS"
            }
            Self::SkippedTime => "; there is no such local time, the clocks are put forward then",
            Self::RepeatedTime => {
                "; there are two such local times, the clocks are put back then: an offset tells which"
            }
            Self::UnknownRules => "; the time zone's rules are not known from 2100 on: an offset is needed",
            Self::OtherOffset => "; the time zone has another offset then",
        })
    }
}

impl Defect {
    /// What `fault` means for the record that `scanner` stands in. A record that is not UTF-8 is that,
    /// wherever else it is wrong, unless it was cut off in the middle of a character.
    #[cold]
    pub(super) fn from_fault(fault: Fault, scanner: &Scanner<'_>) -> Self {
        let at = scanner.at();
        if let Err(error) = str::from_utf8(scanner.record())
            && error.error_len().is_some()
        {
            let at = error.valid_up_to();
            return Self::NotUtf8 { at };
        }
        match fault {
            Fault::NotUtf8 => Self::NotUtf8 { at },
            Fault::TooDeep => Self::TooDeep { at },
            Fault::Expected(_) if scanner.rest().is_empty() => Self::Truncated { at },
            Fault::Expected(expected) => Self::NotJson {
                at,
                expected: expected.words(),
            },
        }
    }

    /// The record goes on where `scanner` stands, behind its end.
    #[cold]
    pub(super) fn trailing(scanner: &Scanner<'_>) -> Self {
        let at = scanner.at();
        match str::from_utf8(scanner.record()) {
            Ok(_) => Self::Trailing { at },
            Err(error) => Self::NotUtf8 {
                at: error.valid_up_to(),
            },
        }
    }
}

/// The beginning of a value, escaped, at most 40 characters of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    const CHARACTERS: usize = 40;

    pub(super) fn of(value: &str) -> Self {
        let mut excerpt = String::new();
        let mut letters = value.trim_start().chars();
        for letter in letters.by_ref().take(Self::CHARACTERS) {
            match letter {
                // Quotes and backslashes are as they stood; only what a terminal would obey is escaped.
                '"' | '\'' | '\\' => excerpt.push(letter),
                _ => excerpt.extend(letter.escape_debug()),
            }
        }
        if letters.next().is_some() {
            excerpt.push('…');
        }
        Self(excerpt)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

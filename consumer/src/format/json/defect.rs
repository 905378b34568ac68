//! The reasons why a record is bad. A dead letter's header states the reason, and bad records are counted by it.
//!
//! The texts are short, and stay the same up to the first colon. The excerpt of a value is escaped and cut, so that it
//! can be shown anywhere.

use std::fmt;

use thiserror::Error;

use super::scan::{Fault, Scanner};

/// The reason why a record cannot become a row. Positions count the bytes of the value from 0. A column inside STRUCT
/// and ARRAY is named by its path, as in `card.brand` or `items[].price`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Defect {
    /// The value is empty or has only blanks.
    #[error("empty value")]
    Empty,
    /// The record is too large for a batch of Arrow arrays that is as full as this one.
    #[error("too large: {bytes} bytes")]
    TooLarge {
        /// The length of the value and the key, and of the headers if they are read.
        bytes: usize,
    },
    /// The value is not UTF-8.
    #[error("not UTF-8: byte {at}")]
    NotUtf8 {
        /// The place of the first byte that is not UTF-8.
        at: usize,
    },
    /// The value is not JSON.
    #[error("not JSON: expected {expected} at byte {at}")]
    NotJson {
        /// The place of the first byte that JSON does not allow there.
        at: usize,
        /// The description of what JSON would allow there.
        expected: &'static str,
    },
    /// The value begins with the prefix that a schema registry's serializer writes.
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
    /// Something follows the object, for instance another object.
    #[error("more than one value: the first ends before byte {at}")]
    Trailing {
        /// The place where it begins.
        at: usize,
    },
    /// The value is JSON and not an object.
    #[error("not an object: {excerpt}")]
    NotAnObject {
        /// The value's beginning.
        excerpt: Excerpt,
    },
    /// The value has too many objects and arrays inside one another.
    #[error("nested too deep: more than 128 levels at byte {at}")]
    TooDeep {
        /// The place of the first bracket that is too deep.
        at: usize,
    },
    /// A column that the query reads holds a value that its type does not take.
    #[error("wrong type: column {column} is {expected}, found {excerpt}{hint}")]
    WrongType {
        /// The column.
        column: String,
        /// The column's type, in DDL words.
        expected: String,
        /// The value's beginning.
        excerpt: Excerpt,
        /// A further reason, if the type alone does not explain it.
        hint: Hint,
    },
    /// The column's type has no room for a number, which is too large or has too many digits.
    #[error("out of range: column {column} is {expected}, found {excerpt}")]
    OutOfRange {
        /// The column.
        column: String,
        /// The column's type, in DDL words.
        expected: String,
        /// The value's beginning.
        excerpt: Excerpt,
    },
    /// A NOT NULL column has no value.
    #[error("missing value: column {column} is NOT NULL")]
    MissingValue {
        /// The column.
        column: String,
    },
}

/// The reason why a column cannot take a value, besides the column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// The column's type explains everything.
    None,
    /// A number is a time only if the column's type gives the number's unit.
    EpochUnit,
    /// The value is a local time that the time zone's clocks never showed.
    SkippedTime,
    /// The value is a local time that the time zone's clocks showed twice.
    RepeatedTime,
    /// The value is a local time of a year for which the time zone's rules are not known.
    UnknownRules,
    /// The value's offset differs from the offset of its time zone at that time.
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
    /// Returns the defect that `fault` means for the record of `scanner`. A record that is not UTF-8 gets that defect,
    /// whatever else is wrong with it, unless it is cut off in the middle of a character.
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

    /// Returns the defect of a record that continues after its end, at the place of `scanner`.
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

/// The beginning of a value: at most 40 characters of it, escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    const CHARACTERS: usize = 40;

    pub(super) fn of(value: &str) -> Self {
        let mut excerpt = String::new();
        let mut letters = value.trim_start().chars();
        for letter in letters.by_ref().take(Self::CHARACTERS) {
            match letter {
                // Quotes and backslashes stay as they are. Only what a terminal would act upon is escaped.
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

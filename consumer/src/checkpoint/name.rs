//! The names of the objects of checkpoints.

use std::fmt::{self, Display, Formatter};

use chrono::{DateTime, Utc};

use super::fingerprint::Fingerprint;
use crate::position::{Offset, TopicPartition};

/// The folder of the checkpoints of one partition, under one query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Folder {
    /// The fingerprint of the query's identity.
    pub fingerprint: Fingerprint,
    /// The topic and the partition's number.
    pub partition: TopicPartition,
}

/// An object's name in its folder: the offset at which it ends, and the part of the state that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// The whole state.
    Base(Offset),
    /// The changes since another object.
    Delta(Offset),
}

impl Name {
    /// Returns the offset of the first record that is not in the state.
    pub fn next(self) -> Offset {
        match self {
            Self::Base(next) | Self::Delta(next) => next,
        }
    }

    /// Parses the name that is written as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, kind) = text.split_once('-')?;
        let next = Offset(digits.parse().ok()?);
        let name = match kind {
            "base" => Self::Base(next),
            "delta" => Self::Delta(next),
            _ => return None,
        };
        (name.to_string() == text).then_some(name)
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base(next) => write!(f, "{:020}-base", next.0),
            Self::Delta(next) => write!(f, "{:020}-delta", next.0),
        }
    }
}

/// An object that the store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The object's name.
    pub name: Name,
    /// The object's size in bytes.
    pub bytes: u64,
    /// When the object was written, by the store's clock.
    pub written: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_their_offsets_do() {
        let names = [9, 10, i64::MAX].map(|next| Name::Base(Offset(next)).to_string());
        assert!(names.is_sorted());
        assert_eq!(names[0], "00000000000000000009-base");
    }

    #[test]
    fn a_name_is_read_as_it_is_written_and_in_no_other_way() {
        for name in [Name::Base(Offset(0)), Name::Delta(Offset(i64::MAX))] {
            assert_eq!(Name::parse(&name.to_string()), Some(name));
        }
        for other in [
            "start",
            "9-base",
            "00000000000000000009-rest",
            "-0000000000000000009-base",
            "99999999999999999999-base",
        ] {
            assert_eq!(Name::parse(other), None, "{other}");
        }
    }
}

//! Fields of the first records about which the user is told something, in one line however many they are.

use std::fmt::{self, Display, Formatter};

use crate::number::count;

/// The most fields that are named in the line.
const NAMED: usize = 3;

/// A field, and the note about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The field's name, or the path to it: `card.brand`, `items[].price`.
    pub column: String,
    /// The note, such as `holds only NULL`.
    pub why: String,
}

impl Display for Noted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.column.as_str() {
            "" => write!(f, "a field {}", self.why),
            column => write!(f, "{column} {}", self.why),
        }
    }
}

/// The noted fields, in the order in which they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes(Vec<Noted>);

impl Notes {
    pub(super) fn add(&mut self, column: &str, why: String) {
        self.0.push(Noted {
            column: column.to_owned(),
            why,
        });
    }

    /// Returns whether there are no notes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns all notes.
    pub fn iter(&self) -> impl Iterator<Item = &Noted> {
        self.0.iter()
    }

    /// Returns whether the line names every noted field.
    pub fn are_all_named(&self) -> bool {
        self.0.len() <= NAMED
    }

    /// Returns the noted field that a query names and that caused the error `error`. The query names it by its whole
    /// path, or only by the last part of the path if it gives the field's parent another name.
    pub fn named_in(&self, paths: &[Vec<String>], error: &str) -> Option<&Noted> {
        let paths: Vec<Vec<String>> = paths.iter().map(|path| folded(path)).collect();
        let error = error.to_lowercase();
        let told = |noted: &&Noted| {
            let path = path(noted);
            path.iter().any(|name| says(&error, name))
        };
        let by_path = |noted: &&Noted| {
            let own = path(noted);
            // The name of the table may stand before the column.
            paths.iter().any(|path| {
                path.starts_with(&own) || path.get(1..).is_some_and(|rest| rest.starts_with(&own))
            })
        };
        let by_last = |noted: &&Noted| {
            let own = path(noted);
            own.len() > 1
                && own.last().is_some_and(|last| says(&error, last))
                && paths.iter().any(|path| path.last() == own.last())
        };
        let all = || self.0.iter().filter(|noted| !noted.column.is_empty());
        let named = all().filter(told).find(by_path);
        named.or_else(|| all().find(by_last))
    }
}

/// Writes all notes in one line: each note if they are few, or else the number of notes of each sort.
impl Display for Notes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.are_all_named() {
            for (i, noted) in self.0.iter().enumerate() {
                let comma = if i == 0 { "" } else { ", " };
                write!(f, "{comma}{noted}")?;
            }
            return Ok(());
        }
        let mut sorts: Vec<(&str, u64)> = Vec::new();
        for noted in &self.0 {
            match sorts.iter_mut().find(|(why, _)| *why == noted.why) {
                Some((_, count)) => *count += 1,
                None => sorts.push((&noted.why, 1)),
            }
        }
        sorts.sort_by_key(|(_, count)| u64::MAX - count);
        let (first, others) = sorts.split_at(NAMED.min(sorts.len()));
        for (i, (why, number)) in first.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            let why = match number {
                1 => (*why).to_owned(),
                _ => why.replacen("holds ", "hold ", 1),
            };
            write!(f, "{comma}{} {why}", count(*number))?;
        }
        match others.iter().map(|(_, number)| number).sum() {
            0 => Ok(()),
            more => write!(f, ", {} for other reasons", count(more)),
        }
    }
}

/// Returns the names on the path to a field, without the brackets that mark an array's element.
fn path(noted: &Noted) -> Vec<String> {
    let names = noted.column.split('.');
    names
        .map(|name| name.trim_end_matches("[]").to_lowercase())
        .collect()
}

fn folded(path: &[String]) -> Vec<String> {
    path.iter().map(|name| name.to_lowercase()).collect()
}

/// Returns whether `name` stands in `text` as a separate word.
fn says(text: &str, name: &str) -> bool {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + name.len()..].chars().next();
        !name.is_empty() && !before.is_some_and(is_of_word) && !behind.is_some_and(is_of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(all: &[(&str, &str)]) -> Notes {
        let mut notes = Notes::default();
        for (column, why) in all {
            notes.add(column, (*why).to_owned());
        }
        notes
    }

    #[test]
    fn a_few_are_named_and_many_are_counted() {
        let few = [("a", "holds only NULL"), ("b.c", "holds only empty arrays")];
        assert_eq!(
            notes(&few).to_string(),
            "a holds only NULL, b.c holds only empty arrays"
        );
        let many = [
            ("a", "holds only empty arrays"),
            ("b", "holds only NULL"),
            ("c", "holds only NULL"),
            ("d", "holds only NULL"),
            ("", "has no name"),
            ("e", "differs from another one only in upper and lower case"),
        ];
        assert_eq!(
            notes(&many).to_string(),
            "3 hold only NULL, 1 holds only empty arrays, 1 has no name, 1 for other reasons"
        );
    }

    #[test]
    fn the_one_that_a_wrong_query_names_is_found() {
        let notes = notes(&[
            ("organization", "holds only NULL"),
            ("Repository.License", "holds only NULL"),
            ("commits[].author.url", "holds only NULL"),
            ("id", "has no name"),
        ]);
        let found = |path: &[&str], error: &str| {
            let path = path.iter().map(|name| (*name).to_owned()).collect();
            notes
                .named_in(&[path], error)
                .map(|noted| noted.column.as_str())
        };
        let no_column = "there is no column organization; there are id, x";
        assert_eq!(found(&["organization"], no_column), Some("organization"));
        assert_eq!(
            found(&["t", "Organization", "login"], no_column),
            Some("organization")
        );
        let no_field = "there is no field license in that STRUCT";
        for path in [
            &["repository", "license"][..],
            &["transactions", "repository", "license", "key"],
            // The query gives the field's parent another name.
            &["r", "license"],
        ] {
            assert_eq!(
                found(path, no_field),
                Some("Repository.License"),
                "{path:?}"
            );
        }
        assert_eq!(
            found(
                &["c", "author", "url"],
                "there is no field url in that STRUCT"
            ),
            Some("commits[].author.url")
        );
        // The query names the field, and the error has another cause.
        assert_eq!(
            found(&["repository", "license"], "there is no function summ"),
            None
        );
        assert_eq!(found(&["repository", "name"], no_field), None);
    }
}

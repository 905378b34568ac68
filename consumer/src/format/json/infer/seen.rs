//! The values that one field had, and the type that follows from them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

use super::left_out::Notes;
use super::number::Numbers;
use super::{Members, OUTWEIGHS, members};
use crate::format::json::read::special;
use crate::format::json::scan::{self, Scanner, Span};
use crate::format::json::text::{checked_text, unescape};
use crate::moment::{self, Form};
use crate::schema::{MAX_DEPTH, Names, metadata, timestamp};

/// A value in a record that the scanner has accepted.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    record: &'a [u8],
    span: Span,
}

/// The kind of a value, as far as a column's type depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum SeenKind {
    Boolean,
    Number,
    Text,
    List,
    Object,
}

impl SeenKind {
    fn words(self) -> &'static str {
        match self {
            Self::Boolean => "booleans",
            Self::Number => "numbers",
            Self::Text => "strings",
            Self::List => "arrays",
            Self::Object => "objects",
        }
    }
}

impl<'a> Value<'a> {
    pub(super) fn new(record: &'a [u8], span: Span) -> Self {
        Self { record, span }
    }

    /// Returns the kind, or `None` for a value that fits every kind: null, and a float's word in quotes, which may be a
    /// text or a number.
    pub(super) fn kind(&self) -> Option<SeenKind> {
        match self.span.kind {
            scan::SpanKind::Missing | scan::SpanKind::Null => None,
            scan::SpanKind::True | scan::SpanKind::False => Some(SeenKind::Boolean),
            scan::SpanKind::Number | scan::SpanKind::NotFinite => Some(SeenKind::Number),
            scan::SpanKind::Text | scan::SpanKind::EscapedText => {
                (!self.is_special()).then_some(SeenKind::Text)
            }
            scan::SpanKind::Array => Some(SeenKind::List),
            scan::SpanKind::Object => Some(SeenKind::Object),
        }
    }

    /// Returns the text of a string, or `None` if the value is not a string.
    pub(super) fn text(&self) -> Option<String> {
        let inside = checked_text(self.record, self.span.inside());
        match self.span.kind {
            scan::SpanKind::Text => Some(inside.to_owned()),
            scan::SpanKind::EscapedText => {
                let mut text = String::new();
                unescape(inside, &mut text);
                Some(text)
            }
            _ => None,
        }
    }

    /// Returns whether the value is a string that a float column reads, too.
    fn is_special(&self) -> bool {
        let is_text = self.span.kind == scan::SpanKind::Text;
        is_text && special(checked_text(self.record, self.span.inside())).is_some()
    }

    fn whole(&self) -> &'a str {
        checked_text(self.record, self.span.start..self.span.end)
    }

    fn scanner(&self) -> Scanner<'a> {
        Scanner::new(self.record, self.span.start)
    }
}

/// The values that one field has had so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    booleans: usize,
    numbers: Option<Numbers>,
    texts: Texts,
    /// The number of NaNs and infinities in quotes.
    specials: usize,
    lists: usize,
    /// The values inside the lists.
    item: Option<Box<Seen>>,
    objects: usize,
    members: Objects,
}

impl Seen {
    /// Counts a value that stands inside `depth` arrays and objects of its column.
    fn add(&mut self, value: Value<'_>, depth: usize) {
        match value.kind() {
            None if value.is_special() => self.specials += 1,
            None => {}
            Some(SeenKind::Boolean) => self.booleans += 1,
            Some(SeenKind::Number) => {
                let number = match value.span.kind {
                    scan::SpanKind::NotFinite => Numbers::not_finite(),
                    _ => Numbers::of(value.whole()),
                };
                self.add_numbers(number);
            }
            Some(SeenKind::Text) => self.texts.add(&value),
            Some(SeenKind::List) => {
                self.lists += 1;
                let item = self.item.get_or_insert_default();
                let mut scanner = value.scanner();
                let mut first = true;
                // Levels deeper than a schema can have are not looked at.
                while depth < MAX_DEPTH && scanner.element(first).unwrap_or(false) {
                    first = false;
                    let Ok(span) = scanner.value(0) else { break };
                    item.add(Value::new(value.record, span), depth + 1);
                }
            }
            Some(SeenKind::Object) => {
                self.objects += 1;
                if depth < MAX_DEPTH
                    && let Some(members) = members(&mut value.scanner(), 0)
                {
                    self.members.add(members, depth + 1);
                }
            }
        }
    }

    fn add_numbers(&mut self, more: Numbers) {
        match &mut self.numbers {
            Some(numbers) => numbers.merge(more),
            none => *none = Some(more),
        }
    }

    /// Returns each kind that occurred, with its number of values.
    fn kinds(&self) -> Vec<(SeenKind, usize)> {
        let numbers = self.numbers.map_or(0, |numbers| numbers.count());
        // A quoted NaN or infinity may be a text or a number, so it counts as what the field's other values are.
        let is_number = numbers > 0 && self.texts.count == 0;
        let (of_numbers, of_texts) = match is_number {
            true => (self.specials, 0),
            false => (0, self.specials),
        };
        let mut kinds = vec![
            (SeenKind::Boolean, self.booleans),
            (SeenKind::Number, numbers + of_numbers),
            (SeenKind::Text, self.texts.count + of_texts),
            (SeenKind::List, self.lists),
            (SeenKind::Object, self.objects),
        ];
        kinds.retain(|(_, count)| *count > 0);
        // The most frequent kind comes first. The sort is stable, so equal counts keep the order above.
        kinds.sort_by_key(|(_, count)| usize::MAX - count);
        kinds
    }

    /// Returns the type, or the reason why there is none. `path` names the field, which stands inside `depth` arrays
    /// and objects. Parts of it that are left out, or that are STRING because their values differ, are noted.
    fn data_type(
        &self,
        path: &str,
        depth: usize,
        left_out: &mut Notes,
        as_text: &mut Notes,
    ) -> Result<DataType, String> {
        let kinds = self.kinds();
        let all: usize = kinds.iter().map(|(_, count)| count).sum();
        match kinds.as_slice() {
            [] => Err("holds only NULL".to_owned()),
            [(kind, count), others @ ..] => {
                let is_strict = *kind != SeenKind::Text || self.texts.are_times();
                if others.is_empty() || is_strict && *count >= OUTWEIGHS * (all - count) {
                    return self.data_type_of(*kind, path, depth, left_out, as_text);
                }
                let words: Vec<_> = kinds.iter().map(|(kind, _)| kind.words()).collect();
                as_text.add(path, format!("holds {}", words.join(" and ")));
                Ok(DataType::Utf8View)
            }
        }
    }

    fn data_type_of(
        &self,
        kind: SeenKind,
        path: &str,
        depth: usize,
        left_out: &mut Notes,
        as_text: &mut Notes,
    ) -> Result<DataType, String> {
        match kind {
            SeenKind::List | SeenKind::Object if depth == MAX_DEPTH => Err(format!(
                "holds more than {MAX_DEPTH} arrays and objects in one another"
            )),
            SeenKind::Boolean => Ok(DataType::Boolean),
            SeenKind::Number => {
                let mut numbers = self.numbers.unwrap_or_else(Numbers::not_finite);
                if self.specials > 0 {
                    numbers.merge(Numbers::not_finite());
                }
                Ok(numbers.data_type())
            }
            SeenKind::Text if self.specials > 0 => Ok(DataType::Utf8View),
            SeenKind::Text => Ok(self.texts.data_type()),
            SeenKind::List => {
                let nothing = Self::default();
                let item = self.item.as_deref().unwrap_or(&nothing);
                if item.kinds().is_empty() {
                    return Err("holds only arrays without a value".to_owned());
                }
                match item.data_type(&format!("{path}[]"), depth + 1, left_out, as_text) {
                    Ok(item) => Ok(DataType::List(Arc::new(Field::new_list_field(item, true)))),
                    Err(why) => Err(format!("holds arrays, of which each {why}")),
                }
            }
            SeenKind::Object => {
                let path = format!("{path}.");
                let fields = self.members.fields(&path, depth + 1, left_out, as_text);
                if fields.is_empty() {
                    return Err("holds objects without a field that could be a column".to_owned());
                }
                Ok(DataType::Struct(Fields::from(fields)))
            }
        }
    }
}

/// The strings that a field had.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Texts {
    count: usize,
    instants: usize,
    /// The number of local times, which have no zone.
    walls: usize,
    /// The number of dates, as `YYYY-MM-DD`.
    dates: usize,
}

impl Texts {
    pub(super) fn add(&mut self, value: &Value<'_>) {
        const DATE: usize = "YYYY-MM-DD".len();
        let Some(text) = value.text() else { return };
        self.count += 1;
        match moment::moment(&text).map(|moment| moment.form) {
            Ok(Form::Instant) => self.instants += 1,
            Ok(Form::Wall) => self.walls += 1,
            // A text such as 2026-01 may mean anything.
            Ok(Form::Date) if text.len() == DATE => self.dates += 1,
            Ok(Form::Date) | Err(_) => {}
        }
    }

    /// Returns whether every string was a time and all had the same form.
    pub(super) fn are_times(&self) -> bool {
        self.count > 0 && [self.instants, self.walls, self.dates].contains(&self.count)
    }

    fn data_type(&self) -> DataType {
        match self.count {
            count if count == self.instants => timestamp(),
            count if count == self.walls => DataType::Timestamp(TimeUnit::Microsecond, None),
            count if count == self.dates => DataType::Date32,
            _ => DataType::Utf8View,
        }
    }
}

/// The fields of all objects seen in one place, in the order in which they were first seen.
#[derive(Debug, Default)]
pub(super) struct Objects {
    fields: Vec<(String, Seen)>,
    places: HashMap<String, usize>,
}

impl Objects {
    /// Counts the members of one object. They stand inside `depth` arrays and objects of their column.
    pub(super) fn add(&mut self, members: Members<'_>, depth: usize) {
        // If a key comes several times its last value counts, as in decoding.
        let mut last: HashMap<usize, Value<'_>> = HashMap::with_capacity(members.len());
        for (name, value) in members {
            last.insert(self.place(name), value);
        }
        for (place, value) in last {
            if let Some((_, seen)) = self.fields.get_mut(place) {
                seen.add(value, depth);
            }
        }
    }

    fn place(&mut self, name: String) -> usize {
        if let Some(place) = self.places.get(&name) {
            return *place;
        }
        let end = self.fields.len();
        self.places.insert(name.clone(), end);
        self.fields.push((name, Seen::default()));
        end
    }

    pub(super) fn fields(
        &self,
        path: &str,
        depth: usize,
        left_out: &mut Notes,
        as_text: &mut Notes,
    ) -> Vec<Field> {
        let mut names = Names::new();
        let mut fields = Vec::new();
        for (name, seen) in &self.fields {
            let column = format!("{path}{name}");
            let data_type = if path.is_empty() && metadata::is_metadata(name) {
                Err("has the name of a column that each record has from Kafka".to_owned())
            } else if name.is_empty() {
                Err("has no name".to_owned())
            } else {
                seen.data_type(&column, depth, left_out, as_text)
            };
            match data_type {
                Ok(data_type) if names.take(name) => {
                    fields.push(Field::new(name, data_type, true));
                }
                Ok(_) => left_out.add(
                    &column,
                    "differs from another one only in upper and lower case".to_owned(),
                ),
                Err(why) => left_out.add(&column, why),
            }
        }
        fields
    }
}

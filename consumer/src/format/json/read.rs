//! Reads JSON values as values of the columns' types, before anything is appended.
//!
//! The values of a record are put into a [`Row`] one after the other: a list is followed by its elements, whose number
//! it has, and a struct is followed by its fields. Only a complete row goes to the builders, so a record that turns out
//! to be bad at its last column leaves nothing behind. Rows are used again, and a record allocates nothing.

use arrow::datatypes::{DataType, Field, TimeUnit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::defect::{Defect, Excerpt, Hint};
use super::number::{self, NumberError};
use super::scan::{Scanner, Span, SpanKind};
use super::text::{self, checked_text};
use crate::moment::{self, Form, NoMoment};
use crate::schema::{EpochUnit, TypeName};

/// A value of a column's type. The column's type decides how the value is appended; the two always agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Decimal(i128),
    Float(f32),
    Double(f64),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970.
    Timestamp(i64),
    /// A text in the record, from its first byte to the byte after its last.
    Text(usize, usize),
    /// A text in the row, because it had escapes, from its first byte to the byte after its last.
    Unescaped(usize, usize),
    /// Bytes in the row, from the first to the one after the last.
    Bytes(usize, usize),
    /// A list: this many elements follow.
    List(usize),
    /// A struct: its fields follow.
    Struct,
}

/// The values of one record, and the texts that the record does not hold in the same form.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) values: Vec<Value>,
    pub(super) text: String,
    pub(super) bytes: Vec<u8>,
    /// The places of the fields of the structs that are being read.
    spans: Vec<Span>,
}

impl Row {
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.text.clear();
        self.bytes.clear();
        self.spans.clear();
    }

    /// Gives back the memory of a record that had very many values or long texts.
    pub(super) fn give_back(&mut self) {
        self.clear();
        self.values.shrink_to(MOST_KEPT);
        self.text.shrink_to(MOST_KEPT);
        self.bytes.shrink_to(MOST_KEPT);
        self.spans.shrink_to(MOST_KEPT);
    }
}

/// The number of values, and of bytes of text, for which a row holds memory from batch to batch.
const MOST_KEPT: usize = 64 << 10;

/// Reads the values of one column or of a part of it.
#[derive(Debug)]
pub(super) struct ValueReader {
    /// The column's name, or the path to the part.
    path: String,
    /// The type, and whether a value may be NULL.
    field: Field,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Text,
    Boolean,
    Integer {
        least: i64,
        most: i64,
    },
    Decimal {
        precision: u8,
        scale: i8,
    },
    Float,
    Double,
    Date,
    Timestamp {
        instant: bool,
        /// The unit of a number, if numbers are read as timestamps.
        unit: Option<EpochUnit>,
    },
    Binary,
    List(Box<ValueReader>),
    Struct(Vec<(String, ValueReader)>),
    /// A type that no column of a schema has.
    Other,
}

/// The reason why a value cannot be one of its column's type.
enum Mismatch {
    Type(Hint),
    Range,
}

impl Mismatch {
    const TYPE: Self = Self::Type(Hint::None);
}

impl From<NumberError> for Mismatch {
    fn from(error: NumberError) -> Self {
        match error {
            NumberError::NotANumber => Self::TYPE,
            NumberError::OutOfRange => Self::Range,
        }
    }
}

impl From<NoMoment> for Mismatch {
    fn from(why: NoMoment) -> Self {
        Self::Type(match why {
            NoMoment::Other => Hint::None,
            NoMoment::Number => Hint::EpochUnit,
            NoMoment::Skipped => Hint::SkippedTime,
            NoMoment::Repeated => Hint::RepeatedTime,
            NoMoment::UnknownRules => Hint::UnknownRules,
            NoMoment::OtherOffset => Hint::OtherOffset,
        })
    }
}

/// The microseconds of 0001-01-01T00:00:00Z and of 9999-12-31T23:59:59.999999Z. Milliseconds that are mistaken for
/// seconds lie outside.
const YEARS_1_TO_9999: std::ops::RangeInclusive<i128> =
    -62_135_596_800_000_000..=253_402_300_799_999_999;

impl ValueReader {
    pub(super) fn new(field: &Field) -> Self {
        Self::at(field.name().clone(), field)
    }

    fn at(path: String, field: &Field) -> Self {
        let integer = |least, most| Shape::Integer { least, most };
        let shape = match field.data_type() {
            DataType::Utf8View => Shape::Text,
            DataType::Boolean => Shape::Boolean,
            DataType::Int8 => integer(i8::MIN.into(), i8::MAX.into()),
            DataType::Int16 => integer(i16::MIN.into(), i16::MAX.into()),
            DataType::Int32 => integer(i32::MIN.into(), i32::MAX.into()),
            DataType::Int64 => integer(i64::MIN, i64::MAX),
            DataType::Decimal128(precision, scale) => Shape::Decimal {
                precision: *precision,
                scale: *scale,
            },
            DataType::Float32 => Shape::Float,
            DataType::Float64 => Shape::Double,
            DataType::Date32 => Shape::Date,
            DataType::Timestamp(TimeUnit::Microsecond, zone) => Shape::Timestamp {
                instant: zone.is_some(),
                unit: EpochUnit::of(field),
            },
            DataType::Binary => Shape::Binary,
            DataType::List(item) => Shape::List(Box::new(Self::at(format!("{path}[]"), item))),
            DataType::Struct(fields) => Shape::Struct(
                fields
                    .iter()
                    .map(|field| {
                        let name = field.name().clone();
                        let reader = Self::at(format!("{path}.{name}"), field);
                        (name, reader)
                    })
                    .collect(),
            ),
            _ => Shape::Other,
        };
        Self {
            path,
            field: field.clone(),
            shape,
        }
    }

    /// Adds the value at `span` to the row. The syntax of `record` has been checked.
    #[inline]
    pub(super) fn read(&self, record: &[u8], span: Span, row: &mut Row) -> Result<(), Defect> {
        match span.kind {
            SpanKind::Missing | SpanKind::Null => self.read_null(row),
            _ => match self.shape {
                Shape::List(ref item) => self.read_list(item, record, span, row),
                Shape::Struct(ref fields) => self.read_struct(fields, record, span, row),
                _ => match self.scalar(record, span, row) {
                    Ok(value) => {
                        row.values.push(value);
                        Ok(())
                    }
                    Err(mismatch) => Err(self.defect(record, span, mismatch)),
                },
            },
        }
    }

    fn read_null(&self, row: &mut Row) -> Result<(), Defect> {
        if !self.field.is_nullable() {
            return Err(Defect::MissingValue {
                column: self.path.clone(),
            });
        }
        row.values.push(Value::Null);
        Ok(())
    }

    fn read_list(
        &self,
        item: &Self,
        record: &[u8],
        span: Span,
        row: &mut Row,
    ) -> Result<(), Defect> {
        if span.kind != SpanKind::Array {
            return Err(self.defect(record, span, Mismatch::TYPE));
        }
        let place = row.values.len();
        row.values.push(Value::List(0));
        let mut scanner = Scanner::new(record, span.start);
        let mut elements = 0;
        while scanner
            .element(elements == 0)
            .map_err(|fault| Defect::from_fault(fault, &scanner))?
        {
            elements += 1;
            let element = scanner
                .value(0)
                .map_err(|fault| Defect::from_fault(fault, &scanner))?;
            item.read(record, element, row)?;
        }
        if let Some(list) = row.values.get_mut(place) {
            *list = Value::List(elements);
        }
        Ok(())
    }

    fn read_struct(
        &self,
        fields: &[(String, Self)],
        record: &[u8],
        span: Span,
        row: &mut Row,
    ) -> Result<(), Defect> {
        if span.kind != SpanKind::Object {
            return Err(self.defect(record, span, Mismatch::TYPE));
        }
        let base = row.spans.len();
        row.spans.resize(base + fields.len(), Span::MISSING);
        let mut scanner = Scanner::new(record, span.start);
        let mut first = true;
        while let Some(key) = scanner
            .member(first)
            .map_err(|fault| Defect::from_fault(fault, &scanner))?
        {
            first = false;
            let value = scanner
                .value(0)
                .map_err(|fault| Defect::from_fault(fault, &scanner))?;
            if let Some(i) = position(fields, record, key, row)
                && let Some(place) = row.spans.get_mut(base + i)
            {
                *place = value;
            }
        }
        row.values.push(Value::Struct);
        for (i, (_, field)) in fields.iter().enumerate() {
            let value = row.spans.get(base + i).copied().unwrap_or(Span::MISSING);
            field.read(record, value, row)?;
        }
        row.spans.truncate(base);
        Ok(())
    }

    #[inline]
    fn scalar(&self, record: &[u8], span: Span, row: &mut Row) -> Result<Value, Mismatch> {
        let whole = || record.get(span.start..span.end).unwrap_or_default();
        let value = match (&self.shape, span.kind) {
            (Shape::Text, SpanKind::Text) => {
                let inside = span.inside();
                Value::Text(inside.start, inside.end)
            }
            (Shape::Decimal { precision, scale }, SpanKind::Number) => {
                Value::Decimal(number::decimal(whole(), *precision, *scale)?)
            }
            (Shape::Text, SpanKind::EscapedText) => {
                let start = row.text.len();
                text::unescape(checked_text(record, span.inside()), &mut row.text);
                Value::Unescaped(start, row.text.len())
            }
            // A value that is not a string becomes its JSON text as it stands in the record.
            (Shape::Text, _) => Value::Text(span.start, span.end),
            (_, SpanKind::Number) => {
                self.scalar_of(checked_text(record, span.start..span.end), false, row)?
            }
            (Shape::Boolean, SpanKind::True) => Value::Boolean(true),
            (Shape::Boolean, SpanKind::False) => Value::Boolean(false),
            (_, SpanKind::Text) => {
                self.scalar_of(checked_text(record, span.inside()), true, row)?
            }
            (_, SpanKind::EscapedText) => {
                let mut plain = String::new();
                text::unescape(checked_text(record, span.inside()), &mut plain);
                self.scalar_of(&plain, true, row)?
            }
            (_, SpanKind::NotFinite) => {
                self.not_finite(checked_text(record, span.start..span.end))?
            }
            _ => return Err(Mismatch::TYPE),
        };
        Ok(value)
    }

    /// Reads a value from a number without quotes, or from a string's text if it is `quoted`.
    #[inline]
    fn scalar_of(&self, text: &str, quoted: bool, row: &mut Row) -> Result<Value, Mismatch> {
        let numeric = matches!(
            self.shape,
            Shape::Integer { .. } | Shape::Decimal { .. } | Shape::Float | Shape::Double
        );
        if quoted && numeric && !number::is_number(text) {
            return self.not_finite(text);
        }
        let value = match self.shape {
            Shape::Integer { least, most } => {
                let value = number::integer(text.as_bytes())?;
                if !(least..=most).contains(&value) {
                    return Err(Mismatch::Range);
                }
                Value::Integer(value)
            }
            Shape::Decimal { precision, scale } => {
                Value::Decimal(number::decimal(text.as_bytes(), precision, scale)?)
            }
            Shape::Float => Value::Float(number::float(text)?),
            Shape::Double => Value::Double(number::double(text)?),
            Shape::Timestamp {
                unit: Some(unit), ..
            } if !quoted || number::is_number(text) => Value::Timestamp(epoch(text, unit)?),
            Shape::Timestamp { instant, unit } if quoted => {
                let moment = moment::moment(text).map_err(|no| match no {
                    // The text is a number that is not written as JSON writes numbers.
                    NoMoment::Number if unit.is_some() => Mismatch::TYPE,
                    no => no.into(),
                })?;
                if !instant && moment.form == Form::Instant {
                    return Err(Mismatch::TYPE);
                }
                Value::Timestamp(moment.micros)
            }
            Shape::Timestamp { .. } => return Err(Mismatch::Type(Hint::EpochUnit)),
            Shape::Date if quoted => Value::Date(moment::date(text).ok_or(Mismatch::TYPE)?),
            Shape::Binary if quoted => {
                let start = row.bytes.len();
                BASE64
                    .decode_vec(text, &mut row.bytes)
                    .map_err(|_| Mismatch::TYPE)?;
                Value::Bytes(start, row.bytes.len())
            }
            _ => return Err(Mismatch::TYPE),
        };
        Ok(value)
    }

    /// Returns the float that a word stands for, with or without quotes, such as NaN.
    #[cold]
    fn not_finite(&self, word: &str) -> Result<Value, Mismatch> {
        match (&self.shape, special(word)) {
            (Shape::Float, Some(float)) => Ok(Value::Float(float)),
            (Shape::Double, Some(float)) => Ok(Value::Double(f64::from(float))),
            _ => Err(Mismatch::TYPE),
        }
    }

    #[cold]
    fn defect(&self, record: &[u8], span: Span, mismatch: Mismatch) -> Defect {
        let column = self.path.clone();
        let excerpt = Excerpt::of(checked_text(record, span.start..span.end));
        let expected = TypeName(&self.field).to_string();
        match mismatch {
            Mismatch::Type(hint) => Defect::WrongType {
                column,
                expected,
                excerpt,
                hint,
            },
            Mismatch::Range => Defect::OutOfRange {
                column,
                expected,
                excerpt,
            },
        }
    }
}

/// Returns the index of the field that a key names.
fn position(
    fields: &[(String, ValueReader)],
    record: &[u8],
    key: Span,
    row: &mut Row,
) -> Option<usize> {
    let inside = checked_text(record, key.inside());
    if key.kind == SpanKind::Text {
        return fields.iter().position(|(name, _)| name == inside);
    }
    let start = row.text.len();
    text::unescape(inside, &mut row.text);
    let found = fields
        .iter()
        .position(|(name, _)| row.text.get(start..) == Some(name));
    row.text.truncate(start);
    found
}

/// Returns the microseconds since 1970 of a number in `unit`. Digits beyond the microsecond are cut off towards the
/// past, as in a text.
fn epoch(number: &str, unit: EpochUnit) -> Result<i64, Mismatch> {
    let micros = number::floor(number.as_bytes(), unit.scale())?;
    match i64::try_from(micros) {
        Ok(exact) if YEARS_1_TO_9999.contains(&micros) => Ok(exact),
        _ => Err(Mismatch::Range),
    }
}

/// Returns the float of a word for which JSON has no number. Spark writes and reads these words in quotes; others write
/// them without.
pub(super) fn special(text: &str) -> Option<f32> {
    match text {
        "NaN" => Some(f32::NAN),
        "Infinity" => Some(f32::INFINITY),
        "-Infinity" => Some(f32::NEG_INFINITY),
        _ => None,
    }
}

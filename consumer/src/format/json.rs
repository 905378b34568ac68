//! Records' values into Arrow record batches, by the schema: the hot path of the whole program.
//!
//! A record is one JSON object. Each is checked whole, for syntax, UTF-8 and depth (128), whichever
//! columns the query reads; values are converted and type-checked only for those columns.
//!
//! ```text
//! bytes ─ UTF-8? ─ scan: where do the read columns' values stand? ─ read: a row of values ─ build
//!                  (order: which key comes next; quotes: where a string ends)
//! ```
//!
//! A bad record leaves nothing in the batch and says why ([`Defect`]); the records around it are not
//! touched. Nothing here panics on any input, allocates per record, or reads a number through a float
//! that is none.
//!
//! Of equal keys the last counts, unknown fields are passed over, missing ones are NULL, numeric columns take numbers in
//! quotes, and STRING any value as its text. Beside JSON's own grammar (RFC 8259) there may be a byte-order mark before
//! a record, and `NaN`, `Infinity` and `-Infinity` as values. Half a surrogate pair becomes U+FFFD.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, SchemaRef};
use arrow::error::ArrowError;

use crate::format::framing;
use crate::format::metadata::{MetadataBuilder, RecordMeta};
use crate::schema::TableSchema;
use crate::schema::metadata::MetadataColumn;
use build::Builder;
use order::Order;
use quotes::Quotes;
use read::{Row, ValueReader};
use scan::{Expected, Fault, Scanner, Span};

mod build;
mod defect;
pub mod infer;
mod number;
mod order;
mod quotes;
mod read;
mod scan;
mod text;

pub use defect::{Defect, Excerpt, Hint};

/// The most bytes of JSON, keys and headers in one batch, so that no array's 32-bit offsets overflow. Whoever flushes by
/// [`Decoder::bytes`] never comes near.
const MOST_BYTES: usize = i32::MAX as usize;

/// What a value takes in its column beside its text: no type is wider than a decimal.
pub const VALUE_BYTES: usize = 16;

/// Collects records in a batch of the columns that a query reads.
#[derive(Debug)]
pub struct Decoder {
    schema: SchemaRef,
    order: Order,
    quotes: Quotes,
    /// One a slot.
    readers: Vec<ValueReader>,
    columns: Vec<Column>,
    /// Where the record's values stand, one a slot.
    spans: Vec<Span>,
    row: Row,
    rows: usize,
    /// Bytes of JSON, of keys, and of headers that are read, in the batch.
    bytes: usize,
}

#[derive(Debug)]
enum Column {
    Value(Builder),
    Metadata(MetadataBuilder),
}

impl Column {
    /// With room for `rows` values.
    fn new(field: &Field, rows: usize) -> Self {
        let metadata = MetadataColumn::ALL
            .into_iter()
            .find(|column| column.name() == field.name());
        match metadata {
            Some(column) => Self::Metadata(MetadataBuilder::new(column, rows)),
            None => Self::Value(Builder::new(field, rows)),
        }
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Value(builder) => builder.finish(),
            Self::Metadata(builder) => builder.finish(),
        }
    }
}

impl Decoder {
    /// A decoder for the columns `projection` of [`TableSchema::table`], in that order. An empty one
    /// counts records.
    ///
    /// # Errors
    /// A number in `projection` that the table has no column for, or one that is there twice.
    pub fn new(schema: &TableSchema, projection: &[usize]) -> Result<Self, ArrowError> {
        let projected: SchemaRef = Arc::new(schema.table().project(projection)?);
        let declared = schema.declared().project(projection)?;
        let mut names: Vec<&str> = Vec::new();
        let mut readers = Vec::new();
        let mut columns = Vec::new();
        for (field, declared) in projected.fields().iter().zip(declared.fields()) {
            let column = Column::new(field, 0);
            if let Column::Value(_) = column {
                let name = field.name().as_str();
                if names.contains(&name) {
                    let message = format!("column {name} is projected twice");
                    return Err(ArrowError::SchemaError(message));
                }
                names.push(name);
                readers.push(ValueReader::new(declared));
            }
            columns.push(column);
        }
        Ok(Self {
            order: Order::new(names.into_iter()),
            spans: vec![Span::MISSING; readers.len()],
            quotes: Quotes::default(),
            schema: projected,
            readers,
            columns,
            row: Row::default(),
            rows: 0,
            bytes: 0,
        })
    }

    /// The schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether [`RecordMeta::headers`] must be given.
    pub fn reads_headers(&self) -> bool {
        self.columns
            .iter()
            .any(|column| matches!(column, Column::Metadata(MetadataBuilder::Headers(_))))
    }

    /// Adds a record to the batch. `payload` is its value.
    ///
    /// # Errors
    /// Why the record is bad. The batch is as before then.
    #[inline]
    pub fn push(&mut self, payload: &[u8], meta: &RecordMeta<'_>) -> Result<(), Defect> {
        let key_bytes = meta.key.map_or(0, <[u8]>::len);
        let bytes = payload.len() + key_bytes + self.header_bytes(meta);
        if bytes > MOST_BYTES.saturating_sub(self.bytes) {
            return Err(Defect::TooLarge { bytes });
        }
        self.scan(payload)?;
        self.row.clear();
        for (reader, span) in self.readers.iter().zip(&self.spans) {
            reader.read(payload, *span, &mut self.row)?;
        }

        // From here on nothing can fail.
        let mut values = self.row.values.iter();
        for column in &mut self.columns {
            match column {
                Column::Value(builder) => builder.append(&mut values, &self.row, payload),
                Column::Metadata(builder) => builder.append(meta),
            }
        }
        self.rows += 1;
        self.bytes += bytes + self.row.values.len() * VALUE_BYTES;
        Ok(())
    }

    /// Bytes of the headers, if they are read, with one for each.
    #[inline]
    fn header_bytes(&self, meta: &RecordMeta<'_>) -> usize {
        if meta.headers.is_empty() || !self.reads_headers() {
            return 0;
        }
        meta.headers
            .iter()
            .map(|header| 1 + header.key.len() + header.value.map_or(0, <[u8]>::len))
            .sum()
    }

    /// Finds where the read columns' values stand, and checks the syntax of all others.
    fn scan(&mut self, record: &[u8]) -> Result<(), Defect> {
        self.scan_from(record, 0)
    }

    /// Does what [`Self::scan`] does, with the JSON at `start`.
    #[inline(always)]
    fn scan_from(&mut self, record: &[u8], start: usize) -> Result<(), Defect> {
        self.spans.fill(Span::MISSING);
        self.order.restart();
        let mut scanner = Scanner::new(record, start);
        let quotes = self.quotes.find(record);
        match members(&mut scanner, &mut self.order, quotes, &mut self.spans) {
            Ok(()) if scanner.is_done() => Ok(()),
            Ok(()) => Err(Defect::trailing(&scanner)),
            Err(Fault::Expected(Expected::Object)) => match framing::json_start(record) {
                behind if behind > start => self.scan_behind_mark(record, behind),
                _ => Err(not_an_object(record, start)),
            },
            Err(fault) => Err(Defect::from_fault(fault, &scanner)),
        }
    }

    /// Does what [`Self::scan`] does, of a record with a byte-order mark. It stands apart: to look for the mark in
    /// every record took a register from the loop over its members.
    #[cold]
    #[inline(never)]
    fn scan_behind_mark(&mut self, record: &[u8], start: usize) -> Result<(), Defect> {
        self.scan_from(record, start)
    }

    /// Records in the batch.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether the batch has no records.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// What the batch's columns take at most: the bytes of JSON, of keys, and of headers that are read, and
    /// [`VALUE_BYTES`] for each value that is read, NULLs too.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The batch of all records pushed since the last flush, of [`Self::schema`]; it has its number of
    /// rows even without columns. The decoder is empty then.
    ///
    /// # Errors
    /// None that a record could cause.
    pub fn flush(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (column, field) in self.columns.iter_mut().zip(self.schema.fields()) {
            arrays.push(column.finish()?);
            // The next batch is likely to be as large as this one.
            *column = Column::new(field, self.rows);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        self.bytes = 0;
        self.row.give_back();
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
    }
}

/// Passes over an object, and notes where the values of the read columns stand. `quotes` are the record's, if it is
/// plain.
#[inline(always)]
fn members(
    scanner: &mut Scanner<'_>,
    order: &mut Order,
    quotes: Option<&Quotes>,
    spans: &mut [Span],
) -> Result<(), Fault> {
    loop {
        if quotes.is_some_and(|quotes| order.follow(scanner, quotes, spans)) {
            return Ok(());
        }
        let Some(slot) = order.next(scanner)? else {
            return Ok(());
        };
        let value = scanner.value(1)?;
        if let Some(span) = spans.get_mut(slot) {
            *span = value;
        }
    }
}

/// Why a record whose JSON begins at `start`, and not with `{`, is bad.
#[cold]
fn not_an_object(record: &[u8], start: usize) -> Defect {
    let mut scanner = Scanner::new(record, start);
    if scanner.is_done() {
        return Defect::Empty;
    }
    if let Some(schema_id) = framing::registry_schema_id(record) {
        return Defect::RegistryPrefix { schema_id };
    }
    match scanner.value(0) {
        Err(fault) => Defect::from_fault(fault, &scanner),
        Ok(_) if !scanner.is_done() => Defect::trailing(&scanner),
        Ok(_) => Defect::NotAnObject {
            excerpt: Excerpt::of(text::checked_text(record, start..record.len())),
        },
    }
}

#[cfg(test)]
mod tests;

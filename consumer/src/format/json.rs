//! Decodes records' values into Arrow record batches by the schema. This is the hot path of the whole program.
//!
//! A record is one JSON object. The decoder checks all of it for syntax, UTF-8 and depth (at most 128), whichever
//! columns the query reads. It converts and type-checks only the values of the columns that are read.
//!
//! ```text
//! bytes ─ UTF-8? ─ scan: where do the read columns' values stand? ─ read: a row of values ─ build
//!                  (order: which key comes next; quotes: where a string ends)
//! ```
//!
//! A bad record leaves nothing in the batch, and the decoder returns why it is bad ([`Defect`]). The records before and
//! after it are not affected. No input makes the decoder panic. It allocates nothing for single records, and reads no
//! number through a float unless the column is a float.
//!
//! If a key comes several times, its last value counts. Unknown fields are ignored and missing fields are NULL. Numeric
//! columns also take numbers in quotes, and STRING columns take any value as its text. Beyond JSON's own grammar (RFC
//! 8259), a byte-order mark may stand before a record, and `NaN`, `Infinity` and `-Infinity` are values. Half a
//! surrogate pair becomes U+FFFD.

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

/// The most bytes of JSON, keys and headers in one batch, so that no array's 32-bit offsets overflow. A caller that
/// flushes by [`Decoder::bytes`] never comes near this limit.
const MOST_BYTES: usize = i32::MAX as usize;

/// The bytes that a value takes in its column besides its text. No type is wider than a decimal.
pub const VALUE_BYTES: usize = 16;

/// Collects records in a batch that has the columns a query reads.
#[derive(Debug)]
pub struct Decoder {
    schema: SchemaRef,
    order: Order,
    quotes: Quotes,
    /// The readers of the columns: one for each slot.
    readers: Vec<ValueReader>,
    columns: Vec<Column>,
    /// The places of the record's values: one for each slot.
    spans: Vec<Span>,
    row: Row,
    rows: usize,
    /// The bytes of JSON, of keys, and of headers that are read, in the batch.
    bytes: usize,
}

#[derive(Debug)]
enum Column {
    Value(Builder),
    Metadata(MetadataBuilder),
}

impl Column {
    /// Makes a column with room for `rows` values.
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
    /// Makes a decoder for the columns `projection` of [`TableSchema::table`], in that order. A decoder without columns
    /// counts records.
    ///
    /// # Errors
    /// Fails if `projection` has the number of a column that the table does not have, or has a number twice.
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

    /// Returns the schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns whether [`RecordMeta::headers`] must be given.
    pub fn reads_headers(&self) -> bool {
        self.columns
            .iter()
            .any(|column| matches!(column, Column::Metadata(MetadataBuilder::Headers(_))))
    }

    /// Adds a record to the batch. `payload` is the record's value.
    ///
    /// # Errors
    /// Returns why the record is bad. The batch is then unchanged.
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

        // No step from here on can fail.
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

    /// Returns the number of bytes of the headers, and one more for each header, if headers are read.
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

    /// Finds the places of the values of the columns that are read, and checks the syntax of all other values.
    fn scan(&mut self, record: &[u8]) -> Result<(), Defect> {
        self.scan_from(record, 0)
    }

    /// Does what [`Self::scan`] does for a record whose JSON begins at `start`.
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

    /// Does what [`Self::scan`] does for a record with a byte-order mark. It is a function of its own because looking
    /// for the mark in every record took a register from the loop over the record's members.
    #[cold]
    #[inline(never)]
    fn scan_behind_mark(&mut self, record: &[u8], start: usize) -> Result<(), Defect> {
        self.scan_from(record, start)
    }

    /// Returns the number of records in the batch.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Returns whether the batch has no records.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Returns the most bytes that the batch's columns can take: the bytes of JSON, of keys, and of headers that are
    /// read, and [`VALUE_BYTES`] for each value that is read, including NULLs.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the batch of all records added since the last flush, with the schema [`Self::schema`], and empties the
    /// decoder. A batch without columns has its number of rows, too.
    ///
    /// # Errors
    /// Fails only for reasons that no record can cause.
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

/// Passes over an object, and stores the places of the values of the columns that are read. `quotes` are the record's
/// quotes, if the record is plain.
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

/// Returns why a record is bad whose JSON begins at `start` with something other than `{`.
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

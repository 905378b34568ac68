//! The table that a topic's records make: the names and types of its columns.
//!
//! The user's columns come from SCHEMA, written as Spark SQL's DDL ([`TableSchema::parse`]), or from the topic's first
//! records ([`infer`](infer::infer)). Behind them come the columns that every record has, whatever its value holds
//! ([`metadata`]).
//!
//! | DDL | Arrow |
//! |---|---|
//! | `STRING`, `VARCHAR(n)`, `CHAR(n)` (the length is not checked) | `Utf8View` |
//! | `BOOLEAN` | `Boolean` |
//! | `TINYINT`, `SMALLINT`, `INT`, `BIGINT` | `Int8`, `Int16`, `Int32`, `Int64` |
//! | `FLOAT`, `DOUBLE` | `Float32`, `Float64` |
//! | `DECIMAL(p,s)`, without an argument (10,0) | `Decimal128(p,s)` |
//! | `DATE` | `Date32` |
//! | `TIMESTAMP` | `Timestamp(Microsecond, "UTC")` |
//! | `TIMESTAMP_SECONDS`, `TIMESTAMP_MILLIS`, `TIMESTAMP_MICROS` (numbers) | as `TIMESTAMP` |
//! | `TIMESTAMP_NTZ` | `Timestamp(Microsecond, None)` |
//! | `BINARY` (base64 in JSON, as in Spark) | `Binary` |
//! | `ARRAY<T>`, `STRUCT<a: T, …>` | `List`, `Struct` |
//!
//! Text is `Utf8View` because DataFusion itself makes VARCHAR into that type, so that literals and casts need no
//! conversion, and because grouping by it is fastest: texts of up to 12 bytes stand in the view.
//!
//! A schema is a value: parsing and inferring read nothing but their argument.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

pub mod ddl;
mod epoch;
pub mod metadata;

pub use crate::format::json::infer;
pub use ddl::SchemaError;
pub(crate) use epoch::EpochUnit;

/// The greatest depth to which ARRAY and STRUCT may be nested: far above any need, and far below what the stack can
/// hold.
pub(crate) const MAX_DEPTH: usize = 32;

/// The columns of a topic's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSchema {
    columns: SchemaRef,
    declared: SchemaRef,
    table: SchemaRef,
}

impl TableSchema {
    /// Reads a schema in DDL: `card_brand STRING, amount DECIMAL(12,2)`.
    ///
    /// # Errors
    /// Fails if the text is no schema. The error says what is wrong, at which character, and how to mend it.
    pub fn parse(ddl: &str) -> Result<Self, SchemaError> {
        ddl::parse(ddl)
    }

    /// Makes a schema of columns that the parser or the inference has checked.
    pub(crate) fn new(columns: Vec<Field>) -> Self {
        let columns = Fields::from(columns);
        let declared = columns
            .iter()
            .cloned()
            .chain(metadata::columns().into_iter().map(Arc::new))
            .collect::<Fields>();
        Self {
            columns: Arc::new(Schema::new(columns)),
            table: Arc::new(Schema::new(epoch::without_units(&declared))),
            declared: Arc::new(Schema::new(declared)),
        }
    }

    /// Returns the columns of [`Self::table`] as they were declared. Columns of numbers that are timestamps say what
    /// the numbers count, which a query need not know.
    pub(crate) fn declared(&self) -> &SchemaRef {
        &self.declared
    }

    /// Returns only the user's columns, in their order, as they were declared.
    pub fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// Returns the whole table as a query sees it: the user's columns, then [`metadata::columns`].
    pub fn table(&self) -> &SchemaRef {
        &self.table
    }
}

impl FromStr for TableSchema {
    type Err = SchemaError;

    fn from_str(ddl: &str) -> Result<Self, SchemaError> {
        Self::parse(ddl)
    }
}

/// Writes the user's columns as DDL, of which [`TableSchema::parse`] makes the same schema.
impl fmt::Display for TableSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, column) in self.columns.fields().iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(
                f,
                "{comma}{} {}",
                QuotedName(column.name()),
                TypeName(column)
            )?;
            not_null(column, f)?;
        }
        Ok(())
    }
}

/// The type of a field as DDL, for schemas and messages.
pub(crate) struct TypeName<'a>(pub(crate) &'a Field);

impl fmt::Display for TypeName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(unit) = EpochUnit::of(self.0) {
            return f.write_str(unit.type_name());
        }
        match self.0.data_type() {
            DataType::Utf8View => f.write_str("STRING"),
            DataType::Boolean => f.write_str("BOOLEAN"),
            DataType::Int8 => f.write_str("TINYINT"),
            DataType::Int16 => f.write_str("SMALLINT"),
            DataType::Int32 => f.write_str("INT"),
            DataType::Int64 => f.write_str("BIGINT"),
            DataType::Float32 => f.write_str("FLOAT"),
            DataType::Float64 => f.write_str("DOUBLE"),
            DataType::Decimal128(precision, scale) => write!(f, "DECIMAL({precision},{scale})"),
            DataType::Date32 => f.write_str("DATE"),
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => f.write_str("TIMESTAMP"),
            DataType::Timestamp(TimeUnit::Microsecond, None) => f.write_str("TIMESTAMP_NTZ"),
            DataType::Binary => f.write_str("BINARY"),
            DataType::List(item) => write!(f, "ARRAY<{}>", TypeName(item)),
            DataType::Struct(fields) => {
                f.write_str("STRUCT<")?;
                for (i, field) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(
                        f,
                        "{comma}{}: {}",
                        QuotedName(field.name()),
                        TypeName(field)
                    )?;
                    not_null(field, f)?;
                }
                f.write_str(">")
            }
            other => write!(f, "{other}"),
        }
    }
}

/// A column's name, in back quotes if it needs them.
struct QuotedName<'a>(&'a str);

impl fmt::Display for QuotedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if ddl::is_plain_name(self.0) {
            f.write_str(self.0)
        } else {
            write!(f, "`{}`", self.0.replace('`', "``"))
        }
    }
}

fn not_null(field: &Field, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if field.is_nullable() {
        Ok(())
    } else {
        f.write_str(" NOT NULL")
    }
}

/// Returns the type of TIMESTAMP: an instant in microseconds since 1970, in UTC.
pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The names that are taken in one table or STRUCT. SQL does not distinguish upper from lower case in a name, so a
/// schema may not either.
pub(crate) struct Names(HashSet<String>);

impl Names {
    pub(crate) fn new() -> Self {
        Self(HashSet::new())
    }

    /// Takes `name`. Returns whether it was free.
    pub(crate) fn take(&mut self, name: &str) -> bool {
        self.0.insert(name.to_lowercase())
    }
}

#[cfg(test)]
mod tests;

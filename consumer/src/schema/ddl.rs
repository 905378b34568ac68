//! Reads a schema in DDL, such as `card_brand STRING, amount DECIMAL(12,2)`.
//!
//! This reads what Spark's `StructType.fromDDL` reads, with the same meaning, except for MAP and the interval types.
//! Every error names the character where it is (counted from 1) and what would be right. Nothing is guessed: an unknown
//! type is an error, not a string.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use thiserror::Error;

use super::{EpochUnit, MAX_DEPTH, Names, TableSchema, metadata, timestamp};
use token::{Token, TokenKind, Tokens};

mod token;

pub(crate) use token::is_plain_name;

const TYPES: &str = "STRING, BOOLEAN, TINYINT, SMALLINT, INT, BIGINT, FLOAT, DOUBLE, DECIMAL(p,s), \
                     DATE, TIMESTAMP, TIMESTAMP_SECONDS, TIMESTAMP_MILLIS, TIMESTAMP_MICROS, TIMESTAMP_NTZ, BINARY, \
                     ARRAY<type>, STRUCT<name: type, …>";

/// Why a schema is refused. `at` counts characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// The text is empty or blank.
    #[error(
        "SCHEMA is empty: name each column and its type, as in `card_brand STRING, amount DECIMAL(12,2)`"
    )]
    Empty,
    /// Something else stands where a name, a type or a sign is needed.
    #[error("SCHEMA: expected {expected} but found {found} at character {at}")]
    Unexpected {
        /// What would be right there.
        expected: String,
        /// What is there.
        found: String,
        /// The character.
        at: usize,
    },
    /// A quote is not closed, or no word begins with this character.
    #[error("SCHEMA: {what} at character {at}")]
    BadText {
        /// What is wrong.
        what: String,
        /// The character.
        at: usize,
    },
    /// The type is unknown.
    #[error(
        "SCHEMA: unknown type '{name}' of column '{column}' at character {at}; types are {TYPES}"
    )]
    UnknownType {
        /// The unknown word.
        name: String,
        /// The column, with the path to it inside STRUCTs.
        column: String,
        /// Where the type's word begins.
        at: usize,
    },
    /// A type has an argument that it cannot have.
    #[error("SCHEMA: {what} of column '{column}' at character {at}")]
    BadType {
        /// What is wrong with the type, and what would be right.
        what: String,
        /// The column.
        column: String,
        /// Where the type's word begins.
        at: usize,
    },
    /// The name is already taken, in upper or lower case.
    #[error(
        "SCHEMA: column '{column}' at character {at} is there twice (upper and lower case are the same in SQL)"
    )]
    Duplicate {
        /// The second column of that name.
        column: String,
        /// The character where it begins.
        at: usize,
    },
    /// The name belongs to a column from Kafka.
    #[error(
        "SCHEMA: '{column}' at character {at} is a column that each record has from Kafka; leave it out of SCHEMA"
    )]
    Reserved {
        /// The name.
        column: String,
        /// The character where it begins.
        at: usize,
    },
}

/// Does what [`TableSchema::parse`] does, and skips a byte-order mark, with which some editors begin a file.
pub(super) fn parse(ddl: &str) -> Result<TableSchema, SchemaError> {
    let ddl = ddl.strip_prefix('\u{feff}').unwrap_or(ddl);
    let mut parser = Parser {
        tokens: Tokens::read(ddl)?,
    };
    if parser.tokens.peek().kind == TokenKind::End {
        return Err(SchemaError::Empty);
    }
    let columns = parser.fields("", 0, &TokenKind::End)?;
    Ok(TableSchema::new(columns))
}

struct Parser {
    tokens: Tokens,
}

impl Parser {
    /// Reads `name type [NOT NULL] [COMMENT 'text'], …` up to `end`, which is consumed. `path` is "" for the table's
    /// own columns; for others it is the path to the STRUCT, with a dot.
    fn fields(
        &mut self,
        path: &str,
        depth: usize,
        end: &TokenKind,
    ) -> Result<Vec<Field>, SchemaError> {
        let mut names = Names::new();
        let mut fields = Vec::new();
        loop {
            fields.push(self.field(path, depth, &mut names)?);
            let token = self.tokens.next();
            if token.kind == *end {
                return Ok(fields);
            }
            if token.kind != TokenKind::Sign(',') {
                let expected = match end {
                    TokenKind::End => "`,` and the next column, or the end",
                    _ => "`,` and the next field, or `>`",
                };
                return Err(unexpected(expected, &token));
            }
        }
    }

    fn field(&mut self, path: &str, depth: usize, names: &mut Names) -> Result<Field, SchemaError> {
        let token = self.tokens.next();
        let at = token.at;
        let name = match token.kind {
            TokenKind::Word(name) | TokenKind::Quoted(name) => name,
            _ => return Err(unexpected("a column's name", &token)),
        };
        let column = format!("{path}{name}");
        if path.is_empty() && metadata::is_metadata(&name) {
            return Err(SchemaError::Reserved { column, at });
        }
        if !names.take(&name) {
            return Err(SchemaError::Duplicate { column, at });
        }
        // Spark writes the colon inside STRUCT, and accepts it everywhere, but never needs it.
        self.tokens.take(&TokenKind::Sign(':'));
        let field = self.typed(&column, depth)?;
        let mut nullable = true;
        if self.tokens.take_word("NOT") {
            if !self.tokens.take_word("NULL") {
                return Err(unexpected("NULL after NOT", self.tokens.peek()));
            }
            nullable = false;
        }
        if self.tokens.take_word("COMMENT") {
            let comment = self.tokens.next();
            if !matches!(comment.kind, TokenKind::Text | TokenKind::Quoted(_)) {
                return Err(unexpected(
                    "a text in single quotes after COMMENT",
                    &comment,
                ));
            }
        }
        Ok(field.with_name(name).with_nullable(nullable))
    }

    /// Reads a type, as a field without a name.
    fn typed(&mut self, column: &str, depth: usize) -> Result<Field, SchemaError> {
        let token = self.tokens.next();
        let at = token.at;
        let TokenKind::Word(word) = &token.kind else {
            return Err(unexpected(
                &format!("the type of column '{column}'"),
                &token,
            ));
        };
        let bad = |what: String| SchemaError::BadType {
            what,
            column: column.to_owned(),
            at,
        };
        let data_type = match word.to_ascii_uppercase().as_str() {
            "STRING" | "TEXT" => DataType::Utf8View,
            "VARCHAR" | "CHAR" | "CHARACTER" => {
                self.arguments(1)?;
                DataType::Utf8View
            }
            "BOOLEAN" | "BOOL" => DataType::Boolean,
            "TINYINT" | "BYTE" => DataType::Int8,
            "SMALLINT" | "SHORT" => DataType::Int16,
            "INT" | "INTEGER" => DataType::Int32,
            "BIGINT" | "LONG" => DataType::Int64,
            "FLOAT" | "REAL" => DataType::Float32,
            "DOUBLE" => DataType::Float64,
            "DECIMAL" | "NUMERIC" | "DEC" => {
                let arguments = self.arguments(2)?;
                let precision = arguments.first().copied().unwrap_or(10);
                let scale = arguments.get(1).copied().unwrap_or(0);
                decimal(precision, scale).ok_or_else(|| {
                    bad(format!(
                        "DECIMAL({precision},{scale}): 1 to 38 digits, of them 0 to all behind the point, are needed for the type"
                    ))
                })?
            }
            "DATE" => DataType::Date32,
            "TIMESTAMP" | "TIMESTAMP_LTZ" => timestamp(),
            "TIMESTAMP_NTZ" => DataType::Timestamp(TimeUnit::Microsecond, None),
            "BINARY" => DataType::Binary,
            "ARRAY" | "STRUCT" if depth == MAX_DEPTH => {
                return Err(bad(format!(
                    "more than {MAX_DEPTH} types stand in one another in the type"
                )));
            }
            "ARRAY" => {
                self.sign('<', "`<` and the type of the elements")?;
                let item = self.typed(&format!("{column}[]"), depth + 1)?;
                self.sign('>', "`>` after the type of the elements")?;
                DataType::List(Arc::new(item.with_name(Field::LIST_FIELD_DEFAULT_NAME)))
            }
            "STRUCT" => {
                self.sign('<', "`<` and the fields of the STRUCT")?;
                let fields =
                    self.fields(&format!("{column}."), depth + 1, &TokenKind::Sign('>'))?;
                DataType::Struct(Fields::from(fields))
            }
            "MAP" => {
                return Err(bad(
                    "MAP is not supported: write STRUCT<name: type, …> with the keys that the query reads, for the type".to_owned(),
                ));
            }
            name => {
                return match EpochUnit::of_type(name) {
                    Some(unit) => Ok(unit.mark(Field::new("", timestamp(), true))),
                    None => Err(SchemaError::UnknownType {
                        name: word.clone(),
                        column: column.to_owned(),
                        at,
                    }),
                };
            }
        };
        Ok(Field::new("", data_type, true))
    }

    /// Reads arguments such as `(12, 2)`, if there are any: at least one whole number, and at most `most`.
    fn arguments(&mut self, most: usize) -> Result<Vec<u32>, SchemaError> {
        let mut arguments = Vec::new();
        if !self.tokens.take(&TokenKind::Sign('(')) {
            return Ok(arguments);
        }
        loop {
            let token = self.tokens.next();
            let TokenKind::Number(number) = token.kind else {
                return Err(unexpected("a whole number", &token));
            };
            arguments.push(number);
            let token = self.tokens.next();
            match token.kind {
                TokenKind::Sign(')') => return Ok(arguments),
                TokenKind::Sign(',') if arguments.len() < most => {}
                _ => return Err(unexpected("`)`", &token)),
            }
        }
    }

    fn sign(&mut self, sign: char, expected: &str) -> Result<(), SchemaError> {
        let token = self.tokens.next();
        if token.kind == TokenKind::Sign(sign) {
            Ok(())
        } else {
            Err(unexpected(expected, &token))
        }
    }
}

fn decimal(precision: u32, scale: u32) -> Option<DataType> {
    let digits = u8::try_from(precision)
        .ok()
        .filter(|p| (1..=38).contains(p))?;
    let behind = i8::try_from(scale).ok().filter(|_| scale <= precision)?;
    Some(DataType::Decimal128(digits, behind))
}

fn unexpected(expected: &str, token: &Token) -> SchemaError {
    SchemaError::Unexpected {
        expected: expected.to_owned(),
        found: token.kind.to_string(),
        at: token.at,
    }
}

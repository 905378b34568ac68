//! The columns that each record has from Kafka itself, beside those of its value.
//!
//! | column | type | |
//! |---|---|---|
//! | `_topic` | `STRING` | |
//! | `_partition` | `INT` | |
//! | `_offset` | `BIGINT` | |
//! | `_kafka_timestamp` | `TIMESTAMP` | when it was created or appended, as the topic is set; NULL if it has none, or one that a TIMESTAMP cannot hold |
//! | `_key` | `STRING` | NULL if it has none |
//! | `_headers` | `ARRAY<STRUCT<key: STRING, value: BINARY>>` | in their order; an empty array if it has none |
//!
//! Spark gives `key` as BINARY. Here it is text, so that a query can simply say `_key = 'abc'`. A byte that is not
//! UTF-8 shows as `\xNN`, so that keys made by a binary serializer stay distinct in a GROUP BY, unless a key has such a
//! `\xNN` as text.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use super::timestamp;

/// One of the columns that come from Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataColumn {
    /// `_topic`
    Topic,
    /// `_partition`
    Partition,
    /// `_offset`
    Offset,
    /// `_kafka_timestamp`
    Timestamp,
    /// `_key`
    Key,
    /// `_headers`
    Headers,
}

impl MetadataColumn {
    /// All columns, in the order in which they stand in the table.
    pub const ALL: [Self; 6] = [
        Self::Topic,
        Self::Partition,
        Self::Offset,
        Self::Timestamp,
        Self::Key,
        Self::Headers,
    ];

    /// Returns the column's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Topic => "_topic",
            Self::Partition => "_partition",
            Self::Offset => "_offset",
            Self::Timestamp => "_kafka_timestamp",
            Self::Key => "_key",
            Self::Headers => "_headers",
        }
    }

    /// Returns the column's name, type and nullability.
    pub fn field(self) -> Field {
        let (data_type, nullable) = match self {
            Self::Topic => (DataType::Utf8View, false),
            Self::Partition => (DataType::Int32, false),
            Self::Offset => (DataType::Int64, false),
            Self::Timestamp => (timestamp(), true),
            Self::Key => (DataType::Utf8View, true),
            Self::Headers => {
                let item = DataType::Struct(header_fields());
                (
                    DataType::List(Arc::new(Field::new_list_field(item, false))),
                    false,
                )
            }
        };
        Field::new(self.name(), data_type, nullable)
    }
}

/// Returns the fields of [`MetadataColumn::ALL`].
pub fn columns() -> Vec<Field> {
    MetadataColumn::ALL.map(MetadataColumn::field).to_vec()
}

/// Returns the fields of one header: `key: STRING NOT NULL, value: BINARY`.
pub(crate) fn header_fields() -> Fields {
    Fields::from(vec![
        Field::new("key", DataType::Utf8View, false),
        Field::new("value", DataType::Binary, true),
    ])
}

/// Returns whether SQL would take `name` for one of these columns.
pub(crate) fn is_metadata(name: &str) -> bool {
    MetadataColumn::ALL
        .iter()
        .any(|column| column.name().eq_ignore_ascii_case(name))
}

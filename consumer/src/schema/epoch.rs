//! Timestamps that records have as numbers: the types TIMESTAMP_SECONDS, TIMESTAMP_MILLIS and TIMESTAMP_MICROS.
//!
//! A query sees each of them as a TIMESTAMP. Only the decoder and a schema's own text need to know what the number
//! counts since 1970-01-01T00:00:00Z. That unit stands in the field's metadata, also inside ARRAY and STRUCT. The table
//! that a query sees has no such metadata, because to DataFusion types with different metadata are different types.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields};

/// The key under which a field's metadata has the unit of its numbers.
const UNIT: &str = "cardstream.timestamp.unit";

/// The unit in which a number counts since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EpochUnit {
    Seconds,
    Millis,
    Micros,
}

impl EpochUnit {
    const ALL: [Self; 3] = [Self::Seconds, Self::Millis, Self::Micros];

    /// Returns the type's name in DDL.
    pub(crate) const fn type_name(self) -> &'static str {
        match self {
            Self::Seconds => "TIMESTAMP_SECONDS",
            Self::Millis => "TIMESTAMP_MILLIS",
            Self::Micros => "TIMESTAMP_MICROS",
        }
    }

    /// Returns the power of 10 that gives the microseconds of one unit.
    pub(crate) const fn scale(self) -> i8 {
        match self {
            Self::Seconds => 6,
            Self::Millis => 3,
            Self::Micros => 0,
        }
    }

    /// Returns the unit of the type with this name, which is in upper case.
    pub(super) fn of_type(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.type_name() == name)
    }

    /// Returns the unit of a field's numbers, if they are timestamps.
    pub(crate) fn of(field: &Field) -> Option<Self> {
        Self::of_type(field.metadata().get(UNIT)?)
    }

    /// Returns `field` with numbers of this unit.
    pub(super) fn mark(self, field: Field) -> Field {
        field.with_metadata(HashMap::from([(
            UNIT.to_owned(),
            self.type_name().to_owned(),
        )]))
    }
}

/// Returns the fields as a query sees them: without their units.
pub(super) fn without_units(fields: &Fields) -> Fields {
    fields.iter().map(without_unit).collect()
}

fn without_unit(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::List(item) => DataType::List(without_unit(item)),
        DataType::Struct(fields) => DataType::Struct(without_units(fields)),
        other => other.clone(),
    };
    let plain = Field::new(field.name(), data_type, field.is_nullable());
    Arc::new(plain)
}

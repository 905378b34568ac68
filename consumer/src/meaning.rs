//! The meaning of a type or a function: a number that is raised when the same record gets another value.
//!
//! A stored state holds the records before its offset as they were read then. If one of them would be read differently
//! today, the state and what is added to it would not fit together. So a query's identity has the meaning of each type
//! that it reads, and checkpoints with another meaning are refused by name. Everything begins with meaning 1, which is
//! not written down: a query that uses nothing that has been raised keeps its identity.
//!
//! No meaning is raised if a record was a dead letter for its syntax and can be read now: that concerns every query
//! alike, and each such record was reported as a dead letter.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::{DataType, Schema, TimeUnit};

use crate::schema::metadata::{MetadataColumn, is_metadata};

/// The raised meanings of what a query uses, by name.
pub type Meanings = BTreeMap<String, u32>;

/// A meaning above the first.
struct Raised {
    /// The type's name in DDL.
    name: &'static str,
    /// The newest meaning.
    number: u32,
    /// What has changed with this meaning.
    since: &'static str,
}

const STRING: &str = "STRING";
const FLOAT: &str = "FLOAT";
const DOUBLE: &str = "DOUBLE";
const DATE: &str = "DATE";
const TIMESTAMP: &str = "TIMESTAMP";
const TIMESTAMP_NTZ: &str = "TIMESTAMP_NTZ";

const KAFKA_TIMESTAMP: &str = MetadataColumn::Timestamp.name();

const NOT_FINITE: &str = "NaN and Infinity are read";
const MORE_TIMES: &str = "a time is read in more ways of writing it";

const QUOTIENT: &str = "/ of DECIMAL";
const ARITHMETIC: &str = "+, -, * and % of DECIMAL";
const WHOLE: &str = "floor and ceil of DECIMAL";
const TEXT_OF_BYTES: &str = "CAST of BINARY to STRING";
const TO_TIMESTAMP: &str = "to_timestamp";

/// The functions of a plan that have a raised meaning, with the names that they had before.
const FUNCTIONS: [(&str, &str, &str); 10] = [
    (QUOTIENT, "decimal_divide(", "exact_divide("),
    (ARITHMETIC, "decimal_add(", "exact_add("),
    (ARITHMETIC, "decimal_subtract(", "exact_subtract("),
    (ARITHMETIC, "decimal_multiply(", "exact_multiply("),
    (ARITHMETIC, "decimal_remainder(", "exact_remainder("),
    (WHOLE, "decimal_floor(", "floor("),
    (WHOLE, "decimal_ceil(", "ceil("),
    (TEXT_OF_BYTES, "text_of_bytes(", "text_of_bytes("),
    (TO_TIMESTAMP, "to_timestamp(", "to_timestamp("),
    (TO_TIMESTAMP, "to_timestamp_nanos(", "to_timestamp_nanos("),
];

/// All raised meanings. Each change of an answer must raise one.
const RAISED: [Raised; 12] = [
    Raised {
        name: STRING,
        number: 2,
        since: "any JSON value is read as its text, and half a surrogate as U+FFFD",
    },
    Raised {
        name: FLOAT,
        number: 2,
        since: NOT_FINITE,
    },
    Raised {
        name: DOUBLE,
        number: 2,
        since: NOT_FINITE,
    },
    Raised {
        name: DATE,
        number: 2,
        since: MORE_TIMES,
    },
    Raised {
        name: TIMESTAMP,
        number: 2,
        since: MORE_TIMES,
    },
    Raised {
        name: TIMESTAMP_NTZ,
        number: 2,
        since: MORE_TIMES,
    },
    Raised {
        name: KAFKA_TIMESTAMP,
        number: 2,
        since: "a time that TIMESTAMP cannot hold is NULL",
    },
    Raised {
        name: QUOTIENT,
        number: 2,
        since: "it has Spark's digits behind the point",
    },
    Raised {
        name: ARITHMETIC,
        number: 2,
        since: "with more than 38 digits it gives up some behind the point, as in Spark",
    },
    Raised {
        name: WHOLE,
        number: 2,
        since: "they have no digits behind the point",
    },
    Raised {
        name: TEXT_OF_BYTES,
        number: 2,
        since: "what is not UTF-8 is U+FFFD",
    },
    Raised {
        name: TO_TIMESTAMP,
        number: 2,
        since: "its result counts microseconds",
    },
];

/// Returns the raised meanings of the types of those `columns` that are read from a record's value or from Kafka.
pub fn of_columns(columns: &Schema) -> Meanings {
    let mut names = BTreeSet::new();
    let columns = columns.fields().iter();
    for column in columns {
        match column.name() {
            name if name == KAFKA_TIMESTAMP => {
                names.insert(KAFKA_TIMESTAMP);
            }
            name if is_metadata(name) => {}
            _ => collect(column.data_type(), &mut names),
        }
    }
    let used = RAISED.iter().filter(|raised| names.contains(raised.name));
    used.map(|raised| (raised.name.to_owned(), raised.number))
        .collect()
}

/// Returns the raised meanings of the `functions` that a query uses, by their names.
pub fn of_functions(functions: &BTreeSet<String>) -> Meanings {
    let is_used = |call: &str| functions.contains(call.trim_end_matches('('));
    let used = FUNCTIONS.iter().filter(|(_, call, _)| is_used(call));
    let used: BTreeSet<&str> = used.map(|(name, _, _)| *name).collect();
    let raised = RAISED.iter().filter(|raised| used.contains(raised.name));
    raised
        .map(|raised| (raised.name.to_owned(), raised.number))
        .collect()
}

/// Returns the text of a plan as it was before a function in it was raised; its meaning says what has changed.
pub fn before(plan: &str) -> String {
    let calls = FUNCTIONS.iter();
    calls.fold(plan.to_owned(), |plan, (_, call, before)| {
        plan.replace(call, before)
    })
}

/// Adds the names of the types in `data_type` that may be in [`RAISED`].
fn collect(data_type: &DataType, names: &mut BTreeSet<&'static str>) {
    let name = match data_type {
        DataType::List(item) => return collect(item.data_type(), names),
        DataType::Struct(fields) => {
            for field in fields {
                collect(field.data_type(), names);
            }
            return;
        }
        DataType::Utf8View => STRING,
        DataType::Float32 => FLOAT,
        DataType::Float64 => DOUBLE,
        DataType::Date32 => DATE,
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => TIMESTAMP,
        DataType::Timestamp(TimeUnit::Microsecond, None) => TIMESTAMP_NTZ,
        _ => return,
    };
    names.insert(name);
}

/// Returns in words how the meanings of `kept` differ from `own`, one text for each name.
pub(crate) fn differences(own: &Meanings, kept: &Meanings) -> Vec<String> {
    let names: BTreeSet<&String> = own.keys().chain(kept.keys()).collect();
    let number = |meanings: &Meanings, name: &String| meanings.get(name).copied().unwrap_or(1);
    let told = names.into_iter().filter_map(|name| {
        let (ours, theirs) = (number(own, name), number(kept, name));
        let newest = RAISED
            .iter()
            .find(|raised| raised.name == name && raised.number == ours);
        let since = newest.map_or_else(String::new, |raised| format!(": {}", raised.since));
        (ours != theirs)
            .then(|| format!("its {name} has meaning {theirs}, this program's {ours}{since}"))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use crate::schema::TableSchema;

    use super::*;

    fn of(ddl: &str) -> Vec<String> {
        of_columns(TableSchema::parse(ddl).unwrap().columns())
            .into_keys()
            .collect()
    }

    #[test]
    fn a_type_has_its_meaning_wherever_it_stands_in_a_column() {
        assert_eq!(of("tags ARRAY<STRING>"), ["STRING"]);
        assert_eq!(
            of("at STRUCT<begin: TIMESTAMP, ends: ARRAY<TIMESTAMP_NTZ>>, level FLOAT"),
            ["FLOAT", "TIMESTAMP", "TIMESTAMP_NTZ"]
        );
    }

    #[test]
    fn what_kafka_knows_of_a_record_is_not_read_from_its_value() {
        let table = TableSchema::parse("n BIGINT").unwrap();
        let of_all = of_columns(table.table());
        let raised = Meanings::from([("_kafka_timestamp".to_owned(), 2)]);
        assert_eq!(of_all, raised, "it has a meaning of its own");
    }

    #[test]
    fn a_function_has_its_meaning_and_its_old_name_in_the_identity() {
        let plan = "sum(decimal_divide(a@0, floor(x@1))), max(decimal_floor(b@1))";
        let of = |names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned());
            of_functions(&names.collect())
                .into_keys()
                .collect::<Vec<_>>()
        };
        let used = ["sum", "decimal_divide", "floor", "max", "decimal_floor"];
        assert_eq!(of(&used), ["/ of DECIMAL", "floor and ceil of DECIMAL"]);
        assert_eq!(
            before(plan),
            "sum(exact_divide(a@0, floor(x@1))), max(floor(b@1))"
        );
        assert_eq!(of(&["date_trunc", "to_timestamp"]), ["to_timestamp"]);
        assert_eq!(of(&["exact_divide", "floor"]), [""; 0]);
    }

    #[test]
    fn what_was_not_raised_has_none() {
        assert_eq!(
            of("n BIGINT, amount DECIMAL(12,2), ok BOOLEAN, raw BINARY"),
            [""; 0]
        );
    }
}

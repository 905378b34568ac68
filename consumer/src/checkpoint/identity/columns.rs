//! The columns that a query reads, as a part of its identity.

use arrow::datatypes::Schema;
use serde::{Deserialize, Serialize};

use crate::schema::TypeName;

/// A column and its type, written as in DDL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadColumn {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
}

impl ReadColumn {
    /// Returns all of `columns`, in their order.
    pub fn all_of(columns: &Schema) -> Vec<Self> {
        let columns = columns.fields().iter().map(|field| {
            let not_null = if field.is_nullable() { "" } else { " NOT NULL" };
            Self {
                name: field.name().clone(),
                data_type: format!("{}{not_null}", TypeName(field)),
            }
        });
        columns.collect()
    }
}

/// Returns in words how the columns that the stored query reads differ from this query's, one text for each difference.
pub fn differences(own: &[ReadColumn], stored: &[ReadColumn]) -> Vec<String> {
    let mut differences = Vec::new();
    if own == stored {
        return differences;
    }
    for column in stored {
        match own.iter().find(|own| own.name == column.name) {
            None => differences.push(format!(
                "it reads column {}, this query does not",
                column.name
            )),
            Some(own) if own.data_type != column.data_type => differences.push(format!(
                "its column {} is {}, this query's {}",
                column.name, column.data_type, own.data_type
            )),
            Some(_) => {}
        }
    }
    for own in own {
        if !stored.iter().any(|column| column.name == own.name) {
            differences.push(format!("it does not read column {}", own.name));
        }
    }
    if differences.is_empty() {
        differences.push("it reads the columns in another order".to_owned());
    }
    differences
}

//! Gives the same values other names. Types contain names, which follow from the text of expressions.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, RecordBatch, RecordBatchOptions, StructArray,
};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion_common::Result;

/// Returns whether types differ only in names and in whether parts may be NULL.
pub(super) fn are_alike(one: &DataType, other: &DataType) -> bool {
    match (one, other) {
        (DataType::List(one), DataType::List(other)) => {
            are_alike(one.data_type(), other.data_type())
        }
        (DataType::Struct(one), DataType::Struct(other)) => {
            let mut fields = one.iter().zip(other);
            one.len() == other.len()
                && fields.all(|(one, other)| are_alike(one.data_type(), other.data_type()))
        }
        _ => one == other,
    }
}

/// Returns these rows with the names of `schema`, whose types are alike.
///
/// # Errors
/// Fails if a type is not alike, or a value is NULL where it must not be.
pub(super) fn renamed(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = rows.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| of_type(column, field.data_type()));
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns.collect::<Result<_>>()?,
        &options,
    )?)
}

fn of_type(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    if array.data_type() == wanted {
        return Ok(Arc::clone(array));
    }
    Ok(match wanted {
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            Arc::new(ListArray::try_new(
                Arc::clone(item),
                list.offsets().clone(),
                of_type(list.values(), item.data_type())?,
                list.nulls().cloned(),
            )?)
        }
        DataType::Struct(fields) => {
            let group = array.as_struct();
            let columns = group.columns().iter().zip(fields);
            let columns = columns.map(|(column, field)| of_type(column, field.data_type()));
            Arc::new(StructArray::try_new_with_length(
                fields.clone(),
                columns.collect::<Result<_>>()?,
                group.nulls().cloned(),
                group.len(),
            )?)
        }
        _ => Arc::clone(array),
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::{Field, Schema};

    use super::*;

    fn list_of_struct(names: [&str; 2]) -> DataType {
        let fields = names.map(|name| Field::new(name, DataType::Int64, true));
        DataType::new_list(DataType::Struct(fields.into_iter().collect()), true)
    }

    #[test]
    fn lists_of_structs_keep_their_values_under_other_names() {
        let (own, wanted) = (list_of_struct(["a", "b"]), list_of_struct(["x + 1", "y"]));
        assert!(are_alike(&own, &wanted));
        assert!(!are_alike(&own, &DataType::new_list(DataType::Int64, true)));
        let column =
            |values: [Option<i64>; 3]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
        let DataType::List(item) = &own else {
            panic!("{own}");
        };
        let DataType::Struct(fields) = item.data_type() else {
            panic!("{item}");
        };
        let columns = vec![
            column([Some(1), None, Some(3)]),
            column([None, Some(5), Some(6)]),
        ];
        let group = StructArray::new(
            fields.clone(),
            columns,
            Some(vec![true, true, false].into()),
        );
        let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 0, 1]);
        let nulls = Some(vec![true, false, true].into());
        let list = ListArray::new(Arc::clone(item), offsets, Arc::new(group), nulls);
        let schema = |of: &DataType| Arc::new(Schema::new(vec![Field::new("s", of.clone(), true)]));
        let rows = RecordBatch::try_new(schema(&own), vec![Arc::new(list)]).unwrap();
        let there = renamed(&rows, &schema(&wanted)).unwrap();
        assert_eq!(there.schema(), schema(&wanted));
        assert_ne!(there, rows);
        assert_eq!(renamed(&there, &schema(&own)).unwrap(), rows);
    }
}

//! Reads the result of a query: the columns of its rows as plain values.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use testkit::expected::{AVERAGE_SCALE, ByBrand, CENT_SCALE, Totals};

/// Returns the result of [`consumer::config::DEFAULT_QUERY`] by brand.
pub fn resulted(rows: &RecordBatch) -> ByBrand {
    let brands = texts(rows, "card_brand");
    let counts = integers(rows, "transactions");
    let decimals = |name, scale| decimals(rows, name, scale);
    let sums = decimals("total", CENT_SCALE);
    let averages = decimals("average", AVERAGE_SCALE);
    let smallest = decimals("smallest", CENT_SCALE);
    let largest = decimals("largest", CENT_SCALE);
    let totals: ByBrand = (0..rows.num_rows())
        .map(|row| {
            let totals = Totals {
                count: counts[row],
                sum: sums[row],
                average: averages[row],
                smallest: smallest[row],
                largest: largest[row],
            };
            (brands[row].clone(), totals)
        })
        .collect();
    assert_eq!(totals.len(), rows.num_rows(), "a brand comes twice");
    totals
}

/// Returns the values of a column of text; NULL is the text `NULL`.
pub fn texts(rows: &RecordBatch, name: &str) -> Vec<String> {
    let column = rows.column_by_name(name).expect(name);
    let column = cast(column, &DataType::Utf8).unwrap();
    let values = column.as_string::<i32>().iter();
    values
        .map(|text| text.unwrap_or("NULL").to_owned())
        .collect()
}

/// Returns the values of a column of whole numbers.
pub fn integers(rows: &RecordBatch, name: &str) -> Vec<i64> {
    let column = rows.column_by_name(name).expect(name);
    let column = cast(column, &DataType::Int64).unwrap();
    assert_eq!(column.null_count(), 0, "{name}");
    column.as_primitive::<Int64Type>().values().to_vec()
}

/// Returns the values of a column of decimals as whole numbers of 10^-`scale`. Panics unless `scale` is the column's
/// scale.
pub fn decimals(rows: &RecordBatch, name: &str, scale: i8) -> Vec<i128> {
    let column = rows.column_by_name(name).expect(name);
    let DataType::Decimal128(_, own) = column.data_type() else {
        panic!("{name} is {}", column.data_type());
    };
    assert_eq!((*own, column.null_count()), (scale, 0), "{name}");
    column.as_primitive::<Decimal128Type>().values().to_vec()
}

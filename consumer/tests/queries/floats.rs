//! Tests floats next to numbers with a point, which are decimals.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use consumer::schema::TableSchema;

use super::values_of;

/// Returns the values of an expression over NaN, Infinity, 1e300, 0.1 + 0.2 and 0.5.
fn values(expression: &str) -> Result<Vec<String>, String> {
    let schema = Arc::clone(TableSchema::parse("x DOUBLE").unwrap().columns());
    let numbers = vec![f64::NAN, f64::INFINITY, 1e300, 0.1 + 0.2, 0.5];
    let column: ArrayRef = Arc::new(Float64Array::from(numbers));
    let records = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
    values_of(expression, &records)
}

/// Checks the order that Spark has: NaN is larger than all other numbers, and 0.1 + 0.2 is larger than 0.3.
#[test]
fn floats_are_compared_with_decimals_as_floats() {
    const T: &str = "true";
    const F: &str = "false";
    for (expression, expected) in [
        ("x > 0.3", [T, T, T, T, T]),
        ("0.3 >= x", [F, F, F, F, F]),
        ("x = 0.5", [F, F, F, F, T]),
        ("x IS DISTINCT FROM 0.5", [T, T, T, T, F]),
        ("x BETWEEN 0.25 AND 0.4", [F, F, F, T, F]),
        ("x IN (0.25, 0.5)", [F, F, F, F, T]),
        ("x NOT IN (0.25, 0.5)", [T, T, T, T, F]),
        ("CAST(x AS FLOAT) < 0.4", [F, F, F, T, F]),
        (
            "CASE WHEN x < 1 THEN x ELSE 0.25 END",
            ["0.25", "0.25", "0.25", "0.30000000000000004", "0.5"],
        ),
        (
            "CASE x WHEN 0.5 THEN x ELSE 0.25 END",
            ["0.25", "0.25", "0.25", "0.25", "0.5"],
        ),
        (
            "coalesce(x, 0.0)",
            ["NaN", "inf", "1e300", "0.30000000000000004", "0.5"],
        ),
        (
            "nvl(x, 0.0)",
            ["NaN", "inf", "1e300", "0.30000000000000004", "0.5"],
        ),
        (
            "if(x < 1, x, 0.25)",
            ["0.25", "0.25", "0.25", "0.30000000000000004", "0.5"],
        ),
        (
            "least(x, 0.4)",
            ["0.4", "0.4", "0.4", "0.30000000000000004", "0.4"],
        ),
        ("TRY_CAST(x AS TIMESTAMP) IS NULL", [T, T, T, F, F]),
        ("nullif(x, 0.5) IS NULL", [F, F, F, F, T]),
        ("greatest(x, 0.4)", ["NaN", "inf", "1e300", "0.4", "0.5"]),
        (
            "x * 0.5",
            ["NaN", "inf", "5e299", "0.15000000000000002", "0.25"],
        ),
    ] {
        let expected = expected.map(str::to_owned).to_vec();
        assert_eq!(values(expression), Ok(expected), "{expression}");
    }
}

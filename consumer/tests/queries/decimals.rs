//! Checks that decimals have the digits that Spark gives them. Expected values were computed with Python's decimal,
//! rounded half up.

use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use consumer::engine::query::error_text;

use super::{batch, plan};

/// Returns the type of an expression, and its value for a record with this amount in cents and this quantity.
fn value(expression: &str, cents: i128, quantity: i64) -> Result<(DataType, String), String> {
    let query = plan(&format!("SELECT {expression} FROM transactions"));
    let query = query.map_err(|error| error.to_string())?;
    let record = batch(&[("a", cents, quantity)], &[0]);
    let mut partial = query.partial().unwrap();
    let rows = partial
        .push(record.project(query.columns()).unwrap())
        .and_then(|()| partial.finish())
        .and_then(|rows| query.result(rows))
        .map_err(|error| error_text(&error))?
        .rows;
    let column = rows.column(0);
    let text = array_value_to_string(column, 0).unwrap();
    Ok((column.data_type().clone(), text))
}

#[test]
fn operations_have_sparks_digits_and_are_rounded_half_up() {
    let wide = "CAST(quantity AS DECIMAL(38, 18))";
    let small = "CAST(amount / 1000000 AS DECIMAL(38, 18))";
    for (expression, cents, quantity, digits, expected) in [
        (format!("{wide} * {wide}"), 0, 10, (38, 6), "100.000000"),
        (
            format!("{wide} * {wide}"),
            0,
            -99_999_999,
            (38, 6),
            "9999999800000001.000000",
        ),
        (format!("{small} * {wide}"), 50, 1, (38, 6), "0.000001"),
        (format!("{small} * {wide}"), 49, 1, (38, 6), "0.000000"),
        (format!("{small} * {wide}"), -50, 1, (38, 6), "-0.000001"),
        (
            format!("{wide} + {small}"),
            1,
            3,
            (38, 17),
            "3.00000001000000000",
        ),
        (
            format!("{wide} - {small}"),
            1,
            3,
            (38, 17),
            "2.99999999000000000",
        ),
        (format!("{wide} / {wide}"), 0, 7, (38, 6), "1.000000"),
        (format!("{small} / {wide}"), 200, 3, (38, 6), "0.000001"),
        (format!("{wide} * 2"), 0, 3, (38, 16), "6.0000000000000000"),
        (
            "CAST(quantity AS DECIMAL(38, 20)) * CAST(quantity AS DECIMAL(38, 20))".to_owned(),
            0,
            3,
            (38, 6),
            "9.000000",
        ),
        (
            "amount / amount".to_owned(),
            700,
            0,
            (27, 15),
            "1.000000000000000",
        ),
        (
            "amount / CAST(300 AS DECIMAL(12, 2))".to_owned(),
            200,
            0,
            (27, 15),
            "0.006666666666667",
        ),
        (
            "amount / quantity".to_owned(),
            -200,
            3,
            (33, 23),
            "-0.66666666666666666666667",
        ),
        (
            "quantity / amount".to_owned(),
            300,
            2,
            (35, 13),
            "0.6666666666667",
        ),
        ("amount % 0.3".to_owned(), 100, 0, (2, 2), "0.10"),
        (
            "CAST(quantity AS DECIMAL(38, 0)) % CAST(0.3 AS DECIMAL(38, 37))".to_owned(),
            0,
            1_000_000_000_000,
            (38, 37),
            "0.1000000000000000000000000000000000000",
        ),
        ("amount * 1.1".to_owned(), 105, 0, (15, 3), "1.155"),
        ("amount * amount".to_owned(), 105, 0, (25, 4), "1.1025"),
    ] {
        let (data_type, text) = value(&expression, cents, quantity).unwrap();
        assert_eq!(
            data_type,
            DataType::Decimal128(digits.0, digits.1),
            "{expression}"
        );
        assert_eq!(text, expected, "{expression}");
    }
}

#[test]
fn a_result_with_too_many_digits_is_an_error_with_the_numbers_in_it() {
    let wide = "CAST(quantity AS DECIMAL(38, 18))";
    for (expression, quantity, expected) in [
        (
            format!("{wide} * {wide} * 1000000000000000000"),
            3_000_000_000,
            "9000000000000000000.000000 * 1000000000000000000 does not fit its type DECIMAL(38,6): CAST one side to a \
             DECIMAL with fewer digits behind the point, or to DOUBLE",
        ),
        (
            format!("{wide} / (quantity - quantity)"),
            1,
            "divide by zero error",
        ),
        (
            format!("{wide} % (quantity - quantity)"),
            1,
            "divide by zero error",
        ),
    ] {
        let error = value(&expression, 0, quantity).unwrap_err();
        assert_eq!(error, expected, "{expression}");
    }
}

#[test]
fn floor_and_ceil_have_room_for_one_digit_more() {
    for (expression, cents, digits, expected) in [
        ("ceil(CAST(amount AS DECIMAL(2, 2)))", 99, (1, 0), "1"),
        ("floor(CAST(amount AS DECIMAL(2, 2)))", -1, (1, 0), "-1"),
        ("ceiling(CAST(amount AS DECIMAL(2, 2)))", -99, (1, 0), "0"),
        ("floor(amount)", 199, (11, 0), "1"),
        ("ceil(amount)", 101, (11, 0), "2"),
        ("floor(amount)", -199, (11, 0), "-2"),
        ("ceil(CAST(amount AS DECIMAL(38, 38)))", 1, (1, 0), "1"),
        ("ceil(CAST(amount AS DECIMAL(38, 1)))", 1, (38, 0), "0"),
        ("floor(CAST(amount AS DECIMAL(9, 0)))", 700, (9, 0), "7"),
        ("round(CAST(amount AS DECIMAL(2, 2)))", 99, (2, 0), "1"),
        ("round(amount, 1)", 105, (12, 1), "1.1"),
    ] {
        let (data_type, text) = value(expression, cents, 0).unwrap();
        assert_eq!(
            data_type,
            DataType::Decimal128(digits.0, digits.1),
            "{expression}"
        );
        assert_eq!(text, expected, "{expression}");
    }
    assert_eq!(
        value("floor(CAST(amount AS DOUBLE))", 199, 0).unwrap().1,
        "1.0"
    );
}

/// Checks that the planner decides types before it adds the casts that make values fit.
#[test]
fn a_quotient_stands_beside_other_numbers() {
    for (expression, expected) in [
        ("coalesce(amount / 7, 0.5)", "0.1428571"),
        (
            "CASE WHEN quantity > 0 THEN amount / 7 ELSE 1 END",
            "0.142857",
        ),
        ("amount / 7 > 0.142", "true"),
        ("greatest(amount / 7, 1)", "1.000000"),
        ("sum(amount / 7) / sum(amount)", "0.142857"),
        (
            "round(sum(amount) * 100.0 / sum(sum(amount)) OVER (), 1)",
            "100.0",
        ),
    ] {
        let (_, text) = value(expression, 100, 1).unwrap();
        let shorter = text.len().min(expected.len());
        assert_eq!(text[..shorter], expected[..shorter], "{expression}: {text}");
    }
}

/// Checks the plans' texts: values of these expressions in stored states have changed, so their plans must differ from
/// those of earlier versions.
#[test]
fn only_what_has_other_digits_than_before_has_another_name_in_a_plan() {
    let kept = |expression: &str| {
        let sql = format!("SELECT sum({expression}) FROM transactions");
        plan(&sql).unwrap().plan_text()
    };
    for (expression, name) in [
        ("amount / quantity", "decimal_divide("),
        ("floor(amount)", "decimal_floor("),
        ("ceil(amount)", "decimal_ceil("),
        (
            "CAST(quantity AS DECIMAL(38, 18)) * amount",
            "decimal_multiply(",
        ),
    ] {
        assert!(kept(expression).contains(name), "{}", kept(expression));
    }
    for expression in [
        "amount * 1.1",
        "amount * 100",
        "amount + quantity",
        "floor(CAST(amount AS DOUBLE))",
        "ceil(quantity)",
        "quantity / 2",
    ] {
        assert!(
            !kept(expression).contains("decimal_"),
            "{}",
            kept(expression)
        );
    }
}

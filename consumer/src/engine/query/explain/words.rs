//! Writes DataFusion's types and literals in a text in the words of SQL: `Decimal128(12, 2)` becomes `DECIMAL(12,2)`,
//! and `Utf8("year")` becomes `'year'`.

use crate::engine::query::TABLE;

/// The names of types without arguments. With an argument, such a name is a literal.
const TYPES: &[(&str, &str)] = &[
    ("Binary", "BINARY"),
    ("BinaryView", "BINARY"),
    ("Boolean", "BOOLEAN"),
    ("Date32", "DATE"),
    ("Date64", "DATE"),
    ("Decimal128", "DECIMAL"),
    ("Decimal256", "DECIMAL"),
    ("Float32", "FLOAT"),
    ("Float64", "DOUBLE"),
    ("Int16", "SMALLINT"),
    ("Int32", "INT"),
    ("Int64", "BIGINT"),
    ("Int8", "TINYINT"),
    ("LargeBinary", "BINARY"),
    ("LargeUtf8", "STRING"),
    ("UInt16", "SMALLINT UNSIGNED"),
    ("UInt32", "INT UNSIGNED"),
    ("UInt64", "BIGINT UNSIGNED"),
    ("UInt8", "TINYINT UNSIGNED"),
    ("Utf8", "STRING"),
    ("Utf8View", "STRING"),
];

/// Returns `text` with its types and literals in the words of SQL, and without the table's name.
pub(super) fn in_sql(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if word == 0 {
            let next = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..next]);
            rest = &rest[next..];
            continue;
        }
        let (name, behind) = rest.split_at(word);
        let (said, left) = translated(name, behind);
        out.push_str(&said);
        rest = left;
    }
    out
}

/// Returns the words for `name`, and for its arguments if `behind` begins with them, and the rest of `behind`.
fn translated<'a>(name: &'a str, behind: &'a str) -> (String, &'a str) {
    if name == TABLE && behind.starts_with('.') {
        return (String::new(), &behind[1..]);
    }
    if let ("List" | "LargeList" | "Struct", Some((inside, left))) = (name, in_parentheses(behind))
    {
        let inside = in_sql(inside).replace("\": ", ": ").replace('"', "");
        let name = if name == "Struct" { "STRUCT" } else { "ARRAY" };
        return (format!("{name}<{inside}>"), left);
    }
    let arguments = behind
        .strip_prefix('(')
        .and_then(|inside| inside.split_once(')'));
    match (name, arguments) {
        ("Decimal128" | "Decimal256", Some((arguments, left))) => {
            let parts: Vec<&str> = arguments.split(',').map(str::trim).collect();
            match parts.as_slice() {
                [value, _, _] => ((*value).to_owned(), left),
                _ => (format!("DECIMAL({})", parts.join(",")), left),
            }
        }
        ("Timestamp", Some((arguments, left))) => {
            let kind = match arguments.contains('"') {
                true => "TIMESTAMP",
                false => "TIMESTAMP_NTZ",
            };
            (kind.to_owned(), left)
        }
        ("Time32" | "Time64", Some((_, left))) => ("TIME".to_owned(), left),
        ("Interval" | "Duration", Some((_, left))) => ("INTERVAL".to_owned(), left),
        _ => match (TYPES.iter().find(|(kind, _)| *kind == name), arguments) {
            (Some(_), Some((value, left))) => (value.replace('"', "'"), left),
            (Some((_, kind)), None) => ((*kind).to_owned(), behind),
            (None, _) => (name.to_owned(), behind),
        },
    }
}

/// Returns the text in the parentheses with which `text` begins, including inner parentheses, and the text after them.
fn in_parentheses(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('(')?;
    let mut open = 1_usize;
    for (at, c) in inside.char_indices() {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some((&inside[..at], &inside[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::in_sql;

    #[test]
    fn types_and_literals_are_said_in_sql() {
        for (text, expected) in [
            ("Decimal128(12, 2) + Utf8View", "DECIMAL(12,2) + STRING"),
            ("Timestamp(µs, \"UTC\") > Int64", "TIMESTAMP > BIGINT"),
            (
                "date_part(Utf8(\"year\"),transactions.at) = Int64(7)",
                "date_part('year',at) = 7",
            ),
            ("x * Decimal128(1.1,2,1)", "x * 1.1"),
            (
                "List(Struct(\"key\": Utf8View, \"at\": Timestamp(µs, \"UTC\"))) = Int64",
                "ARRAY<STRUCT<key: STRING, at: TIMESTAMP>> = BIGINT",
            ),
            ("Time64(ns) - Duration(µs)", "TIME - INTERVAL"),
            ("my_transactions.x, Booleans", "my_transactions.x, Booleans"),
        ] {
            assert_eq!(in_sql(text), expected);
        }
    }
}

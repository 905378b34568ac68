//! Lists Spark's functions and DataFusion's names for them.

use sqlparser::ast::ObjectName;

/// Pairs of Spark's and DataFusion's name of a function whose arguments are the same.
pub(super) const RENAMED: &[(&str, &str)] = &[
    ("any", "bool_or"),
    ("approx_count_distinct", "approx_distinct"),
    ("approx_percentile", "approx_percentile_cont"),
    ("bool_every", "bool_and"),
    ("ceiling", "ceil"),
    ("char_length", "character_length"),
    ("dayofmonth", "day"),
    ("endswith", "ends_with"),
    ("every", "bool_and"),
    ("explode", "unnest"),
    ("lcase", "lower"),
    ("len", "character_length"),
    ("listagg", "string_agg"),
    ("percentile", "percentile_cont"),
    ("percentile_approx", "approx_percentile_cont"),
    ("regexp", "regexp_like"),
    ("rlike", "regexp_like"),
    ("size", "cardinality"),
    ("some", "bool_or"),
    ("startswith", "starts_with"),
    ("std", "stddev"),
    ("ucase", "upper"),
    ("unix_timestamp", "to_unixtime"),
    ("variance", "var_samp"),
];

/// Spark's functions of one timestamp, each with the field of `date_part` that it returns.
pub(super) const DATE_PARTS: &[(&str, &str)] = &[
    ("day", "day"),
    ("dayofyear", "doy"),
    ("hour", "hour"),
    ("minute", "minute"),
    ("month", "month"),
    ("quarter", "quarter"),
    ("second", "second"),
    ("weekofyear", "week"),
    ("year", "year"),
];

/// Functions of Spark that are each rewritten in their own way.
const REWRITTEN: &[&str] = &[
    "collect_list",
    "collect_set",
    "count_if",
    "date_add",
    "date_diff",
    "date_sub",
    "datediff",
    "dayofweek",
    "decode",
    "if",
    "isnotnull",
    "isnull",
    "locate",
    "weekday",
];

/// Returns the names of functions that are understood in addition to DataFusion's own.
pub fn names() -> impl Iterator<Item = &'static str> {
    let listed = RENAMED.iter().chain(DATE_PARTS).map(|(theirs, _)| *theirs);
    listed.chain(REWRITTEN.iter().copied())
}

/// Returns a function's name in small letters, or `None` if it has a path.
pub(crate) fn simple_name(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(|word| word.value.to_lowercase()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn the_page_on_sql_has_all_names() {
        let page = include_str!("../../../docs/sql.md");
        let missing: Vec<_> = names()
            .filter(|name| !page.contains(&format!("`{name}`")))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

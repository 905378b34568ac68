//! Explains what is wrong with a query, in one plain line: the fault, its place, and how to mend it.
//!
//! DataFusion's errors name its catalog, its types and its classes of errors, and ask for a bug report. This module
//! finds the meaning of such an error and states it in the words of SQL. It passes on a text that it does not know,
//! without DataFusion's prefixes.

use datafusion_common::DataFusionError;
use datafusion_common::utils::datafusion_strsim::normalized_levenshtein;
use datafusion_common::{Column, SchemaError};
use sqlparser::parser::ParserError;

mod structures;
mod tables;
mod words;

use words::in_sql;

pub(super) use tables::written;

/// The least likeness of two names that are suggested for one another: 0 means not alike at all, 1 means the same.
const ALIKE: f64 = 0.5;

/// The most columns that a message lists.
const LISTED: usize = 20;

/// Returns what went wrong, in one line.
pub fn error_text(error: &DataFusionError) -> String {
    match error.find_root() {
        DataFusionError::SchemaError(error, _) => match error.as_ref() {
            SchemaError::FieldNotFound {
                field,
                valid_fields,
            } => unknown_column(field, valid_fields),
            SchemaError::AmbiguousReference { field } => {
                format!("column {} could be several ones", field.name)
            }
            SchemaError::DuplicateQualifiedField { name, .. }
            | SchemaError::DuplicateUnqualifiedField { name } => twice(name),
        },
        DataFusionError::SQL(error, _) => match error.as_ref() {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => syntax(text),
            ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
        },
        root => told(&root.strip_backtrace()),
    }
}

/// Does what [`error_text`] does, for an error that prevents `query` from being parsed.
pub(super) fn syntax_error(error: &DataFusionError, query: &str) -> String {
    let text = match error.find_root() {
        DataFusionError::SQL(error, _) => match error.as_ref() {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
            ParserError::RecursionLimitExceeded => "",
        },
        _ => "",
    };
    let place = text
        .rsplit_once(" at Line: ")
        .map_or("", |(_, place)| place);
    let mut unquoted = tables::unquoted(query).into_iter();
    match unquoted.find(|name| name.has(place)) {
        Some(unquoted) => tables::wants_quotes(&unquoted.name),
        None => error_text(error),
    }
}

/// Does what [`error_text`] does, for an error in looking up the names of a query. `table` is the table to read, and
/// `functions` are all functions.
pub(super) fn lookup_error(
    error: &DataFusionError,
    query: &str,
    table: &str,
    functions: &[&str],
) -> String {
    let text = error.find_root().strip_backtrace();
    let mut unquoted = tables::unquoted(query).into_iter();
    if let Some(unquoted) = unquoted.find(|of| of.name.eq_ignore_ascii_case(table)) {
        return tables::wants_quotes(&unquoted.name);
    }
    if let Some(name) = between(&text, "table '", "' not found") {
        return format!("there is no table {name}; write FROM {}", written(table));
    }
    if let Some(name) = between(&text, "Invalid function '", "'") {
        return unknown_function(name, functions);
    }
    error_text(error)
}

fn unknown_column(field: &Column, valid: &[Column]) -> String {
    // The column is shown with its table if the query has written a table.
    let shown = |column: &Column| match (&field.relation, &column.relation) {
        (Some(_), Some(table)) => format!("{table}.{}", column.name),
        _ => column.name.clone(),
    };
    let wanted = shown(field);
    let mut names: Vec<String> = Vec::new();
    for column in valid {
        let name = shown(column);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return format!("there is no column {wanted} here");
    }
    let near = nearest(&wanted, names.iter().map(String::as_str));
    let mut listed: Vec<&str> = near.clone();
    listed.extend(
        names
            .iter()
            .map(String::as_str)
            .filter(|name| !near.contains(name)),
    );
    let more = match listed.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    listed.truncate(LISTED);
    // A word without quotes has only small letters by now.
    let text = match near.is_empty() && field.name.contains(|c: char| c == ' ' || c.is_uppercase())
    {
        true => format!(" (a text stands in single quotes: '{}')", field.name),
        false => String::new(),
    };
    format!(
        "there is no column {wanted}{text}; there are {}{more}",
        listed.join(", ")
    )
}

fn unknown_function(name: &str, functions: &[&str]) -> String {
    if name == "window" {
        return "there is no window() yet; date_bin(INTERVAL '1 minute', timestamp) groups by minute"
            .to_owned();
    }
    if functions.contains(&name) {
        return format!("{name}() takes other arguments than these, or needs OVER (…)");
    }
    let mut near = nearest(name, functions.iter().copied());
    near.truncate(3);
    match near.is_empty() {
        true => format!("there is no function {name}"),
        false => format!(
            "there is no function {name}; names like it: {}",
            near.join(", ")
        ),
    }
}

/// Returns the `names` that are like `wanted`, the most alike first.
fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut near: Vec<(f64, &str)> = names
        .into_iter()
        .map(|name| (normalized_levenshtein(&wanted, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    near.sort_by(|(one, name), (other, than)| other.total_cmp(one).then(name.cmp(than)));
    near.dedup();
    near.into_iter().map(|(_, name)| name).collect()
}

/// Returns the text of a syntax error such as `Expected: ), found: FROM at Line: 1, Column: 19`.
fn syntax(text: &str) -> String {
    let (what, place) = match text.rsplit_once(" at Line: ") {
        Some((what, place)) => (
            what,
            format!("line {}: ", place.replace(", Column: ", ", column ")),
        ),
        None => (text, String::new()),
    };
    // The parser's text contains the word in this form.
    if let Some(word) = between(
        what,
        "No infix parser for token Word(Word { value: \"",
        "\"",
    ) {
        return format!("{place}{word} is no operator here");
    }
    let what = structures::without(what)
        .replace("Expected: ", "expected ")
        .replace(", found: EOF", ", found the end of the query")
        .replace(", found: ", ", found ");
    format!("{place}{}", small(one_line(&what)))
}

/// Returns the text for two columns of one name. The planner names a call by its text, without the CASTs and
/// parentheses in it.
fn twice(name: &str) -> String {
    format!(
        "two columns are called {name}; give one of them another name with AS, or, if they differ in a CAST or in \
         parentheses, compute one in a subquery, as in FROM (SELECT CAST(x AS INT) AS y FROM …)"
    )
}

/// Returns the text of any other error.
fn told(text: &str) -> String {
    let mut text = text.trim();
    while let Some(inner) = WRAPPINGS
        .iter()
        .find_map(|before| text.strip_prefix(before))
    {
        text = inner;
    }
    // The text in braces is a part of the statement in the parser's own form.
    if let Some((told, tree)) = text.split_once(" { ")
        && tree.contains("span: Span(")
    {
        text = told;
    }
    if let Some(said) = known(text) {
        return small(in_sql(&one_line(&structures::without(&said))));
    }
    for behind in ["\n\n", ".\nThis issue was likely caused"] {
        text = text.split(behind).next().unwrap_or(text);
    }
    small(in_sql(&one_line(&structures::without(text))))
}

/// The prefixes that DataFusion puts before the text of an error, often several of them.
const WRAPPINGS: &[&str] = &[
    "Error during planning: ",
    "Execution error: ",
    "External error: ",
    "Schema error: ",
    "SQL error: ",
    "Arrow error: ",
    "Cast error: ",
    "Parser error: ",
    "Invalid argument error: ",
    "Compute error: ",
    "Internal error: ",
];

/// Returns the text of one of the most common errors, in the words that a person would use.
fn known(text: &str) -> Option<String> {
    if let Some((cause, call)) =
        text.split_once(" No function matches the given name and argument types '")
    {
        return Some(wrong_arguments(cause, call));
    }
    if let Some(column) = between(text, "column \"", "\" must appear in the GROUP BY clause") {
        return Some(format!(
            "{column} must stand in GROUP BY, or inside an aggregate as in max({column})"
        ));
    }
    if text.starts_with("Projections require unique expression names") {
        let expression = between(text, "the expression \"", "\" at position")?;
        let name = expression.rsplit(" AS ").next()?;
        return Some(twice(name.rsplit('.').next().unwrap_or(name)));
    }
    if let Some(predicate) = between(text, "non-boolean predicate '", "' returning ") {
        let kind = text.rsplit(" returning ").next()?;
        let predicate = predicate.rsplit(" AS ").next().unwrap_or(predicate);
        return Some(format!(
            "WHERE and HAVING take a condition; {predicate} is {kind}"
        ));
    }
    if let Some(field) = between(text, "Field ", " not found in struct") {
        return Some(format!("there is no field {field} in that STRUCT"));
    }
    if text.starts_with("Cannot access field at argument") {
        return Some(
            "only a STRUCT has fields; x[1] is the first element of an ARRAY x".to_owned(),
        );
    }
    if text.starts_with("For SELECT DISTINCT, ORDER BY") {
        return Some(
            "with DISTINCT, ORDER BY takes only columns of the result, by name or as in ORDER BY 1"
                .to_owned(),
        );
    }
    for before in [
        "Cannot infer common argument type for comparison operation ",
        "Cannot infer common argument type for logical boolean operation ",
        "Cannot infer common argument type for operation ",
        "Cannot infer common type for bitwise operation ",
        "Cannot coerce arithmetic expression ",
        "Cannot get result type for temporal operation ",
        "Cannot get result type for decimal operation ",
    ] {
        if let Some(operation) = text.strip_prefix(before) {
            let operation = operation.trim_end_matches(" to valid types");
            let operation = operation.split(": ").next().unwrap_or(operation);
            return Some(format!("{operation} is not defined; CAST one side"));
        }
    }
    if text.starts_with("Fail to find the coerced type") {
        return Some(
            "a function or a CASE has values whose types do not go together; CAST some of them"
                .to_owned(),
        );
    }
    if text.contains("Unnest should be rewritten") {
        return Some(
            "unnest and explode stand in the SELECT list; for a condition write \
             SELECT … FROM (SELECT unnest(x) AS y FROM …) WHERE y …"
                .to_owned(),
        );
    }
    if let Some(words) = between(text, "compound identifier: [", "]") {
        let path = words.replace(['"', ' '], "").replace(',', ".");
        return Some(format!("there is no column {path}"));
    }
    if let Some(variable) = between(text, "variable [\"", "\"] has no type information") {
        return Some(format!("{variable} is not known"));
    }
    if text == "Format error" {
        return Some(
            "a pattern of date_format or to_char has a % that is none of strftime's".to_owned(),
        );
    }
    let missing = text.strip_prefix("This feature is not implemented: ")?;
    let missing = missing
        .trim_start_matches("Unsupported ")
        .trim_start_matches("ast node ")
        .trim_start_matches("in sqltorel: ");
    Some(match missing.contains("not ") {
        true => missing.to_owned(),
        false => format!("not supported: {missing}"),
    })
}

/// Returns the text for wrong arguments, from `cause` and the rest of `No function matches … 'call'. … Candidate
/// functions: …`.
fn wrong_arguments(cause: &str, call: &str) -> String {
    if let Some((_, reason)) = cause.split_once("coercion failed with: ") {
        return told(reason.trim_end_matches('.'));
    }
    let (call, candidates) = call.split_once("'.").unwrap_or((call, ""));
    let lines = candidates
        .split_once("Candidate functions:")
        .map_or("", |(_, list)| list)
        .lines();
    let mut candidates: Vec<String> = Vec::new();
    for line in lines.map(str::trim).filter(|line| !line.is_empty()) {
        let candidate = each_once(&in_sql(line));
        if !candidates.contains(&candidate) && candidates.len() < 3 {
            candidates.push(candidate);
        }
    }
    format!(
        "there is no {call}; there is {}",
        candidates.join(", ").replace("NullAry()", "")
    )
}

/// Returns a signature such as `f(A/B/A, C)` in which each type of an argument comes only once.
fn each_once(candidate: &str) -> String {
    let mut shown = String::new();
    for part in candidate.split_inclusive(['(', ',', ')']) {
        let core = part.trim_end_matches(['(', ',', ')']);
        let mut types: Vec<&str> = Vec::new();
        for kind in core.split('/') {
            if !types.contains(&kind) {
                types.push(kind);
            }
        }
        shown.push_str(&types.join("/"));
        shown.push_str(&part[core.len()..]);
    }
    shown
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(behind).map(|(found, _)| found)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the text with a small first letter, as after a colon; a word such as `COUNT` stays.
fn small(mut text: String) -> String {
    let mut chars = text.chars();
    if let (Some(first), Some(second)) = (chars.next(), chars.next())
        && first.is_ascii_uppercase()
        && second.is_ascii_lowercase()
    {
        let first = first.to_ascii_lowercase().to_string();
        text.replace_range(..1, &first);
    }
    text
}

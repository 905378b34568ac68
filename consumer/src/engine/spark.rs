//! Names that users of Spark SQL know, turned into DataFusion's in the parsed statement, and columns
//! found whatever their case, as Spark finds them.
//!
//! Only names and shapes of calls change here, nothing is planned or checked.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, Value, VisitMut, VisitorMut,
    visit_expressions_mut,
};

/// Spark's name and DataFusion's, where the arguments are the same.
const RENAMED: &[(&str, &str)] = &[
    ("any", "bool_or"),
    ("approx_count_distinct", "approx_distinct"),
    ("approx_percentile", "approx_percentile_cont"),
    ("bool_every", "bool_and"),
    ("ceiling", "ceil"),
    ("char_length", "character_length"),
    ("collect_list", "array_agg"),
    ("dayofmonth", "day"),
    ("every", "bool_and"),
    ("explode", "unnest"),
    ("lcase", "lower"),
    ("len", "character_length"),
    ("listagg", "string_agg"),
    ("percentile_approx", "approx_percentile_cont"),
    ("size", "cardinality"),
    ("some", "bool_or"),
    ("std", "stddev"),
    ("ucase", "upper"),
    ("unix_timestamp", "to_unixtime"),
    ("variance", "var_samp"),
];

/// Spark's functions of one timestamp, and the field of `date_part` that they are.
const DATE_PARTS: &[(&str, &str)] = &[
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

/// Functions that are rewritten each in its own way.
const REWRITTEN: &[&str] = &["count_if", "if", "isnotnull", "isnull"];

/// The names that are understood here beside DataFusion's.
pub fn names() -> impl Iterator<Item = &'static str> {
    let listed = RENAMED.iter().chain(DATE_PARTS).map(|(theirs, _)| *theirs);
    listed.chain(REWRITTEN.iter().copied())
}

/// Rewrites `statement` in place. `columns` are the table's.
pub fn rewrite(statement: &mut Statement, columns: &Fields) {
    let Statement::Statement(statement) = statement else {
        return;
    };
    let mut names = HashMap::new();
    collect_names(columns, &mut names);
    let _ = statement.visit(&mut Identifiers { names });
    let _: ControlFlow<()> = visit_expressions_mut(statement.as_mut(), |expr| {
        if let Expr::CompoundFieldAccess { root, access_chain } = expr {
            rewrite_access(root, access_chain);
        }
        rewrite_call(expr);
        ControlFlow::Continue(())
    });
}

/// Names that unquoted words in SQL, which are lower-cased, would miss.
fn collect_names(fields: &Fields, names: &mut HashMap<String, String>) {
    for field in fields {
        let folded = field.name().to_lowercase();
        if folded != *field.name() {
            names.insert(folded, field.name().clone());
        }
        match field.data_type() {
            DataType::Struct(inner) => collect_names(inner, names),
            DataType::List(item) => collect_names(&Fields::from(vec![item.clone()]), names),
            _ => {}
        }
    }
}

struct Identifiers {
    names: HashMap<String, String>,
}

impl VisitorMut for Identifiers {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(word) => self.exact(word),
            Expr::CompoundIdentifier(words) => words.iter_mut().for_each(|word| self.exact(word)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Identifiers {
    fn exact(&self, word: &mut Ident) {
        if word.quote_style.is_none()
            && let Some(name) = self.names.get(&word.value.to_lowercase())
        {
            *word = Ident::with_quote('"', name.clone());
        }
    }
}

/// `_headers[1].key`: behind `[1]` DataFusion wants a field's name as text. Words before it may be those
/// of a table or column, and it finds these itself.
fn rewrite_access(root: &Expr, chain: &mut [AccessExpr]) {
    let behind = match root {
        Expr::Identifier(_) => chain
            .iter()
            .position(|access| !matches!(access, AccessExpr::Dot(_)))
            .unwrap_or(chain.len()),
        _ => 0,
    };
    for access in &mut chain[behind..] {
        if let AccessExpr::Dot(field) = access
            && let Expr::Identifier(word) = field
        {
            let name = match word.quote_style {
                Some(_) => word.value.clone(),
                None => word.value.to_lowercase(),
            };
            *field = Expr::Value(Value::SingleQuotedString(name).with_empty_span());
        }
    }
}

fn rewrite_call(expr: &mut Expr) {
    let Expr::Function(call) = expr else {
        return;
    };
    let Some(name) = simple_name(&call.name) else {
        return;
    };
    if let Some((_, ours)) = RENAMED.iter().find(|(theirs, _)| *theirs == name) {
        call.name = ObjectName::from(vec![Ident::new(*ours)]);
    }
    let name = simple_name(&call.name).unwrap_or(name);
    let rewritten = match (name.as_str(), arguments(call).as_slice()) {
        ("if", [condition, then, otherwise]) => Some(Expr::Case {
            case_token: AttachedToken::empty(),
            end_token: AttachedToken::empty(),
            operand: None,
            conditions: vec![CaseWhen {
                condition: condition.clone(),
                result: then.clone(),
            }],
            else_result: Some(Box::new(otherwise.clone())),
        }),
        ("isnull", [value]) => Some(Expr::IsNull(Box::new(value.clone()))),
        ("isnotnull", [value]) => Some(Expr::IsNotNull(Box::new(value.clone()))),
        ("count_if", [condition]) => {
            let mut counted = call.clone();
            counted.name = ObjectName::from(vec![Ident::new("count")]);
            counted.args = argument_list(vec![FunctionArgExpr::Wildcard]);
            counted.filter = Some(Box::new(match call.filter.clone() {
                Some(filter) => Expr::Nested(Box::new(Expr::BinaryOp {
                    left: Box::new(Expr::Nested(filter)),
                    op: BinaryOperator::And,
                    right: Box::new(Expr::Nested(Box::new(condition.clone()))),
                })),
                None => condition.clone(),
            }));
            Some(Expr::Function(counted))
        }
        ("date_format", [value, Expr::Value(pattern)]) => {
            let pattern = pattern.value.clone().into_string();
            pattern.as_deref().and_then(strftime).map(|pattern| {
                let mut formatted = call.clone();
                let pattern = Value::SingleQuotedString(pattern).with_empty_span();
                formatted.args = argument_list(vec![
                    FunctionArgExpr::Expr(value.clone()),
                    FunctionArgExpr::Expr(Expr::Value(pattern)),
                ]);
                Expr::Function(formatted)
            })
        }
        (name, [value]) => {
            DATE_PARTS
                .iter()
                .find(|(theirs, _)| *theirs == name)
                .map(|(_, part)| {
                    let mut extracted = call.clone();
                    extracted.name = ObjectName::from(vec![Ident::new("date_part")]);
                    let part = Value::SingleQuotedString((*part).to_owned()).with_empty_span();
                    extracted.args = argument_list(vec![
                        FunctionArgExpr::Expr(Expr::Value(part)),
                        FunctionArgExpr::Expr(value.clone()),
                    ]);
                    Expr::Function(extracted)
                })
        }
        _ => None,
    };
    if let Some(rewritten) = rewritten {
        *expr = rewritten;
    }
}

/// Spark's pattern of a date and time in strftime's letters; `None` if it is none of Spark's, or has
/// letters beyond the common ones.
fn strftime(pattern: &str) -> Option<String> {
    if pattern.contains('%') {
        return None;
    }
    let mut translated = String::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(first).len();
        let (letters, behind) = rest.split_at(run);
        translated.push_str(match letters {
            "yyyy" | "y" => "%Y",
            "yy" => "%y",
            "MM" => "%m",
            "MMM" => "%b",
            "MMMM" => "%B",
            "dd" => "%d",
            "d" => "%-d",
            "HH" => "%H",
            "hh" => "%I",
            "mm" => "%M",
            "ss" => "%S",
            "SSS" => "%3f",
            "a" => "%p",
            "E" | "EEE" => "%a",
            "EEEE" => "%A",
            _ if first.is_ascii_alphabetic() || first == '\'' => return None,
            other => other,
        });
        rest = behind;
    }
    Some(translated)
}

fn simple_name(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(|word| word.value.to_lowercase()),
        _ => None,
    }
}

/// The plain arguments of a call; empty if one of them has a name or is `*`.
fn arguments(call: &Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &call.args else {
        return Vec::new();
    };
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value.clone()),
            _ => None,
        })
        .collect::<Option<_>>()
        .unwrap_or_default()
}

fn argument_list(arguments: Vec<FunctionArgExpr>) -> FunctionArguments {
    FunctionArguments::List(FunctionArgumentList {
        duplicate_treatment: None,
        args: arguments.into_iter().map(FunctionArg::Unnamed).collect(),
        clauses: Vec::new(),
    })
}

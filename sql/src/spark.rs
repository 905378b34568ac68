//! Turns names that users of Spark SQL know into DataFusion's names, in the parsed query.
//!
//! Only names and the shapes of calls change here; nothing is planned or checked.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CastKind, DataType as SqlType, DuplicateTreatment, Expr,
    Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, OrderByExpr, OrderByOptions, Query, UnaryOperator, Value,
};

use self::names::{DATE_PARTS, RENAMED, simple_name};
use crate::walk::{Walker, walk};
use crate::{Ignored, clauses};

mod dates;
pub(crate) mod names;

/// Rewrites `query` in place.
///
/// # Errors
/// Fails if a pattern of `date_format` is not known here.
pub(crate) fn rewrite(query: &mut Query) -> Result<(), Ignored> {
    let mut calls = Calls { unknown: None };
    walk(query, &mut calls);
    calls.unknown.map_or(Ok(()), Err)
}

struct Calls {
    unknown: Option<Ignored>,
}

impl Walker for Calls {
    fn after(&mut self, expr: &mut Expr) {
        match expr {
            Expr::CompoundFieldAccess { root, access_chain } => rewrite_access(root, access_chain),
            Expr::RLike { .. } => rewrite_rlike(expr),
            _ => {
                if let Err(unknown) = rewrite_call(expr) {
                    self.unknown.get_or_insert(unknown);
                }
            }
        }
    }
}

/// Rewrites accesses such as `_headers[1].key`: behind `[1]` DataFusion wants a field's name as a text. Words before it
/// may name a table or a column; DataFusion finds these itself.
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

/// Rewrites the call of a function that Spark knows by this name; leaves anything else as it is.
fn rewrite_call(expr: &mut Expr) -> Result<(), Ignored> {
    let Expr::Function(call) = expr else {
        return Ok(());
    };
    let Some(name) = simple_name(&call.name) else {
        return Ok(());
    };
    if let Some((_, ours)) = RENAMED.iter().find(|(theirs, _)| *theirs == name) {
        call.name = ObjectName::from(vec![Ident::new(*ours)]);
    }
    let name = simple_name(&call.name).unwrap_or(name);
    // A call that becomes another kind of expression would lose its clauses, and nobody would notice. So it stays a
    // call.
    let is_aggregate = matches!(name.as_str(), "count_if" | "collect_list" | "collect_set");
    if !is_aggregate && clauses::of(call).is_some() {
        return Ok(());
    }
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
        // DataFusion's cast, too, reads bytes that are not UTF-8 as U+FFFD.
        ("decode", [bytes, charset]) if is_utf8(charset) => Some(Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(bytes.clone()),
            data_type: SqlType::String(None),
            array: false,
            format: None,
        }),
        ("isnull", [value]) => Some(Expr::IsNull(Box::new(value.clone()))),
        ("isnotnull", [value]) => Some(Expr::IsNotNull(Box::new(value.clone()))),
        ("count_if", [condition]) => {
            let mut counted = call.clone();
            counted.name = ObjectName::from(vec![Ident::new("count")]);
            counted.args = argument_list(vec![FunctionArgExpr::Wildcard]);
            filter_also(&mut counted, condition.clone());
            Some(Expr::Function(counted))
        }
        ("collect_list" | "collect_set", [value]) => {
            // Both functions leave NULL out.
            let mut collected = call.clone();
            filter_also(&mut collected, Expr::IsNotNull(Box::new(nested(value))));
            collected.name = ObjectName::from(vec![Ident::new("array_agg")]);
            if name == "collect_set" {
                collected.args = distinct_in_order(value);
            }
            Some(Expr::Function(collected))
        }
        // Spark counts from Sunday, which is 1; `dow` begins with 0.
        ("dayofweek", [value]) => {
            let part = date_part(call, "dow", value);
            Some(operation(part, BinaryOperator::Plus, one()))
        }
        // Spark counts from Monday, which is 0; `isodow` begins with 1.
        ("weekday", [value]) => {
            let part = date_part(call, "isodow", value);
            Some(operation(part, BinaryOperator::Minus, one()))
        }
        ("date_add", [date, days]) => {
            Some(operation(as_date(date), BinaryOperator::Plus, nested(days)))
        }
        ("date_sub", [date, days]) => Some(operation(
            as_date(date),
            BinaryOperator::Minus,
            nested(days),
        )),
        ("datediff" | "date_diff", [end, start]) => Some(operation(
            as_date(end),
            BinaryOperator::Minus,
            as_date(start),
        )),
        ("locate", [part, text]) => {
            let mut found = call.clone();
            found.name = ObjectName::from(vec![Ident::new("strpos")]);
            found.args = plain_arguments([text, part]);
            Some(Expr::Function(found))
        }
        ("date_format", [value, pattern]) => {
            let pattern = match pattern {
                Expr::Value(pattern) => pattern.value.clone().into_string(),
                _ => None,
            };
            let pattern = pattern.ok_or(dates::NO_TEXT)?;
            let mut formatted = call.clone();
            let pattern = Value::SingleQuotedString(dates::strftime(&pattern)?);
            let pattern = Expr::Value(pattern.with_empty_span());
            formatted.args = plain_arguments([value, &pattern]);
            Some(Expr::Function(formatted))
        }
        (name, [value]) => DATE_PARTS
            .iter()
            .find(|(theirs, _)| *theirs == name)
            .map(|(_, part)| date_part(call, part, value)),
        _ => None,
    };
    if let Some(rewritten) = rewritten {
        *expr = rewritten;
    }
    Ok(())
}

/// Returns whether the expression is a string literal that names UTF-8.
fn is_utf8(charset: &Expr) -> bool {
    match charset {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(name) => {
                matches!(name.to_lowercase().as_str(), "utf-8" | "utf8")
            }
            _ => false,
        },
        _ => false,
    }
}

/// Rewrites `x RLIKE 'a'` as `regexp_like(x, 'a')`.
fn rewrite_rlike(expr: &mut Expr) {
    let Expr::RLike {
        negated,
        expr: text,
        pattern,
        ..
    } = expr
    else {
        return;
    };
    let found = Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("regexp_like")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: plain_arguments([&**text, &**pattern]),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    });
    *expr = match negated {
        true => Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: Box::new(found),
        },
        false => found,
    };
}

/// Lets `call` take only rows that fulfil `condition`, in addition to its own FILTER.
fn filter_also(call: &mut Function, condition: Expr) {
    call.filter = Some(Box::new(match call.filter.take() {
        Some(filter) => operation(
            Expr::Nested(filter),
            BinaryOperator::And,
            nested(&condition),
        ),
        None => condition,
    }));
}

/// Returns the arguments `DISTINCT value ORDER BY value`.
fn distinct_in_order(value: &Expr) -> FunctionArguments {
    FunctionArguments::List(FunctionArgumentList {
        duplicate_treatment: Some(DuplicateTreatment::Distinct),
        args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(value.clone()))],
        clauses: vec![FunctionArgumentClause::OrderBy(vec![OrderByExpr {
            expr: value.clone(),
            options: OrderByOptions::default(),
            with_fill: None,
        }])],
    })
}

fn date_part(call: &Function, part: &str, value: &Expr) -> Expr {
    let mut extracted = call.clone();
    extracted.name = ObjectName::from(vec![Ident::new("date_part")]);
    let part = Expr::Value(Value::SingleQuotedString(part.to_owned()).with_empty_span());
    extracted.args = plain_arguments([&part, value]);
    Expr::Function(extracted)
}

fn as_date(value: &Expr) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(value.clone()),
        data_type: SqlType::Date,
        array: false,
        format: None,
    }
}

fn operation(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    nested(&Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    })
}

fn one() -> Expr {
    Expr::Value(Value::Number("1".to_owned(), false).with_empty_span())
}

fn nested(expr: &Expr) -> Expr {
    Expr::Nested(Box::new(expr.clone()))
}

/// Returns the plain arguments of a call, or none if one of them has a name or is `*`.
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

fn plain_arguments<'a>(arguments: impl IntoIterator<Item = &'a Expr>) -> FunctionArguments {
    let expressions = arguments.into_iter().cloned();
    argument_list(expressions.map(FunctionArgExpr::Expr).collect())
}

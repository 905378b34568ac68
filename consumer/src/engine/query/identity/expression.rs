//! Writes an expression in the grammar of [`identity`](super).

use std::collections::BTreeSet;
use std::fmt::Write;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion, TreeNodeVisitor};
use datafusion_common::{DFSchema, Result};
use datafusion_expr::expr::{Between, Case, Cast, InList, Like, TryCast};
use datafusion_expr::{Expr, Operator};
use twox_hash::XxHash3_64;

use super::values::{literal_text, type_text};

/// The most bytes of a projection's expression that is written wherever it is used. Without this limit, subqueries that
/// use each other's columns twice would make a text that doubles with each subquery.
const LONGEST_IN_PLACE: usize = 4096;

/// A column that an expression can name.
#[derive(Clone)]
pub(super) struct ScopeColumn {
    /// The column's expression, in the grammar of this module.
    pub text: String,
    /// Whether a projection computes it.
    pub is_computed: bool,
}

impl ScopeColumn {
    /// Returns a column that costs nothing to read.
    pub fn plain(text: String) -> Self {
        Self {
            text,
            is_computed: false,
        }
    }

    /// Returns a column that a projection computes by the expression `text`.
    pub fn computed(text: String) -> Self {
        let text = match text.len() {
            0..=LONGEST_IN_PLACE => text,
            _ => format!("##{:016x}", XxHash3_64::oneshot(text.as_bytes())),
        };
        Self {
            text,
            is_computed: true,
        }
    }
}

/// Returns the text of a column of the table.
pub(super) fn column_text(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A node whose children are being written.
struct Parent {
    /// The number of its children that have been begun.
    begun: usize,
    /// The number of its first children that are computed for each row.
    certain: usize,
}

/// Writes one expression over columns.
pub(super) struct ExpressionWriter<'a> {
    schema: &'a DFSchema,
    columns: &'a [ScopeColumn],
    text: String,
    /// Whether the expression is computed for each row.
    is_certain: bool,
    /// The nodes around the present one.
    around: Vec<Parent>,
    /// The texts of the computed columns that are certainly used.
    pub used: BTreeSet<String>,
    /// The names of the functions that are called.
    pub functions: BTreeSet<String>,
}

impl<'a> ExpressionWriter<'a> {
    /// Makes a writer. `columns` are the columns of `schema`, in its order.
    pub fn new(schema: &'a DFSchema, columns: &'a [ScopeColumn], is_certain: bool) -> Self {
        Self {
            schema,
            columns,
            text: String::new(),
            is_certain,
            around: Vec::new(),
            used: BTreeSet::new(),
            functions: BTreeSet::new(),
        }
    }

    /// Returns the text of `expr`.
    ///
    /// # Errors
    /// Fails for no expression that can be run.
    pub fn write(&mut self, expr: &Expr) -> Result<String> {
        expr.visit(self)?;
        Ok(std::mem::take(&mut self.text))
    }

    /// Begins the next child of the present node, and returns whether that child is computed for each row.
    fn begin(&mut self) -> bool {
        let Some(parent) = self.around.last_mut() else {
            return self.is_certain;
        };
        if parent.begun > 0 {
            self.text.push_str(", ");
        }
        parent.begun += 1;
        parent.begun <= parent.certain
    }
}

impl<'n> TreeNodeVisitor<'n> for ExpressionWriter<'_> {
    type Node = Expr;

    fn f_down(&mut self, expr: &'n Expr) -> Result<TreeNodeRecursion> {
        if matches!(expr, Expr::Alias(_)) {
            return Ok(TreeNodeRecursion::Continue);
        }
        let is_certain = self.begin();
        match expr {
            Expr::Column(column) => {
                let index = self.schema.maybe_index_of_column(column);
                match index.and_then(|index| self.columns.get(index)) {
                    Some(known) => {
                        self.text.push_str(&known.text);
                        if known.is_computed && is_certain {
                            self.used.insert(known.text.clone());
                        }
                    }
                    None => self.text.push_str(&column_text(&column.name)),
                }
            }
            Expr::Literal(value, _) => self.text.push_str(&literal_text(value)),
            _ => {
                if let Expr::ScalarFunction(call) = expr {
                    self.functions.insert(call.name().to_owned());
                }
                self.text.push_str(&head(expr));
                self.text.push('(');
                self.around.push(Parent {
                    begun: 0,
                    certain: if is_certain { certain(expr) } else { 0 },
                });
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn f_up(&mut self, expr: &'n Expr) -> Result<TreeNodeRecursion> {
        if !matches!(expr, Expr::Alias(_) | Expr::Column(_) | Expr::Literal(..)) {
            self.text.push(')');
            self.around.pop();
        }
        Ok(TreeNodeRecursion::Continue)
    }
}

/// Returns how many of the first children of `expr` are computed whenever `expr` is.
fn certain(expr: &Expr) -> usize {
    match expr {
        Expr::Case(case) => 1 + usize::from(case.expr.is_some()),
        Expr::BinaryExpr(binary) if matches!(binary.op, Operator::And | Operator::Or) => 1,
        Expr::InList(_) => 1,
        Expr::ScalarFunction(call) => match call.func.conditional_arguments(&call.args) {
            Some((eager, _lazy)) => usize::from(eager.first() == call.args.first().as_ref()),
            None => usize::MAX,
        },
        Expr::HigherOrderFunction(_) | Expr::Lambda(_) => 0,
        _ => usize::MAX,
    }
}

/// Returns everything in an expression's text except its children, which stands before them.
fn head(expr: &Expr) -> String {
    let not = |negated: &bool| if *negated { "NOT " } else { "" };
    match expr {
        Expr::BinaryExpr(binary) => operator(binary.op),
        Expr::Not(_) => "NOT".to_owned(),
        Expr::Negative(_) => "NEGATIVE".to_owned(),
        Expr::IsNull(_) => "IS NULL".to_owned(),
        Expr::IsNotNull(_) => "IS NOT NULL".to_owned(),
        Expr::IsTrue(_) => "IS TRUE".to_owned(),
        Expr::IsNotTrue(_) => "IS NOT TRUE".to_owned(),
        Expr::IsFalse(_) => "IS FALSE".to_owned(),
        Expr::IsNotFalse(_) => "IS NOT FALSE".to_owned(),
        Expr::IsUnknown(_) => "IS UNKNOWN".to_owned(),
        Expr::IsNotUnknown(_) => "IS NOT UNKNOWN".to_owned(),
        Expr::Between(Between { negated, .. }) => format!("{}BETWEEN", not(negated)),
        Expr::InList(InList { negated, .. }) => format!("{}IN", not(negated)),
        Expr::Like(Like {
            case_insensitive: true,
            ..
        }) => like(expr, "ILIKE"),
        Expr::Like(_) => like(expr, "LIKE"),
        Expr::SimilarTo(_) => like(expr, "SIMILAR"),
        Expr::Cast(Cast { field, .. }) => format!("CAST[{}]", type_text(field.data_type())),
        Expr::TryCast(TryCast { field, .. }) => {
            format!("TRY_CAST[{}]", type_text(field.data_type()))
        }
        Expr::Case(Case {
            expr,
            when_then_expr,
            else_expr,
        }) => {
            let of = if expr.is_some() { "of, " } else { "" };
            let rest = if else_expr.is_some() { ", else" } else { "" };
            format!("CASE[{of}{}{rest}]", when_then_expr.len())
        }
        Expr::ScalarFunction(call) => function(call.name()),
        other => format!("?{:?}", format!("{other:?}")),
    }
}

fn like(expr: &Expr, word: &str) -> String {
    let (Expr::Like(like) | Expr::SimilarTo(like)) = expr else {
        return word.to_owned();
    };
    let mut head = word.to_owned();
    if like.negated {
        head.insert_str(0, "NOT ");
    }
    if let Some(letter) = like.escape_char {
        // Writing to a String cannot fail.
        let _ = write!(head, " ESCAPE {:?}", letter.to_string());
    }
    head
}

fn function(name: &str) -> String {
    let is_plain = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '_');
    match !name.is_empty() && name.chars().all(is_plain) {
        true => name.to_owned(),
        false => format!("{name:?}"),
    }
}

fn operator(operator: Operator) -> String {
    let word = match operator {
        Operator::Eq => "=",
        Operator::NotEq => "<>",
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        Operator::Plus => "+",
        Operator::Minus => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::Modulo => "%",
        Operator::And => "AND",
        Operator::Or => "OR",
        Operator::IsDistinctFrom => "IS DISTINCT FROM",
        Operator::IsNotDistinctFrom => "IS NOT DISTINCT FROM",
        Operator::RegexMatch => "REGEX",
        Operator::RegexIMatch => "IREGEX",
        Operator::RegexNotMatch => "NOT REGEX",
        Operator::RegexNotIMatch => "NOT IREGEX",
        Operator::LikeMatch => "LIKE OPERATOR",
        Operator::ILikeMatch => "ILIKE OPERATOR",
        Operator::NotLikeMatch => "NOT LIKE OPERATOR",
        Operator::NotILikeMatch => "NOT ILIKE OPERATOR",
        Operator::BitwiseAnd => "&",
        Operator::BitwiseOr => "|",
        Operator::BitwiseXor => "^",
        Operator::BitwiseShiftRight => ">>",
        Operator::BitwiseShiftLeft => "<<",
        Operator::StringConcat => "||",
        other => return format!("?{:?}", format!("{other:?}")),
    };
    word.to_owned()
}

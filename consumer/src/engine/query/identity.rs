//! What a query computes up to and including its aggregate, as a value of our own. Two queries make the same states of
//! the same records if their values are equal.
//!
//! The value is read from the logical plan after the optimizer, because only then is it known which aggregates are
//! needed and which conditions of HAVING select records. Differences that an optimizer may introduce are removed:
//!
//! - An expression of a projection is written where it is used, whatever name it had in between. So common expressions,
//!   subqueries and aliases make no difference.
//! - Conditions that must all be true are a sorted list without duplicates, wherever in the plan they stood.
//! - An expression of a projection that is not certainly computed where it is used is listed as `computed`, since a
//!   record on which it fails is in no state.
//!
//! Lists that are unfolded divide the computation into stages: the expressions of a stage are computed for each of its
//! rows.
//!
//! # How an expression is written
//!
//! ```text
//! expression = column | literal | head "(" expression ", " … ")"
//! column     = "`" name "`"                 of the table; in the name a "`" is doubled
//!            | "#" stage "." index          an element of the list with this index that the stage unfolds
//!            | "#" stage ".FIELD[" index "]" "(" expression ")"
//!            | "##" hash                    an expression of a projection that is longer than 4,096 bytes
//! literal    = type ":" value               value: null, a number, "text", a decimal without its point, hex of bytes,
//!                                           [value, …] of a list or struct; times are counts of their unit since 1970
//! head       = name of a function           in lower-case letters, digits and "_"; otherwise in quotes
//!            | operator                     = <> < <= > >= + - * / % AND OR IS DISTINCT FROM, …
//!            | NOT, NEGATIVE, IS NULL, IS NOT NULL, IS TRUE, …
//!            | BETWEEN, IN, LIKE, ILIKE, SIMILAR; "NOT " before them if so; ESCAPE "c" behind them if so
//!            | CAST[type] | TRY_CAST[type]
//!            | CASE[of, n, else]            children: the operand (if `of`), n pairs, the rest (if `else`)
//!            | "?" text in quotes           anything else, as DataFusion's `Debug` has it
//! type       = BOOLEAN | INT8 … UINT64 | FLOAT32 | FLOAT64 | DECIMAL128(p,s) | STRING | UTF8 | BINARY | DATE32
//!            | TIMESTAMP(unit, "zone") | … | LIST<type> | STRUCT<type, …>
//! ```
//!
//! The printed form must never change, because it is stored with checkpoints.

mod expression;
mod plan_text;
mod values;

use std::collections::BTreeSet;

use datafusion_common::{DFSchema, NullHandling, Result, internal_err};
use datafusion_expr::expr::{AggregateFunction, NullTreatment};
use datafusion_expr::utils::split_conjunction;
use datafusion_expr::{Aggregate, Expr, LogicalPlan, Projection, Unnest};
use datafusion_physical_plan::ExecutionPlan;
use datafusion_physical_plan::aggregates::AggregateExec;
use serde::{Deserialize, Serialize};

use self::expression::{ExpressionWriter, ScopeColumn, column_text};
use self::values::layout_text;

pub(super) use self::plan_text::of_plan;

/// What a query computes up to and including its aggregate, or the whole query if it has no aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Computation {
    /// The stages from the record to the rows. The first stage unfolds no lists.
    stages: Vec<RowStage>,
    made: Outputs,
}

/// The expressions that are computed for each row after lists have been unfolded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowStage {
    /// The lists that are unfolded side by side. Each has its depth, and the rows that a record without elements makes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lists: Vec<String>,
    /// The conditions that must be true of a row, sorted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    conditions: BTreeSet<String>,
    /// The other expressions that must not fail, sorted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    computed: BTreeSet<String>,
}

/// The output that the rows become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Outputs {
    Groups {
        keys: Vec<GroupKey>,
        /// For each set of GROUPING SETS, which keys the set leaves out.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        sets: Vec<Vec<bool>>,
        aggregates: Vec<AggregateCall>,
    },
    Rows(Vec<RowColumn>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupKey {
    expression: String,
    #[serde(rename = "type")]
    data_type: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowColumn {
    name: String,
    expression: String,
}

/// A call of an aggregate function, with the types of its columns in a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AggregateCall {
    function: String,
    #[serde(default, skip_serializing_if = "is_false")]
    distinct: bool,
    arguments: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    order_by: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    ignore_nulls: bool,
    /// Whether the call collects in the opposite order of `order_by`, which then holds only for the other calls.
    #[serde(default, skip_serializing_if = "is_false")]
    reversed: bool,
    #[serde(rename = "type")]
    data_type: String,
    /// The types of the call's columns in a state.
    state: Vec<String>,
}

// The signature is the one that serde requires.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

impl Computation {
    /// Returns what the optimized plan `plan` computes, and the names of the functions that it uses. `partial` is the
    /// plan's aggregate in the form in which it is run, if the plan has one.
    ///
    /// # Errors
    /// Fails if the plan has a node that cannot be run.
    pub(super) fn of(
        plan: &LogicalPlan,
        partial: Option<&AggregateExec>,
    ) -> Result<(Self, BTreeSet<String>)> {
        let mut reader = PlanReader::default();
        let made = match (lowest_aggregate(plan), partial) {
            (Some(aggregate), Some(partial)) => reader.groups(aggregate, partial)?,
            (None, None) => reader.rows(plan)?,
            _ => return internal_err!("an aggregate is run that was not planned, or the reverse"),
        };
        reader.end_stage();
        let computation = Self {
            stages: reader.stages,
            made,
        };
        Ok((computation, reader.functions))
    }
}

/// Returns the aggregate next to the scan, if there is one.
fn lowest_aggregate(plan: &LogicalPlan) -> Option<&Aggregate> {
    let inputs = plan.inputs();
    let below = inputs.into_iter().find_map(lowest_aggregate);
    below.or(match plan {
        LogicalPlan::Aggregate(aggregate) => Some(aggregate),
        _ => None,
    })
}

/// Returns the word for the rows of a record whose lists are NULL or empty.
fn nulls(handling: &NullHandling) -> String {
    let word = match handling {
        NullHandling::Drop => "DROP",
        NullHandling::Preserve => "NULL FOR NULL",
        NullHandling::PreserveAndExpandEmpty => "NULL FOR NONE",
    };
    word.to_owned()
}

/// Reads a plan from the scan upwards.
#[derive(Default)]
struct PlanReader {
    /// The complete stages.
    stages: Vec<RowStage>,
    stage: RowStage,
    /// The expressions that projections of this stage compute.
    projected: BTreeSet<String>,
    /// The expressions among these that are certainly computed where they are used.
    used: BTreeSet<String>,
    functions: BTreeSet<String>,
}

impl PlanReader {
    /// Reads `node`, and returns the columns that it yields.
    fn node(&mut self, node: &LogicalPlan) -> Result<Vec<ScopeColumn>> {
        match node {
            LogicalPlan::TableScan(scan) => {
                let fields = scan.projected_schema.fields().iter();
                let columns: Vec<_> = fields
                    .map(|field| ScopeColumn::plain(column_text(field.name())))
                    .collect();
                for filter in &scan.filters {
                    self.condition(filter, &scan.projected_schema, &columns)?;
                }
                Ok(columns)
            }
            LogicalPlan::SubqueryAlias(alias) => self.node(&alias.input),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Filter(filter) => {
                let columns = self.node(&filter.input)?;
                self.condition(&filter.predicate, filter.input.schema(), &columns)?;
                Ok(columns)
            }
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            other => internal_err!("below an aggregate stands {}", other.display()),
        }
    }

    fn projection(&mut self, projection: &Projection) -> Result<Vec<ScopeColumn>> {
        let below = self.node(&projection.input)?;
        let columns = projection.expr.iter().map(|expr| {
            let expr = expr.clone().unalias_nested().data;
            if let Expr::Column(column) = &expr
                && let Some(index) = projection.input.schema().maybe_index_of_column(column)
                && let Some(column) = below.get(index)
            {
                return Ok(column.clone());
            }
            let text = self.text(&expr, projection.input.schema(), &below, true)?;
            if matches!(expr, Expr::Literal(..)) {
                return Ok(ScopeColumn::plain(text));
            }
            let column = ScopeColumn::computed(text);
            self.projected.insert(column.text.clone());
            Ok(column)
        });
        columns.collect()
    }

    fn condition(
        &mut self,
        condition: &Expr,
        schema: &DFSchema,
        columns: &[ScopeColumn],
    ) -> Result<()> {
        for part in split_conjunction(condition) {
            let text = self.text(part, schema, columns, true)?;
            self.stage.conditions.insert(text);
        }
        Ok(())
    }

    fn unnest(&mut self, unnest: &Unnest) -> Result<Vec<ScopeColumn>> {
        let below = self.node(&unnest.input)?;
        self.end_stage();
        let number = self.stages.len();
        for (index, list) in &unnest.list_type_columns {
            let text = below.get(*index).map_or("", |column| column.text.as_str());
            self.stage.lists.push(format!("{text} {}", list.depth));
        }
        self.stage.lists.push(nulls(&unnest.options.null_handling));
        // Each column of the output comes from one of the input. Several come from the same one if a list is unfolded
        // to several depths, or a struct into its fields.
        let mut columns = Vec::new();
        for (at, from) in unnest.dependency_indices.iter().enumerate() {
            let name = unnest.schema.field(at).name();
            let list = unnest.list_type_columns.iter().position(|(index, list)| {
                index == from && list.output_column.name() == name.as_str()
            });
            let Some(column) = below.get(*from) else {
                return internal_err!("a list's row has more columns than its input");
            };
            let text = match list {
                Some(list) => format!("#{number}.{list}"),
                None if unnest.struct_type_columns.contains(from) => {
                    let before = unnest.dependency_indices.iter().take(at);
                    let field = before.filter(|before| *before == from).count();
                    format!("#{number}.FIELD[{field}]({})", column.text)
                }
                None => column.text.clone(),
            };
            columns.push(ScopeColumn::plain(text));
        }
        Ok(columns)
    }

    fn end_stage(&mut self) {
        let mut stage = std::mem::take(&mut self.stage);
        let projected = std::mem::take(&mut self.projected);
        let used = std::mem::take(&mut self.used);
        stage.computed = projected.difference(&used).cloned().collect();
        self.stages.push(stage);
    }

    /// Returns the text of `expr`. `is_certain` tells whether it is computed for each row that passes the stage's
    /// conditions.
    fn text(
        &mut self,
        expr: &Expr,
        schema: &DFSchema,
        columns: &[ScopeColumn],
        is_certain: bool,
    ) -> Result<String> {
        let mut writer = ExpressionWriter::new(schema, columns, is_certain);
        let text = writer.write(expr)?;
        self.used.extend(writer.used);
        self.functions.extend(writer.functions);
        Ok(text)
    }

    fn rows(&mut self, plan: &LogicalPlan) -> Result<Outputs> {
        let columns = self.node(plan)?;
        let named = plan.schema().fields().iter().zip(columns);
        let named = named.map(|(field, column)| {
            self.used.insert(column.text.clone());
            RowColumn {
                name: field.name().clone(),
                expression: column.text,
            }
        });
        Ok(Outputs::Rows(named.collect()))
    }

    fn groups(&mut self, aggregate: &Aggregate, partial: &AggregateExec) -> Result<Outputs> {
        let below = self.node(&aggregate.input)?;
        let schema = aggregate.input.schema();
        let (exprs, is_set) = match aggregate.group_expr.as_slice() {
            [Expr::GroupingSet(sets)] => (sets.distinct_expr(), true),
            exprs => (exprs.iter().collect(), false),
        };
        let states = partial.schema();
        let keys = exprs.into_iter().zip(states.fields()).map(|(expr, field)| {
            Ok(GroupKey {
                expression: self.text(expr, schema, &below, true)?,
                data_type: layout_text(field.data_type()),
            })
        });
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let calls = aggregate.aggr_expr.iter().zip(partial.aggr_expr());
        let calls = calls.map(|(expr, run)| {
            let expr = expr.clone().unalias_nested().data;
            let Expr::AggregateFunction(AggregateFunction { params, .. }) = &expr else {
                return internal_err!("an aggregate calls {expr}");
            };
            let is_certain = params.filter.is_none();
            let filter = params.filter.as_ref();
            let arguments = params.args.iter();
            let arguments = arguments.map(|arg| self.text(arg, schema, &below, is_certain));
            let arguments = arguments.collect::<Result<_>>()?;
            let order_by = params.order_by.iter().map(|sort| {
                let text = self.text(&sort.expr, schema, &below, is_certain)?;
                let direction = if sort.asc { "ASC" } else { "DESC" };
                let nulls = if sort.nulls_first { "FIRST" } else { "LAST" };
                Ok(format!("{text} {direction} NULLS {nulls}"))
            });
            let order_by = order_by.collect::<Result<_>>()?;
            self.functions.insert(run.fun().name().to_owned());
            let state = run.state_fields()?;
            Ok(AggregateCall {
                function: run.fun().name().to_owned(),
                distinct: params.distinct,
                arguments,
                filter: filter
                    .map(|filter| self.text(filter, schema, &below, true))
                    .transpose()?,
                order_by,
                ignore_nulls: params.null_treatment == Some(NullTreatment::IgnoreNulls),
                reversed: run.is_reversed(),
                data_type: layout_text(run.field().data_type()),
                state: state
                    .iter()
                    .map(|field| layout_text(field.data_type()))
                    .collect(),
            })
        });
        let aggregates = calls.collect::<Result<Vec<_>>>()?;
        let sets = match is_set {
            true => partial.group_expr().groups().to_vec(),
            false => Vec::new(),
        };
        Ok(Outputs::Groups {
            keys,
            sets,
            aggregates,
        })
    }
}

#[cfg(test)]
mod tests;

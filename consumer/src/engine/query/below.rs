//! The part of a query below its aggregate, which is computed for each record by itself: filters, projections, unfolded
//! lists, and the aggregate's keys, arguments and conditions.
//!
//! This part runs separately from the aggregate. So a record that fails here has left no trace in the aggregate, and a
//! chunk that fails is halved until each record that fails stands alone.
//!
//! A record counts as failing if it fails when it is computed alone. Together with others, an expression may be
//! computed for a record for which it would not be computed alone: both sides of `x <> 0 AND 100 / x > 1` are computed
//! if the first side is true for enough other records of the chunk. Every expression that is computed for a record
//! alone is also computed for it together with others. So if several records succeed together, each of them succeeds
//! alone.

mod fallible;

use std::iter;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{BatchCoalescer, concat_batches, filter_record_batch, prep_null_mask_filter};
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion_common::{DataFusionError, Result, internal_err};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_plan::ExecutionPlan;
use datafusion_physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion_physical_plan::filter::FilterExec;
use datafusion_physical_plan::projection::ProjectionExec;

use crate::engine::execution::Environment;
use crate::engine::feed::{FeedExec, InputId};
use crate::engine::memory::is_exhausted;

pub(super) use self::fallible::can_fail;

/// What happens if the query fails on a record below its aggregate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRecordError {
    /// The query ends.
    #[default]
    Fail,
    /// The record counts as bad, and the query goes on.
    DeadLetter,
}

/// A record on which the query fails.
#[derive(Debug)]
pub struct FailedRecord {
    /// The record's row in its chunk, counted from 0.
    pub row: usize,
    /// The reason why the query fails.
    pub error: DataFusionError,
}

/// The steps that are computed for each record, one after the other.
#[derive(Debug)]
pub(super) struct Below {
    steps: Vec<BelowStep>,
    /// The columns that the last step makes.
    schema: SchemaRef,
    /// Whether there may be records on which a step fails.
    can_fail: bool,
}

#[derive(Debug)]
enum BelowStep {
    Filter {
        predicate: Arc<dyn PhysicalExpr>,
        /// The columns that the next steps read, if these are not all columns.
        columns: Option<Arc<[usize]>>,
    },
    Compute {
        columns: Vec<Computed>,
        schema: SchemaRef,
    },
    /// Any other node, which runs over a feed.
    Run(Arc<dyn ExecutionPlan>),
}

/// A column to compute.
#[derive(Debug)]
pub(super) struct Computed {
    pub(super) expr: Arc<dyn PhysicalExpr>,
    /// The condition of the rows for which the column is computed. For all other rows it is NULL.
    pub(super) only_if: Option<Arc<dyn PhysicalExpr>>,
}

/// The outcome of computing some records.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Rows, in the order of the records.
    pub(super) rows: Vec<RecordBatch>,
    /// The records that fail and make no rows, in their order.
    pub(super) failed: Vec<FailedRecord>,
}

impl Below {
    /// Returns the steps that `plan` computes for records.
    ///
    /// # Errors
    /// Fails if a node has several inputs, which no node below an aggregate has.
    pub(super) fn of_plan(plan: &Arc<dyn ExecutionPlan>) -> Result<Self> {
        let mut below = Self {
            steps: Vec::new(),
            schema: plan.schema(),
            can_fail: false,
        };
        below.add_steps(plan)?;
        Ok(below)
    }

    /// Adds a last step that computes `columns`, which have the types of `schema`.
    pub(super) fn then(mut self, columns: Vec<Computed>, schema: SchemaRef) -> Self {
        let before = mem::replace(&mut self.schema, Arc::clone(&schema));
        self.can_fail |= columns.iter().any(|column| {
            let exprs = [Some(&column.expr), column.only_if.as_ref()];
            exprs
                .into_iter()
                .flatten()
                .any(|expr| can_fail(expr, &before))
        });
        self.steps.push(BelowStep::Compute { columns, schema });
        self
    }

    /// Returns whether there may be records on which a step fails.
    pub(super) fn can_fail(&self) -> bool {
        self.can_fail
    }

    /// Computes the steps for `records`. With [`OnRecordError::Fail`], it computes nothing after the first record that
    /// fails.
    ///
    /// # Errors
    /// Fails if the memory limit does not allow the computation.
    pub(super) fn run_each(
        &self,
        environment: &Environment,
        records: &RecordBatch,
        on_error: OnRecordError,
    ) -> Result<Made> {
        let mut made = Made::default();
        // The rows to be computed next are the last ones of the list.
        let mut left: Vec<_> = iter::once(0..records.num_rows()).collect();
        while let Some(rows) = left.pop() {
            match self.run(environment, records.slice(rows.start, rows.len())) {
                Ok(of_these) if of_these.num_rows() == 0 => {}
                Ok(of_these) => made.rows.push(of_these),
                Err(error) if is_exhausted(&error) => return Err(error),
                Err(error) if rows.len() <= 1 => {
                    let row = rows.start;
                    made.failed.push(FailedRecord { row, error });
                    if on_error == OnRecordError::Fail {
                        break;
                    }
                }
                Err(_of_some) => left.extend(halves(rows)),
            }
        }
        made.rows = self.joined(made.rows)?;
        Ok(made)
    }

    fn add_steps(&mut self, plan: &Arc<dyn ExecutionPlan>) -> Result<()> {
        let input = match plan.children().as_slice() {
            [] => return Ok(()),
            [input] => Arc::clone(input),
            _ => return internal_err!("{} has several inputs", plan.name()),
        };
        self.add_steps(&input)?;
        let step = if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            self.can_fail |= can_fail(filter.predicate(), &input.schema());
            BelowStep::Filter {
                predicate: Arc::clone(filter.predicate()),
                columns: filter.projection().clone(),
            }
        } else if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            let columns = projection.expr().iter().map(|column| Computed {
                expr: Arc::clone(&column.expr),
                only_if: None,
            });
            let columns: Vec<_> = columns.collect();
            let mut exprs = columns.iter().map(|column| &column.expr);
            self.can_fail |= exprs.any(|expr| can_fail(expr, &input.schema()));
            BelowStep::Compute {
                columns,
                schema: projection.schema(),
            }
        } else {
            self.can_fail = true;
            let feed = Arc::new(FeedExec::new(InputId::FIRST, input.schema()));
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            BelowStep::Run(Arc::clone(plan).replace_children(vec![feed], options)?)
        };
        self.steps.push(step);
        Ok(())
    }

    fn run(&self, environment: &Environment, records: RecordBatch) -> Result<RecordBatch> {
        let mut rows = records;
        for step in &self.steps {
            // An expression that is the same for all rows would be computed even if there are no rows.
            if rows.num_rows() == 0 {
                return Ok(RecordBatch::new_empty(Arc::clone(&self.schema)));
            }
            rows = match step {
                BelowStep::Filter { predicate, columns } => {
                    filter(&rows, predicate, columns.as_deref())?
                }
                BelowStep::Compute { columns, schema } => compute(&rows, columns, schema)?,
                BelowStep::Run(node) => {
                    let made = environment.run(node, [rows])?;
                    concat_batches(&node.schema(), &made)?
                }
            };
        }
        Ok(rows)
    }

    /// Returns the same rows, joined into one batch if there are several, and without the texts of rows that a filter
    /// has removed.
    fn joined(&self, made: Vec<RecordBatch>) -> Result<Vec<RecordBatch>> {
        let filters = |step: &BelowStep| matches!(step, BelowStep::Filter { .. });
        let is_as_it_came = made.len() <= 1 && !self.steps.iter().any(filters);
        if is_as_it_came || self.schema.fields().is_empty() {
            return Ok(made);
        }
        // A filter copies the values of all other types, so only views still hold the texts of removed rows.
        let is_view = |field: &FieldRef| {
            matches!(field.data_type(), DataType::Utf8View | DataType::BinaryView)
        };
        if made.len() <= 1 && !self.schema.fields().iter().any(is_view) {
            return Ok(made);
        }
        let all: usize = made.iter().map(RecordBatch::num_rows).sum();
        if all == 0 {
            return Ok(Vec::new());
        }
        let mut coalescer = BatchCoalescer::new(Arc::clone(&self.schema), all);
        for rows in made {
            coalescer.push_batch(rows)?;
        }
        coalescer.finish_buffered_batch()?;
        Ok(iter::from_fn(|| coalescer.next_completed_batch()).collect())
    }
}

/// Returns both halves, the second one first.
fn halves(rows: Range<usize>) -> [Range<usize>; 2] {
    let middle = rows.start + rows.len() / 2;
    [middle..rows.end, rows.start..middle]
}

fn filter(
    rows: &RecordBatch,
    predicate: &Arc<dyn PhysicalExpr>,
    columns: Option<&[usize]>,
) -> Result<RecordBatch> {
    let kept = array(predicate, rows)?;
    let Some(kept) = kept.as_boolean_opt() else {
        return internal_err!("a filter's condition is {}", kept.data_type());
    };
    Ok(match columns {
        Some(columns) => filter_record_batch(&rows.project(columns)?, kept)?,
        None => filter_record_batch(rows, kept)?,
    })
}

fn compute(rows: &RecordBatch, columns: &[Computed], schema: &SchemaRef) -> Result<RecordBatch> {
    let arrays = columns.iter().map(|column| match &column.only_if {
        None => array(&column.expr, rows),
        Some(condition) => {
            let wanted = array(condition, rows)?;
            let Some(wanted) = wanted.as_boolean_opt() else {
                return internal_err!("a condition is {}", wanted.data_type());
            };
            let wanted = match wanted.null_count() {
                0 => wanted.clone(),
                _ => prep_null_mask_filter(wanted),
            };
            let made = column.expr.evaluate_selection(rows, &wanted)?;
            made.into_array(rows.num_rows())
        }
    });
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let made = RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?;
    Ok(made)
}

fn array(expr: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> Result<ArrayRef> {
    expr.evaluate(rows)?.into_array(rows.num_rows())
}

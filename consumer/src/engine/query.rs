//! Makes plans that can be run batch after batch from the text of a query.
//!
//! The query is planned once. If it aggregates, its plan is cut at the aggregate. The part up to and including the
//! aggregate makes partial states from records. The part above it (HAVING, ORDER BY, LIMIT, projections) computes the
//! result anew from the final groups of each batch. The aggregate itself exists in three modes: `Partial` makes states
//! from records, `PartialReduce` merges states, and `Final` makes groups from states. Without an aggregate, the whole
//! plan runs over the records of a batch and its rows are the result.

use std::collections::BTreeSet;
use std::slice;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion_common::DataFusionError;
use datafusion_physical_expr::expressions::Column;
use datafusion_physical_plan::aggregates::AggregateExec;
use datafusion_physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use sql::SqlError;
use thiserror::Error;

use self::below::Below;
use self::group_by_group::check_group_by_group;
use self::physical::aggregate::Modes;
use self::physical::apart::Apart;
use self::renamed::{are_alike, renamed};
use super::execution::{Environment, Execution};
use super::feed::InputId;
use super::functions::clock::TriggerClock;
use super::functions::nan::one_nan;
use super::memory::{Memory, bytes_of};
use super::quantity;
use super::refusal::{Refusal, check_optimized, check_written};
use crate::output_mode::OutputMode;

mod below;
mod explain;
mod group_by_group;
mod identity;
mod logical;
mod physical;
mod renamed;

pub use below::{FailedRecord, OnRecordError};
pub use explain::error_text;
pub use identity::Computation;

/// The name under which every stream can be queried, whatever the names of its topics.
pub const TABLE: &str = "transactions";

/// The input of a plan that takes the records of its table.
const RECORDS: InputId = InputId::FIRST;

/// The reason why a query cannot be started.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The text is not SQL, or names something that does not exist.
    #[error("{0}")]
    Invalid(String),
    /// The text is SQL whose result cannot be kept up to date.
    #[error("this query cannot be kept up to date: {0}")]
    Refused(#[from] Refusal),
}

impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> Self {
        Self::Invalid(error_text(&error))
    }
}

impl From<SqlError> for QueryError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Invalid(error) => error.into(),
            SqlError::Ignored(words) => Self::Refused(words.into()),
            SqlError::NotSelect(word) => Self::Refused(Refusal::NotSelect(word)),
            SqlError::Empty | SqlError::Several | SqlError::TooLong(_) => {
                Self::Invalid(error.to_string())
            }
        }
    }
}

fn parsed(text: &str) -> Result<Box<sqlparser::ast::Query>, QueryError> {
    sql::parse(text).map_err(|error| match error {
        SqlError::Invalid(error) => QueryError::Invalid(explain::syntax_error(&error, text)),
        other => other.into(),
    })
}

/// A query that has been checked and planned.
#[derive(Clone)]
pub struct Query {
    environment: Environment,
    clock: TriggerClock,
    table: SchemaRef,
    columns: Vec<usize>,
    schema: SchemaRef,
    plan: Plan,
    computation: Arc<Computation>,
    /// The names of the functions that the computation uses.
    functions: Arc<BTreeSet<String>>,
    /// Whether a result has only the groups that have changed.
    updates: bool,
}

#[derive(Clone)]
enum Plan {
    Aggregate {
        modes: Modes,
        above: Arc<dyn ExecutionPlan>,
    },
    Rows {
        plan: Arc<dyn ExecutionPlan>,
        /// The same plan in two parts, if there may be records on which it fails.
        apart: Option<Apart>,
    },
}

impl Query {
    /// Plans `text` over a table of these columns. The table is called [`TABLE`] and, if there is only one topic, like
    /// that topic too.
    ///
    /// # Errors
    /// Fails if the text is not SQL, names an unknown column or function, or asks for a result that cannot be kept up
    /// to date.
    pub fn plan(text: &str, table: &SchemaRef, topics: &[String]) -> Result<Self, QueryError> {
        let clock = TriggerClock::default();
        let topic = match topics {
            [topic] => Some(topic.as_str()),
            _ => None,
        };
        let config = logical::config();
        let catalog = logical::catalog(RECORDS, table, topic, &clock, &config);
        let parsed = parsed(text)?;
        let name = topic.unwrap_or(TABLE);
        let written = sql::plan(parsed, table.fields(), &catalog).map_err(|error| match error {
            SqlError::Invalid(error) => QueryError::Invalid(explain::lookup_error(
                &error,
                text,
                name,
                &catalog.function_names(),
            )),
            other => other.into(),
        })?;
        check_written(&written, &explain::written(name))?;
        let optimized = logical::optimize(written, config.options())?;
        check_optimized(&optimized, topics.len())?;
        let with_one_nan = one_nan(optimized.clone())?;
        let mut physical = physical::plan(&with_one_nan, &config)?;
        let columns = physical.columns.remove(&RECORDS);
        let columns = columns.ok_or(Refusal::ReadsNothing)?;
        let partial = physical.aggregate.as_ref().map(|modes| &modes.partial);
        let partial = partial.and_then(|plan| plan.downcast_ref::<AggregateExec>());
        let (computation, functions) = Computation::of(&with_one_nan, partial)?;
        let schema = quantity::marked(&physical.above.schema(), &optimized);
        let query = Self {
            environment: Environment::new(config, &Memory::default())?,
            clock,
            table: Arc::clone(table),
            columns,
            schema,
            plan: match physical.aggregate {
                Some(modes) => Plan::Aggregate {
                    modes,
                    above: physical.above,
                },
                None => Plan::Rows {
                    apart: Apart::of_rows(&physical.above)?,
                    plan: physical.above,
                },
            },
            computation: Arc::new(computation),
            functions: Arc::new(functions),
            updates: false,
        };
        query.rehearse()?;
        Ok(query)
    }

    /// Returns the same query, whose runs count what they hold in `memory` and stay within its limit.
    ///
    /// # Errors
    /// Fails if DataFusion cannot make an environment.
    pub fn within(self, memory: &Memory) -> Result<Self, DataFusionError> {
        Ok(Self {
            environment: self.environment.within(memory)?,
            ..self
        })
    }

    /// Returns the same query, whose results have only the groups that have changed. A query without an aggregate has
    /// no groups, and its results stay as they are.
    ///
    /// # Errors
    /// Fails if the result cannot be computed from only some of the groups.
    pub fn updating(self) -> Result<Self, QueryError> {
        if let Plan::Aggregate { above, .. } = &self.plan {
            check_group_by_group(above)?;
        }
        Ok(Self {
            updates: true,
            ..self
        })
    }

    /// Returns which rows the query's results have.
    pub fn output_mode(&self) -> OutputMode {
        match self.plan {
            Plan::Rows { .. } => OutputMode::Append,
            Plan::Aggregate { .. } if self.updates => OutputMode::Update,
            Plan::Aggregate { .. } => OutputMode::Complete,
        }
    }

    /// Returns the keys by which groups are looked up in a state. It is `None` if no groups are looked up, because each
    /// result has all of them or there is only one.
    pub fn looked_up_by(&self) -> Option<&SchemaRef> {
        match &self.plan {
            Plan::Aggregate { modes, .. } if self.updates => {
                (!modes.keys.fields().is_empty()).then_some(&modes.keys)
            }
            Plan::Aggregate { .. } | Plan::Rows { .. } => None,
        }
    }

    /// Returns the memory that counts what the query's runs hold.
    pub fn memory(&self) -> &Memory {
        self.environment.memory()
    }

    /// Returns whether at most a quarter of the room is taken. States may then be held twice for a while, and be merged
    /// while a result is computed.
    pub fn has_memory_to_spare(&self) -> bool {
        let memory = self.memory();
        memory.room().is_none_or(|room| memory.held() <= room / 4)
    }

    /// Returns whether so much memory is held that the records taken so far should be merged before more are taken.
    /// Rows exist twice while a result is made of them, so they may take half of the room.
    pub fn is_short_of_memory(&self) -> bool {
        let memory = self.memory();
        let room = memory.room().map(|room| match self.appends() {
            true => room / 2,
            false => room,
        });
        room.is_some_and(|room| memory.held() >= room)
    }

    /// Checks what can be known of `text` without a table: that it is SQL of a kind that is not refused.
    ///
    /// # Errors
    /// Fails for the same reasons as [`plan`](Self::plan).
    pub fn check(text: &str) -> Result<(), QueryError> {
        parsed(text).map(|_query| ())
    }

    /// Runs all parts over no records, so that a plan which DataFusion makes but cannot run is reported at once.
    fn rehearse(&self) -> Result<(), DataFusionError> {
        let states = self.partial()?.finish()?;
        let reduced = self.reduce(states)?;
        self.result(reduced).map(|_nothing| ())
    }

    /// Returns the columns of a result.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns all columns of the table.
    pub fn table(&self) -> &SchemaRef {
        &self.table
    }

    /// Returns the indices of the table's columns that are read. Batches handed to [`Partial::push`] have these
    /// columns, in this order.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Returns whether the query has no state: the rows of each batch are then a result of their own.
    pub fn appends(&self) -> bool {
        matches!(self.plan, Plan::Rows { .. })
    }

    /// Returns the column of the result by which the query sorts first.
    pub fn sorted_by(&self) -> Option<usize> {
        let Plan::Aggregate { above, .. } = &self.plan else {
            return None;
        };
        let first = above.output_ordering()?.first();
        first.expr.downcast_ref::<Column>().map(Column::index)
    }

    /// Returns the computation on which a state depends besides the columns: the query up to and including the
    /// aggregate, or the whole query if there is no aggregate.
    pub fn computation(&self) -> &Computation {
        &self.computation
    }

    /// Returns the names of the functions that the computation uses.
    pub fn functions(&self) -> &BTreeSet<String> {
        &self.functions
    }

    /// Returns stored states with the names that this program gives to their columns. These names follow from how
    /// DataFusion writes expressions, and have no meaning.
    ///
    /// # Errors
    /// Fails if a column that has no NULL in this query has one in a batch.
    pub fn adopted(&self, batches: Vec<RecordBatch>) -> Result<Vec<RecordBatch>, DataFusionError> {
        let Plan::Aggregate { modes, .. } = &self.plan else {
            return Ok(batches);
        };
        let schema = modes.partial.schema();
        let adopted = batches.into_iter().map(|batch| {
            let types = batch.schema();
            let mut fields = types.fields().iter().zip(schema.fields());
            let are_alike = types.fields().len() == schema.fields().len()
                && fields.all(|(one, other)| are_alike(one.data_type(), other.data_type()));
            // A batch whose types differ fails when it is merged.
            match are_alike && types != schema {
                true => renamed(&batch, &schema),
                false => Ok(batch),
            }
        });
        adopted.collect()
    }

    /// Returns the text by which older releases recognized a state: the plan from the records up to and including the
    /// aggregate, or the whole plan if there is no aggregate.
    pub fn plan_text(&self) -> String {
        let plan = match &self.plan {
            Plan::Aggregate { modes, .. } => &modes.partial,
            Plan::Rows { plan, .. } => plan,
        };
        identity::of_plan(plan)
    }

    /// Returns the clock that sets the value of `now()` above the aggregate.
    pub fn clock(&self) -> &TriggerClock {
        &self.clock
    }

    /// Returns whether there may be records on which the query fails below its aggregate.
    pub fn can_fail_on_records(&self) -> bool {
        self.apart().is_some()
    }

    fn apart(&self) -> Option<&Apart> {
        match &self.plan {
            Plan::Aggregate { modes, .. } => modes.apart.as_ref(),
            Plan::Rows { apart, .. } => apart.as_ref(),
        }
    }

    /// Starts the run over the records of one batch of one partition.
    ///
    /// # Errors
    /// Fails if DataFusion cannot start the plan.
    pub fn partial(&self) -> Result<Partial, DataFusionError> {
        let whole = match &self.plan {
            Plan::Aggregate { modes, .. } => &modes.partial,
            Plan::Rows { plan, .. } => plan,
        };
        let apart = self.apart();
        let plan = apart.map_or(whole, |apart| &apart.over);
        Ok(Partial {
            execution: Execution::start(&self.environment, plan)?,
            environment: self.environment.clone(),
            below: apart.map(|apart| Arc::clone(&apart.below)),
            schema: whole.schema(),
        })
    }

    /// Merges states, of any batches and partitions, so that each group comes once.
    ///
    /// # Errors
    /// Fails, for instance, if a sum overflows.
    pub fn reduce(
        &self,
        states: impl IntoIterator<Item = RecordBatch>,
    ) -> Result<Vec<RecordBatch>, DataFusionError> {
        match &self.plan {
            Plan::Aggregate { modes, .. } => self.environment.run(&modes.reduce, states),
            Plan::Rows { .. } => Ok(states.into_iter().collect()),
        }
    }

    /// Computes the result from the states of all partitions, or from the states of some groups. Without an aggregate,
    /// the rows of all partitions are the result.
    ///
    /// # Errors
    /// Fails, for instance, if a value does not fit its type.
    pub fn result(
        &self,
        states: impl IntoIterator<Item = RecordBatch>,
    ) -> Result<Outcome, DataFusionError> {
        let shown = self.memory().reserve_shown()?;
        let (batches, groups) = match &self.plan {
            Plan::Aggregate { modes, above } => {
                let groups = self.environment.run(&modes.last, states)?;
                let count = groups.iter().map(RecordBatch::num_rows).sum();
                (self.environment.run(above, groups)?, count)
            }
            Plan::Rows { .. } => (states.into_iter().collect(), 0),
        };
        let named = batches
            .into_iter()
            .map(|batch| RecordBatch::try_new(Arc::clone(&self.schema), batch.columns().to_vec()))
            .collect::<Result<Vec<_>, _>>()?;
        // A result is one batch, so its rows exist twice while it is made.
        let copy = self.memory().reserve("result");
        copy.try_grow(bytes_of(&named))?;
        let rows = concat_batches(&self.schema, &named)?;
        drop((named, copy));
        self.memory().claim(slice::from_ref(&rows))?;
        drop(shown);
        self.memory().give_out(&rows);
        Ok(Outcome { rows, groups })
    }
}

/// The result of a batch.
pub struct Outcome {
    /// The result's rows, in the query's order.
    pub rows: RecordBatch,
    /// The number of groups before HAVING and LIMIT.
    pub groups: usize,
}

/// A run over the records of one batch of one partition, which aggregates them as they come.
pub struct Partial {
    execution: Execution,
    environment: Environment,
    /// The part of the plan below the aggregate, which runs before `execution`, if that part can fail on a record.
    below: Option<Arc<Below>>,
    /// The columns of the states or rows that the run makes.
    schema: SchemaRef,
}

impl Partial {
    /// Adds records.
    ///
    /// # Errors
    /// Fails if an expression of the query fails on one of the records, for instance with a division by zero, or if the
    /// aggregate fails. The run cannot be used after that.
    pub fn push(&mut self, records: RecordBatch) -> Result<(), DataFusionError> {
        let mut failed = self.push_each(records, OnRecordError::Fail)?.into_iter();
        failed.next().map_or(Ok(()), |record| Err(record.error))
    }

    /// Adds the records on which no expression below the aggregate fails, and returns the others in their order. With
    /// [`OnRecordError::Fail`], if one fails, it adds none and returns only the first that fails.
    ///
    /// # Errors
    /// Fails if the aggregate itself fails or exceeds the memory limit. The run cannot be used after that.
    pub fn push_each(
        &mut self,
        records: RecordBatch,
        on_error: OnRecordError,
    ) -> Result<Vec<FailedRecord>, DataFusionError> {
        let Some(below) = &self.below else {
            self.execution.push(RECORDS, records)?;
            return Ok(Vec::new());
        };
        let made = below.run_each(&self.environment, &records, on_error)?;
        if made.failed.is_empty() || on_error == OnRecordError::DeadLetter {
            drop(records);
            for rows in made.rows {
                self.execution.push(InputId::FIRST, rows)?;
            }
        }
        Ok(made.failed)
    }

    /// Returns the size of the rows so far. An aggregate yields its rows only at the end.
    pub fn row_bytes(&self) -> usize {
        self.execution.output_bytes()
    }

    /// Ends the batch and returns the states of its groups, or its rows.
    ///
    /// # Errors
    /// Fails for the same reasons as [`push`](Self::push).
    pub fn finish(self) -> Result<Vec<RecordBatch>, DataFusionError> {
        let made = self.execution.finish()?;
        if self.below.is_none() {
            return Ok(made);
        }
        let named = made.iter().map(|rows| renamed(rows, &self.schema));
        named.collect()
    }
}

//! The source of a plan's rows: the table [`FeedTable`], the leaf [`FeedExec`] (the scan of that table, and any other
//! leaf of a plan), and the [`Feed`] that a running execution of the plan reads.
//!
//! A plan is made once and executed again and again, also for several partitions at the same time, so its leaf holds no
//! rows. The leaf finds the feed of its own execution in the task's context, and its rows in the feed by the id of its
//! input. A stream over an open feed without rows is pending and not at its end: the caller feeds it and polls again.
//! No waker is called, since the thread that feeds is also the one that polls.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Debug, Formatter};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion_common::tree_node::TreeNodeRecursion;
use datafusion_common::{DataFusionError, Result};
use datafusion_execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion_expr::TableSource;
use datafusion_physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion_physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion_physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::Stream;

/// The input of a plan for which rows are meant. Only the plan itself knows what the input stands for: the records of a
/// table, or the output of another plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputId(pub u32);

impl InputId {
    /// The first input of a plan; most plans have no other.
    pub const FIRST: Self = Self(0);
}

/// A table over which a query is planned. It has a schema only, and leaves all filters to the plan.
#[derive(Debug)]
pub struct FeedTable {
    input: InputId,
    schema: SchemaRef,
}

impl FeedTable {
    /// Returns a table of these columns, whose scan is `input` of the plan.
    pub fn new(input: InputId, schema: SchemaRef) -> Self {
        Self { input, schema }
    }

    /// Returns the input of the plan that scans this table.
    pub fn input(&self) -> InputId {
        self.input
    }
}

impl TableSource for FeedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// The leaf of all our plans: it yields the rows that the feed of its execution holds for its input.
#[derive(Debug)]
pub struct FeedExec {
    input: InputId,
    properties: Arc<PlanProperties>,
}

impl FeedExec {
    /// Returns a leaf that yields batches of `schema` as they are fed to `input`.
    pub fn new(input: InputId, schema: SchemaRef) -> Self {
        Self::with(input, EquivalenceProperties::new(schema))
    }

    /// Returns a leaf whose batches have these known properties.
    pub fn with(input: InputId, known: EquivalenceProperties) -> Self {
        Self {
            input,
            properties: Arc::new(PlanProperties::new(
                known,
                Partitioning::UnknownPartitioning(1),
                EmissionType::Incremental,
                Boundedness::Bounded,
            )),
        }
    }
}

impl DisplayAs for FeedExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "FeedExec")
    }
}

impl ExecutionPlan for FeedExec {
    fn name(&self) -> &str {
        "FeedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(
        &self,
        _partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let feed = context
            .session_config()
            .get_extension::<Feed>()
            .ok_or_else(|| DataFusionError::Internal("the plan runs without a feed".to_owned()))?;
        Ok(Box::pin(FeedStream {
            schema: ExecutionPlan::schema(self),
            input: self.input,
            feed,
        }))
    }
}

/// The rows of one execution for each of its plan's inputs. They are handed in while the execution runs.
#[derive(Debug, Default)]
pub struct Feed {
    queues: Mutex<FeedQueues>,
}

#[derive(Debug, Default)]
struct FeedQueues {
    batches: BTreeMap<InputId, VecDeque<RecordBatch>>,
    closed: bool,
}

impl Feed {
    /// Adds rows for `input`.
    pub fn push(&self, input: InputId, batch: RecordBatch) {
        let mut queues = self.queues();
        queues.batches.entry(input).or_default().push_back(batch);
    }

    /// Notes that no more rows come for any input.
    pub fn close(&self) {
        self.queues().closed = true;
    }

    fn queues(&self) -> MutexGuard<'_, FeedQueues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct FeedStream {
    schema: SchemaRef,
    input: InputId,
    feed: Arc<Feed>,
}

impl Stream for FeedStream {
    type Item = Result<RecordBatch>;

    fn poll_next(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut queues = self.feed.queues();
        let own = queues.batches.get_mut(&self.input);
        match own.and_then(VecDeque::pop_front) {
            Some(batch) => Poll::Ready(Some(Ok(batch))),
            None if queues.closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl RecordBatchStream for FeedStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use datafusion_execution::config::SessionConfig;
    use datafusion_physical_plan::joins::CrossJoinExec;

    use super::*;
    use crate::engine::execution::{Environment, Execution};
    use crate::engine::memory::Memory;

    #[test]
    fn each_leaf_of_a_plan_yields_the_rows_of_its_own_input() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let (one, other) = (InputId::FIRST, InputId(7));
        let leaf = |input| Arc::new(FeedExec::new(input, Arc::clone(&schema))) as _;
        let plan: Arc<dyn ExecutionPlan> = Arc::new(CrossJoinExec::new(leaf(one), leaf(other)));
        let environment = Environment::new(SessionConfig::new(), &Memory::default()).unwrap();
        let mut execution = Execution::start(&environment, &plan).unwrap();
        for (input, values) in [(other, [1, 2]), (one, [30, 40]), (other, [5, 6])] {
            let values = Arc::new(Int64Array::from(values.to_vec()));
            let rows = RecordBatch::try_new(Arc::clone(&schema), vec![values]).unwrap();
            execution.push(input, rows).unwrap();
        }
        let mut pairs = Vec::new();
        for rows in execution.finish().unwrap() {
            let column = |index| rows.column(index).as_primitive::<Int64Type>().values();
            pairs.extend(
                column(0)
                    .iter()
                    .zip(column(1))
                    .map(|(one, other)| one + other),
            );
        }
        pairs.sort_unstable();
        assert_eq!(pairs, [31, 32, 35, 36, 41, 42, 45, 46]);
    }
}

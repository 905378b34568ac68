//! Where a plan's rows come from: a table, [`FeedExec`], which is its scan and every other leaf, and the [`Feed`]
//! that a running execution of it reads.
//!
//! A plan is made once and executed again and again, also for several partitions at a time, so its
//! leaf holds no rows. It finds the feed of its own execution in the task's context. A stream over an
//! open feed that has run dry is pending, not at its end: the caller feeds it and polls again. Nothing
//! wakes anything here, since the thread that feeds is the one that polls.

use std::collections::VecDeque;
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

/// The table that a query is planned over: a schema, of which all filters stay in the plan.
#[derive(Debug)]
pub struct FeedTable {
    schema: SchemaRef,
}

impl FeedTable {
    /// A table of these columns.
    pub fn new(schema: SchemaRef) -> Self {
        Self { schema }
    }
}

impl TableSource for FeedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// The leaf of every plan of ours: yields what its execution's [`Feed`] holds.
#[derive(Debug)]
pub struct FeedExec {
    properties: Arc<PlanProperties>,
}

impl FeedExec {
    /// A leaf that yields batches of `schema` as they are fed.
    pub fn new(schema: SchemaRef) -> Self {
        Self::with(EquivalenceProperties::new(schema))
    }

    /// A leaf that yields batches of which this is known.
    pub fn with(known: EquivalenceProperties) -> Self {
        Self {
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
            feed,
        }))
    }
}

/// The rows of one execution, handed in while it runs.
#[derive(Debug, Default)]
pub struct Feed {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    batches: VecDeque<RecordBatch>,
    closed: bool,
}

impl Feed {
    /// Adds rows.
    pub fn push(&self, batch: RecordBatch) {
        self.queue().batches.push_back(batch);
    }

    /// Nothing comes after what is there.
    pub fn close(&self) {
        self.queue().closed = true;
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct FeedStream {
    schema: SchemaRef,
    feed: Arc<Feed>,
}

impl Stream for FeedStream {
    type Item = Result<RecordBatch>;

    fn poll_next(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut queue = self.feed.queue();
        match queue.batches.pop_front() {
            Some(batch) => Poll::Ready(Some(Ok(batch))),
            None if queue.closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl RecordBatchStream for FeedStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

//! One run of a physical plan over rows that are handed to it: on the caller's thread, without a
//! runtime, as far as the rows reach.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use arrow::array::RecordBatch;
use datafusion_common::{DataFusionError, Result};
use datafusion_execution::config::SessionConfig;
use datafusion_execution::runtime_env::RuntimeEnv;
use datafusion_execution::{SendableRecordBatchStream, TaskContext};
use datafusion_physical_plan::{ExecutionPlan, execution_plan::reset_plan_states};
use futures::StreamExt;

use super::feed::{Feed, InputId};
use super::memory::Memory;

/// What every execution of a query's plans shares.
#[derive(Clone)]
pub struct Environment {
    config: SessionConfig,
    runtime: Arc<RuntimeEnv>,
    memory: Memory,
}

impl Environment {
    /// The environment that the session planned for, within `memory`.
    ///
    /// # Errors
    /// If DataFusion cannot make it.
    pub fn new(config: SessionConfig, memory: &Memory) -> Result<Self> {
        Ok(Self {
            config,
            runtime: memory.runtime()?,
            memory: memory.clone(),
        })
    }

    /// The same within other memory.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn within(&self, memory: &Memory) -> Result<Self> {
        Self::new(self.config.clone(), memory)
    }

    /// What counts what its plans hold.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Runs `plan`, which has one input, over all of `batches` and returns what it yields.
    pub fn run(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        batches: impl IntoIterator<Item = RecordBatch>,
    ) -> Result<Vec<RecordBatch>> {
        let execution = Execution::start(self, plan)?;
        for batch in batches {
            execution.feed.push(InputId::FIRST, batch);
        }
        execution.finish()
    }
}

/// A plan that is being run. What it has yielded so far is kept until it is finished.
pub struct Execution {
    feed: Arc<Feed>,
    stream: SendableRecordBatchStream,
    memory: Memory,
    output: Vec<RecordBatch>,
    /// How many of them are counted.
    claimed: usize,
    output_bytes: usize,
}

impl Execution {
    /// Starts `plan` over no rows yet.
    ///
    /// A plan keeps state of its last run (TopK its dynamic filter), so it is reset first: without,
    /// `ORDER BY … LIMIT` loses rows from one run to the next.
    pub fn start(environment: &Environment, plan: &Arc<dyn ExecutionPlan>) -> Result<Self> {
        let feed = Arc::new(Feed::default());
        let config = environment.config.clone().with_extension(Arc::clone(&feed));
        let context = TaskContext::new(
            None,
            String::new(),
            config,
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            Arc::clone(&environment.runtime),
        );
        let stream = reset_plan_states(Arc::clone(plan))?.execute(0, Arc::new(context))?;
        Ok(Self {
            feed,
            stream,
            memory: environment.memory.clone(),
            output: Vec::new(),
            claimed: 0,
            output_bytes: 0,
        })
    }

    /// Runs the plan over one more batch of `input`.
    pub fn push(&mut self, input: InputId, batch: RecordBatch) -> Result<()> {
        self.feed.push(input, batch);
        self.poll()?;
        self.claim()
    }

    /// The size of what it has yielded so far.
    pub fn output_bytes(&self) -> usize {
        self.output_bytes
    }

    /// Tells the plan that its rows have ended and returns all that it has yielded.
    pub fn finish(mut self) -> Result<Vec<RecordBatch>> {
        self.feed.close();
        if self.poll()? {
            // Until now the operators have counted them as their own.
            self.claim()?;
            Ok(self.output)
        } else {
            // Only an operator that waits for another thread could do this, and none is planned.
            Err(DataFusionError::Internal(
                "the plan waits for something other than its rows".to_owned(),
            ))
        }
    }

    fn claim(&mut self) -> Result<()> {
        let new = self.output.get(self.claimed..).unwrap_or_default();
        self.claimed += new.len();
        self.memory.claim(new)
    }

    /// Polls until the stream is pending (`false`) or has ended (`true`).
    fn poll(&mut self) -> Result<bool> {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match self.stream.poll_next_unpin(&mut context) {
                Poll::Ready(Some(batch)) => {
                    let batch = batch?;
                    if batch.num_rows() > 0 {
                        self.output_bytes += batch.get_array_memory_size();
                        self.output.push(batch);
                    }
                }
                Poll::Ready(None) => return Ok(true),
                Poll::Pending => return Ok(false),
            }
        }
    }
}

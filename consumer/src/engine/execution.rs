//! One run of a physical plan over rows that are handed to it. It runs on the caller's thread, without an async
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

/// The environment that all executions of a query's plans share.
#[derive(Clone)]
pub struct Environment {
    config: SessionConfig,
    runtime: Arc<RuntimeEnv>,
    memory: Memory,
}

impl Environment {
    /// Makes the environment for plans of a session with this configuration, within `memory`.
    ///
    /// # Errors
    /// Fails if DataFusion cannot make the environment.
    pub fn new(config: SessionConfig, memory: &Memory) -> Result<Self> {
        Ok(Self {
            config,
            runtime: memory.runtime()?,
            memory: memory.clone(),
        })
    }

    /// Returns the same environment within another memory.
    ///
    /// # Errors
    /// Fails for the same reasons as [`new`](Self::new).
    pub fn within(&self, memory: &Memory) -> Result<Self> {
        Self::new(self.config.clone(), memory)
    }

    /// Returns the memory that counts what the environment's plans hold.
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

/// A plan that is running. Its rows are gathered here until it is finished.
pub struct Execution {
    feed: Arc<Feed>,
    stream: SendableRecordBatchStream,
    memory: Memory,
    output: Vec<RecordBatch>,
    /// The number of batches of `output` that the memory counts already.
    claimed: usize,
    output_bytes: usize,
}

impl Execution {
    /// Starts `plan`, which has no rows yet.
    ///
    /// A plan stores state of its last run (TopK its dynamic filter), so it is reset first. Otherwise `ORDER BY …
    /// LIMIT` would lose rows from one run to the next.
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

    /// Returns the size of the rows that the plan has yielded so far.
    pub fn output_bytes(&self) -> usize {
        self.output_bytes
    }

    /// Tells the plan that its rows have ended, and returns all rows that it has yielded.
    pub fn finish(mut self) -> Result<Vec<RecordBatch>> {
        self.feed.close();
        if self.poll()? {
            // Until now the operators have counted these rows as their own.
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

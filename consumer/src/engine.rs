//! The incremental engine: it keeps the result of one SQL query up to date, micro-batch after micro-batch.
//!
//! Records become partial states as they arrive, one state for each partition and batch. At the trigger these are
//! merged into the state of their partition, and the result is computed from the states of all partitions. No record is
//! read twice, and none is stored.

pub mod changelog;
pub mod execution;
pub mod feed;
pub mod functions;
pub mod memory;
pub mod quantity;
pub mod query;
pub mod refusal;
pub mod state;
pub mod task;
pub mod worker;

//! The incremental engine: one SQL query, kept up to date micro-batch after micro-batch.
//!
//! Records become partial states as they arrive, one for each partition and batch; at the trigger they
//! are merged into the partition's kept state, and the result is computed from the states of all
//! partitions. No record is looked at twice, and none is kept.

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

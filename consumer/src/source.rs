//! The source of records: the topics' partitions and their ends, and the members of the consumer group that read them,
//! each on its own thread.

pub mod admin;
pub mod client;
pub mod closing;
pub mod group_context;
pub mod group_members;
pub mod identity;
mod inlet;
pub mod member;
pub mod own_partitions;
mod records;
pub mod sample;
mod statistics;
pub mod topic_ids;
pub mod topics;
pub mod transactions;

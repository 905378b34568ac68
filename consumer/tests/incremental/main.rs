//! Checks that any split of the records into batches and partitions gives the result that DataFusion gives on all of
//! them at once.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod at_once;
mod complete;
mod record_errors;
mod stream;
mod updates;

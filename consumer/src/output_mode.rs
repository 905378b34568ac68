//! The output modes, named as in Spark's Structured Streaming.

use serde::Serialize;

/// The mode that decides which rows a batch's result has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum OutputMode {
    /// The result has all rows, in the query's order.
    #[default]
    Complete,
    /// The result has the groups that have changed since the last result, each with its present values. It has all
    /// groups if it is the first result, or if the changed groups are not known because another process has read on.
    Update,
    /// The result has the rows of the batch only. The query has no aggregate.
    Append,
}

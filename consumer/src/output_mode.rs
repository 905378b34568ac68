//! Which rows a batch's result has, in the words of Spark's Structured Streaming.

use serde::Serialize;

/// Which rows a batch's result has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum OutputMode {
    /// All of them, in the query's order.
    #[default]
    Complete,
    /// Those of the groups that have changed since the last result, each as it is now. The first result has all
    /// groups, and so has one where it is not known which have changed: after another process has read on.
    Update,
    /// The batch's own, of a query without an aggregate.
    Append,
}

//! The name of a query, which each of its events bears.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

/// The name of a query: its consumer group. A copy shares the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryName(Arc<str>);

impl QueryName {
    /// The name as it was given, not escaped.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for QueryName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl Display for QueryName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

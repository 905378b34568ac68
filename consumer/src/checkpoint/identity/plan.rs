//! The identity that releases before [`QueryIdentity`](super::QueryIdentity) used: the text of DataFusion's plan, as
//! the present release of DataFusion writes it.
//!
//! It is still stored, for three reasons. A location whose checkpoints are stored under its fingerprint is found by it,
//! also by older releases that share the location. An older release that finds it can say what it does not know. And
//! messages and lists describe a query to people by it.
//!
//! The JSON of this type must not change.

use arrow::datatypes::Schema;
use serde::{Deserialize, Serialize};

use super::columns::ReadColumn;
use crate::checkpoint::aggregate::Aggregate;
use crate::meaning::Meanings;

/// The number of changes to what this program's own aggregates and layers store. Each such change must raise it.
pub(super) const STATE_LAYOUT: u32 = 1;

/// The version of DataFusion without its last number, which only counts corrections. A test compares it with the
/// version in use.
const ENGINE: &str = "DataFusion 55.2";

/// The most characters of a plan's line that a message shows.
const MOST_SHOWN: usize = 160;

/// A query's identity by the text of its plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanIdentity {
    /// The topics, in alphabetical order.
    pub(super) topics: Vec<String>,
    /// The columns that the query reads.
    pub(super) columns: Vec<ReadColumn>,
    /// The plan up to the aggregate.
    pub(super) aggregate: String,
    pub(super) state_layout: u32,
    pub(super) engine: String,
    /// The meanings above the first of everything that the query reads and computes with.
    #[serde(default, skip_serializing_if = "Meanings::is_empty")]
    pub(super) meanings: Meanings,
}

impl PlanIdentity {
    /// Makes the identity of a query that reads `columns` of `topics`, in this program. `aggregate` is the text of its
    /// plan from the records up to and including the aggregate.
    pub fn new(topics: &[String], columns: &Schema, aggregate: &str, meanings: Meanings) -> Self {
        let mut topics = topics.to_vec();
        topics.sort();
        Self {
            topics,
            columns: ReadColumn::all_of(columns),
            aggregate: aggregate.trim().to_owned(),
            state_layout: STATE_LAYOUT,
            engine: ENGINE.to_owned(),
            meanings,
        }
    }

    /// Returns the same identity for a location whose checkpoints are stored under another fingerprint. An older
    /// release takes it for another query's, and says which program has written it.
    pub fn of_later_release(self) -> Self {
        Self {
            engine: "a later release of this program".to_owned(),
            ..self
        }
    }

    /// Returns the topics, in alphabetical order.
    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    /// Returns the plan up to the aggregate, as text.
    pub fn aggregate(&self) -> &str {
        &self.aggregate
    }

    /// Returns in words which release of DataFusion has written `stored`, if it was another one.
    pub(super) fn engine_difference(&self, stored: &Self) -> Option<String> {
        (self.engine != stored.engine).then(|| {
            format!(
                "it was kept by {}, this program has {}",
                stored.engine, self.engine
            )
        })
    }

    /// Returns what `stored` and this query aggregate, if that differs: in words, or else the first lines of the plans
    /// that differ.
    pub(super) fn aggregates(&self, stored: &Self) -> Option<(String, String)> {
        in_words(&stored.aggregate, &self.aggregate)
            .or_else(|| first_difference(&stored.aggregate, &self.aggregate))
    }

    /// Returns whether the two aggregates differ in words.
    pub(super) fn is_other_in_words(&self, stored: &Self) -> bool {
        in_words(&stored.aggregate, &self.aggregate).is_some()
    }
}

/// Returns in words what two plans aggregate, if the words differ.
fn in_words(stored: &str, own: &str) -> Option<(String, String)> {
    let words = |plan: &str| {
        let is_understood = plan.contains("AggregateExec: mode=Partial");
        is_understood.then(|| Aggregate::of_plan(plan).to_string())
    };
    let (theirs, ours) = (words(stored)?, words(own)?);
    (theirs != ours).then_some((theirs, ours))
}

/// Returns the first lines in which two texts differ.
pub(super) fn first_difference(theirs: &str, ours: &str) -> Option<(String, String)> {
    let (mut their_lines, mut our_lines) = (theirs.lines(), ours.lines());
    loop {
        match (their_lines.next(), our_lines.next()) {
            (None, None) => return None,
            (theirs, ours) if theirs.map(str::trim) == ours.map(str::trim) => {}
            (theirs, ours) => return Some((shown(theirs), shown(ours))),
        }
    }
}

fn shown(line: Option<&str>) -> String {
    let line = line.unwrap_or("shorter").trim();
    match line.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_the_one_that_is_there() {
        let (version, _patch) = datafusion::DATAFUSION_VERSION.rsplit_once('.').unwrap();
        assert_eq!(ENGINE, format!("DataFusion {version}"));
    }

    #[test]
    fn its_fingerprint_is_that_of_the_releases_that_took_it() {
        let columns = crate::schema::TableSchema::parse("card_brand STRING, amount DECIMAL(12,2)");
        let plan = "\
AggregateExec: mode=Partial, gby=[card_brand@0 as card_brand], aggr=[count(*)]
  FilterExec: amount@1 > 10
    FeedExec: columns=[card_brand, amount]";
        let topics = ["transactions".to_owned()];
        let columns = columns.unwrap();
        let identity = PlanIdentity::new(&topics, columns.columns(), plan, Meanings::new());
        let identity = PlanIdentity {
            engine: "DataFusion 55.2".to_owned(),
            ..identity
        };
        assert_eq!(
            crate::checkpoint::fingerprint::Fingerprint::of(&identity)
                .unwrap()
                .to_string(),
            "3e46e71269e0dc33"
        );
    }
}

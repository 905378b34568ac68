//! What a state depends on, and its fingerprint: two queries may use the same checkpoints if, and only
//! if, they have the same.
//!
//! HAVING, ORDER BY, LIMIT, intervals and the number of workers are not in it: they change what is made
//! of a state, not the state. Whatever changes the state must be: a new setting comes as an `Option`
//! that is left out of the JSON while it is `None`, so that older checkpoints keep their fingerprint.
//! For the same reason only those [`Meanings`] are in it that have been raised and that the query uses.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use arrow::datatypes::Schema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use twox_hash::XxHash3_64;

use super::aggregate::Aggregate;
use crate::meaning::{self, Meanings};
use crate::schema::TypeName;

/// Counts changes to what our own aggregates and layers keep. To be raised with each of them.
const STATE_LAYOUT: u32 = 1;

/// DataFusion without the last number of its version, which only mends faults. A test compares it with the one that is
/// there.
const ENGINE: &str = "DataFusion 55.2";

/// The most characters of a plan's line that a message shows.
const MOST_SHOWN: usize = 160;

/// All that the state of a query depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// In alphabetical order.
    topics: Vec<String>,
    /// Those that are read.
    columns: Vec<Column>,
    /// The plan up to the aggregate.
    aggregate: String,
    state_layout: u32,
    /// What DataFusion's own aggregates keep may change with its version.
    engine: String,
    /// The meanings, above the first, of what the query reads and computes with.
    #[serde(default, skip_serializing_if = "Meanings::is_empty")]
    meanings: Meanings,
}

/// A column and its type, in DDL words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
}

impl Identity {
    /// The identity of a query that reads `columns` of `topics`, in this program. `aggregate` is its plan
    /// from the records up to and including the aggregate, as text.
    pub fn new(topics: &[String], columns: &Schema, aggregate: &str) -> Self {
        let mut topics = topics.to_vec();
        topics.sort();
        let columns = columns.fields().iter().map(|field| {
            let not_null = if field.is_nullable() { "" } else { " NOT NULL" };
            Column {
                name: field.name().clone(),
                data_type: format!("{}{not_null}", TypeName(field)),
            }
        });
        Self {
            topics,
            columns: columns.collect(),
            aggregate: aggregate.trim().to_owned(),
            state_layout: STATE_LAYOUT,
            engine: ENGINE.to_owned(),
            meanings: Meanings::new(),
        }
    }

    /// The same, of a query that uses what has these meanings.
    pub fn with_meanings(self, meanings: Meanings) -> Self {
        Self { meanings, ..self }
    }

    /// The topics, in alphabetical order.
    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    /// The plan up to the aggregate, as text.
    pub fn aggregate(&self) -> &str {
        &self.aggregate
    }

    /// The fingerprint: the same on every machine.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which only a fault in this program can bring about.
    pub fn fingerprint(&self) -> Result<Fingerprint, serde_json::Error> {
        // A 64-bit hash that is no cryptographic one is enough: who can write to the location can do
        // anything, and the full text is kept beside the checkpoints and compared.
        serde_json::to_vec(self).map(|text| Fingerprint(XxHash3_64::oneshot(&text)))
    }

    /// In words, what `kept`, the query whose checkpoints are there, has otherwise; empty if nothing.
    pub fn difference(&self, kept: &Self) -> String {
        let mut differences = Vec::new();
        if self.topics != kept.topics {
            differences.push(format!(
                "it reads topic {}, this query {}",
                kept.topics.join(", "),
                self.topics.join(", ")
            ));
        }
        self.tell_columns(kept, &mut differences);
        if self.aggregate != kept.aggregate {
            let in_words = in_words(&kept.aggregate, &self.aggregate);
            // What a raised meaning has changed in a plan is told as that.
            let is_told = in_words.is_none() && self.meanings != kept.meanings;
            if !is_told {
                let (theirs, ours) =
                    in_words.unwrap_or_else(|| first_difference(&kept.aggregate, &self.aggregate));
                differences.push(format!("its aggregate is {theirs}, this query's {ours}"));
            }
        }
        if self.state_layout != kept.state_layout {
            differences.push(format!(
                "its state has layout {}, this program's {}",
                kept.state_layout, self.state_layout
            ));
        }
        if self.engine != kept.engine {
            differences.push(format!(
                "it was kept by {}, this program has {}",
                kept.engine, self.engine
            ));
        }
        differences.extend(meaning::differences(&self.meanings, &kept.meanings));
        differences.join("; ")
    }

    fn tell_columns(&self, kept: &Self, differences: &mut Vec<String>) {
        if self.columns == kept.columns {
            return;
        }
        let before = differences.len();
        for column in &kept.columns {
            match self.columns.iter().find(|own| own.name == column.name) {
                None => differences.push(format!(
                    "it reads column {}, this query does not",
                    column.name
                )),
                Some(own) if own.data_type != column.data_type => differences.push(format!(
                    "its column {} is {}, this query's {}",
                    column.name, column.data_type, own.data_type
                )),
                Some(_) => {}
            }
        }
        for own in &self.columns {
            if !kept.columns.iter().any(|column| column.name == own.name) {
                differences.push(format!("it does not read column {}", own.name));
            }
        }
        if differences.len() == before {
            differences.push("it reads the columns in another order".to_owned());
        }
    }
}

/// What two plans keep, in words, where these tell them apart.
fn in_words(kept: &str, own: &str) -> Option<(String, String)> {
    let words = |plan: &str| {
        let is_understood = plan.contains("AggregateExec: mode=Partial");
        is_understood.then(|| Aggregate::of_plan(plan).to_string())
    };
    let (theirs, ours) = (words(kept)?, words(own)?);
    (theirs != ours).then_some((theirs, ours))
}

/// The first lines in which two plans differ.
fn first_difference(theirs: &str, ours: &str) -> (String, String) {
    let (mut their_lines, mut our_lines) = (theirs.lines(), ours.lines());
    loop {
        match (their_lines.next(), our_lines.next()) {
            (None, None) => return ("written otherwise".to_owned(), "not".to_owned()),
            (theirs, ours) if theirs.map(str::trim) == ours.map(str::trim) => {}
            (theirs, ours) => return (shown(theirs), shown(ours)),
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

/// Names an [`Identity`]: 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

/// What was read is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a fingerprint has 16 hexadecimal digits")]
pub struct NoFingerprint;

impl Display for Fingerprint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let fingerprint = u64::from_str_radix(text, 16).map_err(|_error| NoFingerprint)?;
        let fingerprint = Self(fingerprint);
        // One way to write each: the name of its folder.
        if fingerprint.to_string() == text {
            Ok(fingerprint)
        } else {
            Err(NoFingerprint)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::schema::TableSchema;

    use super::*;

    const PLAN: &str = "\
AggregateExec: mode=Partial, gby=[card_brand@0 as card_brand], aggr=[count(*)]
  FilterExec: amount@1 > 10
    FeedExec: columns=[card_brand, amount]";

    fn identity(topics: &[&str], ddl: &str, plan: &str) -> Identity {
        let topics: Vec<String> = topics.iter().map(|&topic| topic.to_owned()).collect();
        let columns = TableSchema::parse(ddl).unwrap();
        Identity::new(&topics, columns.columns(), plan)
    }

    fn usual() -> Identity {
        identity(
            &["transactions"],
            "card_brand STRING, amount DECIMAL(12,2)",
            PLAN,
        )
    }

    #[test]
    fn the_engine_is_the_one_that_is_there() {
        let (version, _patch) = datafusion::DATAFUSION_VERSION.rsplit_once('.').unwrap();
        assert_eq!(ENGINE, format!("DataFusion {version}"));
    }

    #[test]
    fn a_fingerprint_is_the_same_on_every_machine_and_in_every_release() {
        let identity = Identity {
            engine: "DataFusion 55.2".to_owned(),
            ..usual()
        };
        assert_eq!(
            identity.fingerprint().unwrap().to_string(),
            "3e46e71269e0dc33"
        );
    }

    #[test]
    fn a_fingerprint_is_read_as_it_is_written_and_in_no_other_way() {
        let fingerprint = Fingerprint(0xab);
        assert_eq!(fingerprint.to_string(), "00000000000000ab");
        assert_eq!("00000000000000ab".parse(), Ok(fingerprint));
        for other in ["ab", "00000000000000AB", "+0000000000000ab", "", "x"] {
            assert_eq!(other.parse::<Fingerprint>(), Err(NoFingerprint), "{other}");
        }
    }

    #[test]
    fn a_raised_meaning_is_refused_with_what_it_means_and_an_unraised_one_leaves_no_trace() {
        let raised = usual().with_meanings(Meanings::from_iter([("STRING".to_owned(), 2)]));
        assert_eq!(
            raised.difference(&usual()),
            "its STRING has meaning 1, this program's 2: any JSON value is read as its text, and half a \
             surrogate as U+FFFD"
        );
        let json = serde_json::to_string(&usual()).unwrap();
        assert!(!json.contains("meanings"), "{json}");
    }

    #[test]
    fn what_a_timestamps_number_counts_is_part_of_it() {
        let counted = |ddl| identity(&["transactions"], ddl, PLAN);
        assert_eq!(
            counted("at TIMESTAMP_MILLIS").difference(&counted("at TIMESTAMP_SECONDS")),
            "its column at is TIMESTAMP_SECONDS, this query's TIMESTAMP_MILLIS"
        );
        assert_eq!(
            counted("at ARRAY<TIMESTAMP_MILLIS>").difference(&counted("at ARRAY<TIMESTAMP>")),
            "its column at is ARRAY<TIMESTAMP>, this query's ARRAY<TIMESTAMP_MILLIS>"
        );
    }

    #[test]
    fn what_a_raised_meaning_changes_in_a_plan_is_told_in_its_words_alone() {
        let plan = PLAN.to_owned() + "\nexactly: ceil(amount@1) of 2";
        let kept = identity(&["t"], "amount DECIMAL(12,2)", PLAN);
        let raised = Meanings::from_iter([("floor and ceil of DECIMAL".to_owned(), 2)]);
        let own = identity(&["t"], "amount DECIMAL(12,2)", &plan).with_meanings(raised);
        assert_eq!(
            own.difference(&kept),
            "its floor and ceil of DECIMAL has meaning 1, this program's 2: they have no digits behind the point"
        );
    }

    #[test]
    fn the_order_of_topics_changes_nothing() {
        let ddl = "amount DOUBLE";
        let one = identity(&["a", "b"], ddl, PLAN);
        let other = identity(&["b", "a"], ddl, PLAN);
        assert_eq!(one.fingerprint().unwrap(), other.fingerprint().unwrap());
        assert_eq!(one.difference(&other), "");
    }

    #[test]
    fn it_is_kept_as_json() {
        let json = serde_json::to_string(&usual()).unwrap();
        let read: Identity = serde_json::from_str(&json).unwrap();
        assert_eq!(read, usual());
    }

    #[test]
    fn each_difference_is_told_and_changes_the_fingerprint() {
        let ddl = "card_brand STRING, amount DECIMAL(12,2)";
        let cases = [
            (
                identity(&["transactions", "refunds"], ddl, PLAN),
                "it reads topic refunds, transactions, this query transactions",
            ),
            (
                identity(
                    &["transactions"],
                    "card_brand STRING, amount DOUBLE NOT NULL",
                    PLAN,
                ),
                "its column amount is DOUBLE NOT NULL, this query's DECIMAL(12,2)",
            ),
            (
                identity(&["transactions"], "card_brand STRING, city STRING", PLAN),
                "it reads column city, this query does not; it does not read column amount",
            ),
            (
                identity(
                    &["transactions"],
                    "amount DECIMAL(12,2), card_brand STRING",
                    PLAN,
                ),
                "it reads the columns in another order",
            ),
            (
                identity(&["transactions"], ddl, &PLAN.replace("> 10", "> 20")),
                "its aggregate is count(*) by card_brand where amount > 20, this query's count(*) by \
                 card_brand where amount > 10",
            ),
            (
                Identity {
                    state_layout: 0,
                    ..usual()
                },
                "its state has layout 0, this program's 1",
            ),
            (
                Identity {
                    engine: "DataFusion 54.0".to_owned(),
                    ..usual()
                },
                "it was kept by DataFusion 54.0, this program has DataFusion 55.2",
            ),
            (
                usual().with_meanings(Meanings::from_iter([("STRING".to_owned(), 3)])),
                "its STRING has meaning 3, this program's 1",
            ),
        ];
        for (kept, difference) in cases {
            assert_eq!(usual().difference(&kept), difference);
            assert_ne!(
                usual().fingerprint().unwrap(),
                kept.fingerprint().unwrap(),
                "{difference}"
            );
        }
    }
}

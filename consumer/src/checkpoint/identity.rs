//! What a state depends on: two queries may use the same checkpoints if, and only if, they have the same identity.
//!
//! HAVING, ORDER BY, LIMIT, intervals and the number of workers are not part of it: they change what is made of a
//! state, not the state. Whatever changes the state must be part of it. A new setting comes as an `Option` that is left
//! out of the JSON while it is `None`, so that older checkpoints keep their fingerprint. For the same reason it has
//! only those [`Meanings`] that have been raised and that the query uses.
//!
//! It is a value of this program ([`Computation`]), so that another release of DataFusion finds the checkpoints of this
//! one. If such a release changes an answer, or what an aggregate stores in columns of the same types, a meaning must
//! be raised. Older releases took the text of a plan ([`PlanIdentity`]). A location's [`Description`] has both.

mod columns;
mod plan;

use arrow::datatypes::Schema;
use serde::{Deserialize, Serialize};

use self::columns::ReadColumn;
use self::plan::{STATE_LAYOUT, first_difference};
use super::fingerprint::Fingerprint;
use crate::engine::query::{Computation, Query};
use crate::meaning::{self, Meanings};

pub use self::plan::PlanIdentity;

/// The form of an identity, which counts up. The first form was [`PlanIdentity`].
const FORM: u32 = 2;

/// Everything that the state of a query depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
// An identity with a field of a later release, which this release does not know, is another identity.
#[serde(deny_unknown_fields)]
pub struct QueryIdentity {
    form: u32,
    /// The topics, in alphabetical order.
    topics: Vec<String>,
    /// The columns that the query reads.
    columns: Vec<ReadColumn>,
    computation: Computation,
    state_layout: u32,
    /// The meanings above the first of everything that the query reads and computes with.
    #[serde(default, skip_serializing_if = "Meanings::is_empty")]
    meanings: Meanings,
}

/// The description of a query that is stored beside its checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The part that older releases compare, and from which messages are made.
    #[serde(flatten)]
    plan: PlanIdentity,
    /// The identity; `None` if only older releases have used the location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query: Option<QueryIdentity>,
}

impl Description {
    /// Returns the description of `query`, which reads `columns` of `topics`, in this program.
    pub fn of(query: &Query, topics: &[String], columns: &Schema) -> Self {
        // Without an aggregate only offsets are stored. These mean the same whatever a record's value is.
        let meanings = match query.appends() {
            true => Meanings::new(),
            false => {
                let mut meanings = meaning::of_columns(columns);
                meanings.extend(meaning::of_functions(query.functions()));
                meanings
            }
        };
        let plan = meaning::before(&query.plan_text());
        let plan = PlanIdentity::new(topics, columns, &plan, meanings.clone());
        let query = QueryIdentity {
            form: FORM,
            topics: plan.topics.clone(),
            columns: plan.columns.clone(),
            computation: query.computation().clone(),
            state_layout: STATE_LAYOUT,
            meanings,
        };
        Self {
            plan,
            query: Some(query),
        }
    }

    /// Returns the topics, in alphabetical order.
    pub fn topics(&self) -> &[String] {
        self.plan.topics()
    }

    /// Returns the plan up to the aggregate, as text.
    pub fn aggregate(&self) -> &str {
        self.plan.aggregate()
    }

    /// Returns the fingerprint of the query's identity.
    ///
    /// # Errors
    /// Fails if it cannot be written as JSON, which only a fault in this program can bring about.
    pub fn fingerprint(&self) -> Result<Fingerprint, serde_json::Error> {
        match &self.query {
            Some(query) => Fingerprint::of(query),
            None => self.former_fingerprint(),
        }
    }

    /// Returns the fingerprint that older releases give the identity.
    ///
    /// # Errors
    /// Fails for the same reasons as [`fingerprint`](Self::fingerprint).
    pub fn former_fingerprint(&self) -> Result<Fingerprint, serde_json::Error> {
        Fingerprint::of(&self.plan)
    }

    /// Returns the description that is stored with checkpoints under its [`fingerprint`](Self::fingerprint).
    pub(super) fn under_new_name(&self) -> Self {
        Self {
            plan: self.plan.clone().of_later_release(),
            query: self.query.clone(),
        }
    }

    /// Returns the description that is stored with checkpoints whose description an older release has written.
    pub(super) fn beside(&self, stored: &Self) -> Self {
        Self {
            plan: stored.plan.clone(),
            query: self.query.clone(),
        }
    }

    /// Returns whether only older releases have written this description.
    pub(super) fn is_former(&self) -> bool {
        self.query.is_none()
    }

    /// Returns whether the `stored` description is of the same query.
    pub(super) fn is_same(&self, stored: &Self) -> bool {
        match &stored.query {
            Some(_) => self.query == stored.query,
            None => self.plan == stored.plan,
        }
    }

    /// Returns in words how the `stored` query, whose checkpoints are there, differs from this one; empty if it does
    /// not.
    pub fn difference(&self, stored: &Self) -> String {
        let (own, other) = (&self.plan, &stored.plan);
        let mut differences = Vec::new();
        if own.topics != other.topics {
            differences.push(format!(
                "it reads topic {}, this query {}",
                other.topics.join(", "),
                own.topics.join(", ")
            ));
        }
        differences.extend(columns::differences(&own.columns, &other.columns));
        if let Some((theirs, ours)) = self.aggregates(stored) {
            differences.push(format!("its aggregate is {theirs}, this query's {ours}"));
        }
        if own.state_layout != other.state_layout {
            differences.push(format!(
                "its state has layout {}, this program's {}",
                other.state_layout, own.state_layout
            ));
        }
        match (&self.query, &stored.query) {
            (Some(own), Some(other)) if own.form != other.form => differences.push(format!(
                "its identity has form {}, this program's {}",
                other.form, own.form
            )),
            (_, Some(_)) => {}
            (_, None) => differences.extend(own.engine_difference(other)),
        }
        differences.extend(meaning::differences(&own.meanings, &other.meanings));
        differences.join("; ")
    }

    /// Returns what the two queries aggregate, if that differs. What a raised meaning has changed is reported as a
    /// meaning.
    fn aggregates(&self, stored: &Self) -> Option<(String, String)> {
        let is_meaning = self.plan.meanings != stored.plan.meanings;
        let is_told = is_meaning && !self.plan.is_other_in_words(&stored.plan);
        let is_same = match (&self.query, &stored.query) {
            (Some(own), Some(other)) => own.computation == other.computation,
            _ => self.plan.aggregate == stored.plan.aggregate,
        };
        if is_told || is_same {
            return None;
        }
        let lines = |of: &Self| serde_json::to_string_pretty(&of.query).unwrap_or_default();
        let in_identity = || first_difference(&lines(stored), &lines(self));
        self.plan.aggregates(&stored.plan).or_else(in_identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::TableSchema;

    const DDL: &str =
        "card_brand STRING, amount DECIMAL(12,2), ratio DOUBLE NOT NULL, seconds TIMESTAMP_SECONDS";
    const SQL: &str =
        "SELECT card_brand, count(*) FROM transactions WHERE amount > 10 GROUP BY card_brand";

    fn described(topics: &[&str], ddl: &str, sql: &str) -> Description {
        let topics: Vec<String> = topics.iter().map(|&topic| topic.to_owned()).collect();
        let table = TableSchema::parse(ddl).unwrap();
        let query = Query::plan(sql, table.table(), &[]).unwrap();
        let columns = table.declared().project(query.columns()).unwrap();
        Description::of(&query, &topics, &columns)
    }

    fn usual() -> Description {
        described(&["transactions"], DDL, SQL)
    }

    /// Returns the description that a release before this one has written.
    fn former(description: &Description) -> Description {
        Description {
            query: None,
            ..description.clone()
        }
    }

    fn with_meaning(mut description: Description, name: &str, number: u32) -> Description {
        let meanings = &mut description.query.as_mut().unwrap().meanings;
        meanings.insert(name.to_owned(), number);
        description.plan.meanings = meanings.clone();
        description
    }

    #[test]
    fn a_fingerprint_is_the_same_on_every_machine_and_in_every_release() {
        let json = serde_json::to_string(&usual().query).unwrap();
        assert_eq!(
            json,
            r#"{"form":2,"topics":["transactions"],"columns":[{"name":"card_brand","type":"STRING"},{"name":"amount","type":"DECIMAL(12,2)"}],"computation":{"stages":[{"conditions":[">(`amount`, DECIMAL128(12,2):1000)"]}],"made":{"groups":{"keys":[{"expression":"`card_brand`","type":"STRING"}],"aggregates":[{"function":"count","arguments":["INT64:1"],"type":"INT64","state":["INT64"]}]}}},"state_layout":1,"meanings":{"STRING":2}}"#
        );
        assert_eq!(
            usual().fingerprint().unwrap().to_string(),
            "3c2013b04fc05027"
        );
        assert_eq!(
            usual().former_fingerprint().unwrap().to_string(),
            "8d344bbba9b7bba5"
        );
    }

    #[test]
    fn it_is_read_as_it_is_written_and_by_older_releases_as_theirs() {
        let json = serde_json::to_string(&usual()).unwrap();
        assert_eq!(serde_json::from_str::<Description>(&json).unwrap(), usual());
        let plan: PlanIdentity = serde_json::from_str(&json).unwrap();
        assert_eq!(plan, usual().plan);
        let former = former(&usual());
        assert_eq!(
            serde_json::to_string(&former).unwrap(),
            serde_json::to_string(&plan).unwrap()
        );
    }

    #[test]
    fn what_a_later_release_adds_to_an_identity_is_not_passed_over() {
        let json = serde_json::to_string(&usual()).unwrap();
        for (known, later) in [
            ("\"form\":2", "\"form\":2,\"window\":\"1 s\""),
            ("\"stages\"", "\"watermark\":5,\"stages\""),
            ("\"conditions\"", "\"limit\":5,\"conditions\""),
            ("\"function\"", "\"over\":5,\"function\""),
        ] {
            assert!(json.contains(known));
            let json = json.replace(known, later);
            assert!(
                serde_json::from_str::<Description>(&json).is_err(),
                "{later}"
            );
        }
    }

    #[test]
    fn a_query_is_known_by_either_form() {
        let mut other_text = usual();
        other_text.plan.aggregate = "as a later DataFusion writes it".to_owned();
        other_text.plan.engine = "DataFusion 99.0".to_owned();
        assert!(other_text.is_same(&usual()));
        assert_eq!(other_text.difference(&usual()), "");
        assert!(usual().is_same(&former(&usual())));
        assert!(!other_text.is_same(&former(&usual())));
        let raised = with_meaning(usual(), "STRING", 3);
        assert!(!usual().is_same(&raised));
        assert!(!usual().is_same(&former(&raised)));
    }

    #[test]
    fn a_raised_meaning_is_refused_in_both_forms_with_what_it_means() {
        let mut before = usual();
        before.query.as_mut().unwrap().meanings.clear();
        before.plan.meanings.clear();
        for stored in [former(&before), before] {
            assert_eq!(
                usual().difference(&stored),
                "its STRING has meaning 1, this program's 2: any JSON value is read as its text, and half a \
                 surrogate as U+FFFD"
            );
            let json = serde_json::to_string(&stored).unwrap();
            assert!(!json.contains("meanings"), "{json}");
        }
    }

    #[test]
    fn what_a_raised_meaning_changes_in_a_plan_is_told_in_its_words_alone() {
        let own = described(&["t"], DDL, "SELECT max(floor(amount)) FROM transactions");
        let mut stored = former(&own);
        stored.plan.meanings.clear();
        stored
            .plan
            .aggregate
            .push_str("\nexactly: ceil(amount@1) of 2");
        assert_eq!(
            own.difference(&stored),
            "its floor and ceil of DECIMAL has meaning 1, this program's 2: they have no digits behind the point"
        );
    }

    #[test]
    fn what_a_timestamps_number_counts_is_part_of_it() {
        let counted = |ddl| described(&["t"], ddl, "SELECT max(at) FROM transactions");
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
    fn the_order_of_topics_changes_nothing() {
        let one = described(&["a", "b"], DDL, SQL);
        let other = described(&["b", "a"], DDL, SQL);
        assert_eq!(one.fingerprint().unwrap(), other.fingerprint().unwrap());
        assert_eq!(one.difference(&other), "");
    }

    #[test]
    fn each_difference_is_told_in_both_forms_and_changes_the_fingerprint() {
        let topics = &["transactions"];
        let mut other_layout = usual();
        other_layout.plan.state_layout = 0;
        other_layout.query.as_mut().unwrap().state_layout = 0;
        let cases = [
            (
                described(&["transactions", "refunds"], DDL, SQL),
                "it reads topic refunds, transactions, this query transactions",
            ),
            (
                described(topics, DDL, &SQL.replace("> 10", "> 20")),
                "its aggregate is count(*) by card_brand where amount > 20.00, this query's count(*) by \
                 card_brand where amount > 10.00",
            ),
            (other_layout, "its state has layout 0, this program's 1"),
            (
                with_meaning(usual(), "STRING", 3),
                "its STRING has meaning 3, this program's 2: any JSON value is read as its text, and half a \
                 surrogate as U+FFFD",
            ),
        ];
        for (stored, difference) in cases {
            assert_eq!(usual().difference(&stored), difference);
            assert_eq!(usual().difference(&former(&stored)), difference);
            assert!(!usual().is_same(&stored) && !usual().is_same(&former(&stored)));
            assert_ne!(
                usual().fingerprint().unwrap(),
                stored.fingerprint().unwrap()
            );
        }
        let other_order = described(topics, "amount DECIMAL(12,2), card_brand STRING", SQL);
        assert_eq!(
            usual().difference(&other_order),
            "it reads the columns in another order"
        );
        assert!(!usual().is_same(&other_order));
        let other_columns = described(
            topics,
            "card_brand STRING, amount DOUBLE NOT NULL, city STRING",
            "SELECT city, count(*) FROM transactions WHERE amount > 10 GROUP BY city",
        );
        let told = usual().difference(&other_columns);
        for part in [
            "its column amount is DOUBLE NOT NULL, this query's DECIMAL(12,2)",
            "it reads column city, this query does not",
            "it does not read column card_brand",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn another_release_of_datafusion_is_told_where_only_the_text_of_a_plan_is_stored() {
        let mut stored = former(&usual());
        stored.plan.engine = "DataFusion 54.0".to_owned();
        assert!(!usual().is_same(&stored));
        assert_eq!(
            usual().difference(&stored),
            "it was kept by DataFusion 54.0, this program has DataFusion 55.2"
        );
    }
}

//! Describes in words what a query aggregates, from the text of its plan that the location stores.
//!
//! ```text
//! AggregateExec: mode=Partial, gby=[card_brand@0 as card_brand], aggr=[count(Int64(1)), sum(transactions.amount)]
//!   FilterExec: amount@1 > 10.00
//!     FeedExec
//! ```
//!
//! The plan is text that DataFusion writes for people. Parts of it that are not understood are left as they stand.

use std::fmt::{self, Display, Formatter};

use arrow::datatypes::Schema;

use crate::engine::query::TABLE;

/// The column, behind the keys, by which DataFusion distinguishes grouping sets.
const GROUPING_ID: &str = "__grouping_id";

/// The aggregate of a plan. A plan may have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aggregate {
    /// The aggregate's calls, such as `count(*), sum(amount)`; `None` if there is no aggregate.
    calls: Option<String>,
    /// The keys of its groups, each with the name of its column.
    keys: Vec<(String, String)>,
    /// Whether the keys are those of grouping sets.
    sets: bool,
    /// The conditions that records must meet.
    conditions: Vec<String>,
}

impl Aggregate {
    /// Reads the aggregate from a plan's text.
    pub fn of_plan(plan: &str) -> Self {
        let mut aggregate = Self::default();
        for line in plan.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("AggregateExec: mode=Partial, gby=[")
                && let Some((keys, calls)) = rest.split_once("], aggr=[")
            {
                let calls = calls.rsplit_once(']').map_or(calls, |(calls, _)| calls);
                let calls = split(calls).into_iter().map(|call| plain(named(call).0));
                aggregate.calls = Some(calls.collect::<Vec<_>>().join(", "));
                aggregate.set_keys(keys);
            } else if let Some(rest) = line.strip_prefix("FilterExec: ") {
                let condition = rest.split_once(", projection=[").unwrap_or((rest, "")).0;
                aggregate.conditions.push(plain(condition));
            }
        }
        aggregate
    }

    fn set_keys(&mut self, keys: &str) {
        let mut parts = split(keys);
        let inside = |part: &str| Some(part.strip_prefix('(')?.strip_suffix(')')?.to_owned());
        let first = parts.first().and_then(|part| inside(part));
        if let Some(first) = &first {
            self.sets = true;
            parts = split(first);
        }
        let keys = parts.into_iter().map(|part| {
            let (expression, name) = named(part);
            let expression = if first.is_some() { name } else { expression };
            (plain(expression), name.to_owned())
        });
        self.keys = keys.collect();
    }

    /// Returns how many of a state's first columns are the keys of its groups; `None` if these columns do not have the
    /// names that the plan gives.
    pub fn keys_of(&self, state: &Schema) -> Option<usize> {
        self.calls.as_ref()?;
        let names = self.keys.iter().map(|(_, name)| name.as_str());
        let names: Vec<&str> = names.chain(self.sets.then_some(GROUPING_ID)).collect();
        let fields = state.fields().get(..names.len())?;
        let alike = fields
            .iter()
            .zip(&names)
            .all(|(field, name)| field.name() == name);
        alike.then_some(names.len())
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.keys.iter().map(|(key, _)| key.as_str()).collect();
        let keys = keys.join(", ");
        match &self.calls {
            None => f.write_str("rows (no aggregate)")?,
            Some(calls) if calls.is_empty() => write!(f, "each {keys}")?,
            Some(calls) if keys.is_empty() => f.write_str(calls)?,
            Some(calls) if self.sets => write!(f, "{calls} by grouping sets of {keys}")?,
            Some(calls) => write!(f, "{calls} by {keys}")?,
        }
        for (i, condition) in self.conditions.iter().enumerate() {
            let word = if i == 0 { "where" } else { "and" };
            write!(f, " {word} {condition}")?;
        }
        Ok(())
    }
}

/// Splits a list at the commas that are outside of brackets.
fn split(list: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_i32);
    for (at, letter) in list.char_indices() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if !list.is_empty() {
        parts.push(list[start..].trim());
    }
    parts
}

/// Splits `x@0 as y` into the expression `x@0` and the name `y`.
fn named(part: &str) -> (&str, &str) {
    part.split_once(" as ").unwrap_or((part, part))
}

/// Returns an expression without what only DataFusion needs: the numbers of columns, the table's name.
fn plain(expression: &str) -> String {
    let counted = expression
        .replace("count(Int64(1))", "count(*)")
        .replace("count(1)", "count(*)")
        .replace(&format!("{TABLE}."), "");
    let mut pieces = counted.split('@');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|letter: char| letter.is_ascii_digit());
        if rest.len() == piece.len() {
            plain.push('@');
        }
        plain.push_str(rest);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::query::Query;
    use crate::format::json::Decoder;
    use crate::format::metadata::RecordMeta;
    use crate::schema::TableSchema;

    const DDL: &str = "brand STRING, amount DECIMAL(12,2), at TIMESTAMP";

    const META: RecordMeta<'static> = RecordMeta {
        topic: "t",
        partition: 0,
        offset: 0,
        timestamp_ms: None,
        key: None,
        headers: &[],
    };

    fn planned(sql: &str) -> (Aggregate, Query) {
        let table = TableSchema::parse(DDL).unwrap();
        let query = Query::plan(sql, table.table(), &[]).unwrap();
        (Aggregate::of_plan(&query.plan_text()), query)
    }

    #[test]
    fn what_is_kept_is_told_in_words() {
        let cases = [
            (
                "SELECT brand, count(*), sum(amount) / 2 FROM transactions GROUP BY brand",
                "count(*), sum(amount) by brand",
            ),
            ("SELECT count(*) FROM transactions", "count(*)"),
            (
                "SELECT DISTINCT brand FROM transactions WHERE amount > 10",
                "each brand where amount > 10.00",
            ),
            (
                "SELECT date_trunc('minute', at), max(amount) FROM transactions GROUP BY 1",
                "max(amount) by date_trunc(minute, at)",
            ),
            (
                "SELECT brand, amount, count(*) FROM transactions GROUP BY ROLLUP (brand, amount)",
                "count(*) by grouping sets of brand, amount",
            ),
            (
                "SELECT brand FROM transactions WHERE amount > 10",
                "rows (no aggregate) where amount > 10.00",
            ),
        ];
        for (sql, words) in cases {
            assert_eq!(planned(sql).0.to_string(), words);
        }
    }

    #[test]
    fn the_keys_are_the_first_columns_of_a_state() {
        for (sql, keys) in [
            ("SELECT count(*) FROM transactions", Some(0)),
            (
                "SELECT brand, at, avg(amount) FROM transactions GROUP BY 1, 2",
                Some(2),
            ),
            (
                "SELECT upper(brand), sum(amount) FROM transactions GROUP BY 1",
                Some(1),
            ),
            (
                "SELECT brand, count(*) FROM transactions GROUP BY CUBE (brand)",
                Some(2),
            ),
            // A bracket of a text counts, since a plan has texts without quotes: not known is not wrong.
            (
                "SELECT replace(brand, ')', ''), count(*) FROM transactions GROUP BY 1",
                None,
            ),
        ] {
            let (aggregate, query) = planned(sql);
            let table = TableSchema::parse(DDL).unwrap();
            let mut decoder = Decoder::new(&table, query.columns()).unwrap();
            let record = br#"{"brand":"Visa","amount":1,"at":"2026-01-31"}"#;
            decoder.push(record, &META).unwrap();
            let mut partial = query.partial().unwrap();
            partial.push(decoder.flush().unwrap()).unwrap();
            let state = partial.finish().unwrap().swap_remove(0);
            assert_eq!(aggregate.keys_of(&state.schema()), keys, "{sql}");
        }
    }

    #[test]
    fn a_text_that_is_no_plan_has_no_keys() {
        for text in [
            "",
            "AggregateExec: mode=Partial, gby=[a",
            "gby=[]",
            "@@1, as ]",
        ] {
            let aggregate = Aggregate::of_plan(text);
            assert_eq!(aggregate.keys_of(&Schema::empty()), None);
            assert_eq!(aggregate.to_string(), "rows (no aggregate)");
        }
    }
}

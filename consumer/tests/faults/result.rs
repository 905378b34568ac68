//! Runs a last process over the group's checkpoints and the records behind them.

use serde::Deserialize;
use serde_json::value::RawValue;
use testkit::expected::{AVERAGE_SCALE, ByBrand, CENT_SCALE, Totals};
use testkit::program::Program;

use crate::process::Place;

/// The outcome of a process that has read all there is.
pub struct Outcome {
    /// The rows of the last batch.
    pub totals: ByBrand,
    /// The number of records that it has read itself.
    pub records: u64,
    /// All that it has written to standard error.
    pub said: String,
}

/// A batch, which the process has written as a line of JSON.
#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "numInputRows")]
    records: u64,
    result: Vec<Row>,
}

/// A row of the result. Decimals stay as they are written, since a float would change them.
#[derive(Deserialize)]
struct Row {
    card_brand: String,
    transactions: i64,
    total: Box<RawValue>,
    average: Box<RawValue>,
    smallest: Box<RawValue>,
    largest: Box<RawValue>,
}

/// Runs a process until it has read all there is, and returns its outcome.
pub fn result(place: &Place<'_>) -> Outcome {
    let mut program = Program::start(place.consumer().env("TRIGGER", "available-now"));
    let lines = program.lines();
    let ended = program.end();
    assert!(ended.status.success(), "{}", ended.said);
    let lines = lines.rest();
    let batches = lines
        .iter()
        .map(|line| serde_json::from_str(line).expect(line));
    let batches: Vec<Batch> = batches.collect();
    let last = batches.last().expect("a batch that shows all");
    Outcome {
        totals: last.result.iter().map(totals).collect(),
        records: batches.iter().map(|batch| batch.records).sum(),
        said: ended.said,
    }
}

fn totals(row: &Row) -> (String, Totals) {
    let totals = Totals {
        count: row.transactions,
        sum: decimal(&row.total, CENT_SCALE),
        average: decimal(&row.average, AVERAGE_SCALE),
        smallest: decimal(&row.smallest, CENT_SCALE),
        largest: decimal(&row.largest, CENT_SCALE),
    };
    (row.card_brand.clone(), totals)
}

/// Returns a decimal as a whole number of 10^-`scale`. Panics unless it has `scale` digits after the point.
fn decimal(value: &RawValue, scale: i8) -> i128 {
    let text = value.get();
    let (whole, rest) = text
        .split_once('.')
        .unwrap_or_else(|| panic!("{text} has no point"));
    assert_eq!(rest.len(), scale as usize, "{text}");
    format!("{whole}{rest}")
        .parse()
        .unwrap_or_else(|_| panic!("{text} is no decimal"))
}

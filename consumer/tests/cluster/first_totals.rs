//! Measures how long the program takes from its start to the first totals.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use producer::Pace;
use testkit::brokers::Brokers;
use testkit::expected::generated;
use testkit::load::{generator, publish};
use testkit::program::Program;

use crate::disturbing_trial;
use crate::program::consumer;

const TOPIC: &str = "first-totals";
const RECORDS: u64 = 500;
const AT_MOST: Duration = Duration::from_secs(10);

pub fn trials() -> Vec<Trial> {
    ["available-now", "interval"]
        .map(|mode| {
            let name = format!(
                "first_totals_come_within_seconds_{}",
                mode.replace('-', "_")
            );
            disturbing_trial(&name, move |brokers| first_totals(brokers, mode))
        })
        .into()
}

fn first_totals(brokers: &Brokers, mode: &str) {
    let topic = format!("{TOPIC}-{mode}");
    publish(brokers, &topic, 6, generator(), RECORDS, Pace::Max);
    let start = Instant::now();
    let mut program = Program::start(consumer(brokers, &topic).env("TRIGGER", mode));
    let mut line = String::new();
    let mut lines = BufReader::new(program.stdout());
    lines.read_line(&mut line).unwrap();
    let took = start.elapsed();
    // The program ends when its reader has gone.
    drop(lines);
    if mode == "available-now" {
        let ended = program.end();
        assert!(ended.status.success(), "{}", ended.said);
    }
    eprintln!("first totals, {mode}: {took:?}");
    assert!(took < AT_MOST, "{took:?}");

    let batch: serde_json::Value = serde_json::from_str(&line).unwrap();
    let rows = batch["result"].as_array().unwrap().iter();
    let counts = rows.map(|row| {
        let brand = row["card_brand"].as_str().unwrap().to_owned();
        (brand, row["transactions"].as_i64().unwrap())
    });
    let expected = generated(&generator(), RECORDS);
    let expected = expected
        .into_iter()
        .map(|(brand, totals)| (brand, totals.count));
    assert_eq!(
        counts.collect::<std::collections::BTreeMap<_, _>>(),
        expected.collect()
    );
}

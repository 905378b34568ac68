//! Reads 200,000 records of a seed over six partitions in every way: each total is right to the cent.

use std::sync::OnceLock;

use consumer::config::Config;
use libtest_mimic::Trial;
use producer::Pace;
use testkit::brokers::Brokers;
use testkit::expected::{ByBrand, generated};
use testkit::load::{generator, publish};

use crate::running::{INTERVAL, config, run, start};
use crate::trial;

const TOPIC: &str = "exact-totals";
const RECORDS: u64 = 200_000;

pub fn trials() -> Vec<Trial> {
    let workers = [1, 2, 3];
    let now = workers.map(|workers| {
        let name = format!("exact_totals_available_now_by_{workers}_workers");
        trial(&name, move |brokers| available_now(brokers, workers))
    });
    let interval = workers.map(|workers| {
        let name = format!("exact_totals_at_intervals_by_{workers}_workers_of_a_group");
        trial(&name, move |brokers| at_intervals(brokers, workers))
    });
    now.into_iter().chain(interval).collect()
}

/// Publishes the records at the first call, and returns the totals.
fn expected(brokers: &Brokers) -> &'static ByBrand {
    static EXPECTED: OnceLock<ByBrand> = OnceLock::new();
    EXPECTED.get_or_init(|| {
        publish(brokers, TOPIC, 6, generator(), RECORDS, Pace::Max);
        generated(&generator(), RECORDS)
    })
}

fn available_now(brokers: &Brokers, workers: usize) {
    let expected = expected(brokers);
    let told = run(Config {
        workers,
        ..config(brokers, TOPIC)
    });
    assert_eq!(told.totals(), *expected);
    assert_eq!(told.records(), RECORDS);
    assert_eq!(told.bad_records(), 0);
}

fn at_intervals(brokers: &Brokers, workers: usize) {
    let expected = expected(brokers);
    let mut running = start(Config {
        workers,
        group_id: format!("{TOPIC}-{workers}"),
        trigger: INTERVAL,
        ..config(brokers, TOPIC)
    });
    running.until_records(RECORDS);
    let told = running.stop();
    assert_eq!(told.totals(), *expected);
    assert_eq!(told.records(), RECORDS);
}

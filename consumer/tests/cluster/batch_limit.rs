//! Checks that MAX_RECORDS_PER_BATCH limits all workers of a process together, in every batch.

use std::thread;

use consumer::config::Config;
use libtest_mimic::Trial;
use producer::Pace;
use testkit::brokers::Brokers;
use testkit::expected::generated;
use testkit::load::{generator, publish};

use crate::running::{INTERVAL, Told, config, run, start};
use crate::trial;

const RECORDS: u64 = 20_000;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_batch_limit_holds_with_available_now", available_now),
        trial("a_batch_limit_holds_while_records_come", while_records_come),
    ]
}

fn available_now(brokers: &Brokers) {
    const TOPIC: &str = "limit-now";
    const LIMIT: u64 = 777;
    publish(brokers, TOPIC, 6, generator(), RECORDS, Pace::Max);
    let told = run(Config {
        workers: 2,
        max_records_per_batch: Some(LIMIT),
        ..config(brokers, TOPIC)
    });
    // Each batch is full but the last: a partition that was at its limit before a batch asks for no batch after it.
    assert_eq!(told.batches.len() as u64, RECORDS.div_ceil(LIMIT));
    check(&told, LIMIT);
}

fn while_records_come(brokers: &Brokers) {
    const TOPIC: &str = "limit-interval";
    const LIMIT: u64 = 1_500;
    // Records pile up while the query starts, so the first batches are full. Later the pace brings fewer records than a
    // batch may take.
    let pace = Pace::PerSecond(4_000.try_into().unwrap());
    thread::scope(|scope| {
        scope.spawn(|| publish(brokers, TOPIC, 6, generator(), RECORDS, pace));
        let mut running = start(Config {
            workers: 2,
            trigger: INTERVAL,
            max_records_per_batch: Some(LIMIT),
            ..config(brokers, TOPIC)
        });
        running.until_records(RECORDS);
        check(&running.stop(), LIMIT);
    });
}

fn check(told: &Told, limit: u64) {
    for batch in &told.batches {
        let records = batch.progress.num_input_rows;
        assert!(records <= limit, "{records} in a batch of at most {limit}");
    }
    assert_eq!(told.totals(), generated(&generator(), RECORDS));
    assert_eq!(told.records(), RECORDS);
}

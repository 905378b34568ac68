//! Kills the consumer with -9 and lets it go on from its checkpoints.

use std::sync::PoisonError;

use consumer::config::Config;
use libtest_mimic::Trial;
use producer::Pace;
use testkit::brokers::{Brokers, on_brokers};
use testkit::expected::generated;
use testkit::load::{generator, publish};

use super::on_server;
use super::server::Server;
use crate::DISTURBANCE;
use crate::program::{consumer, is_killed_after};
use crate::running::{config, run};

const TOPIC: &str = "kept-in-s3";
const RECORDS: u64 = 100_000;
const KILLS: usize = 4;

pub fn trials() -> Vec<Trial> {
    let test = || {
        on_server(|server| {
            on_brokers(|brokers| {
                let _others = DISTURBANCE.read().unwrap_or_else(PoisonError::into_inner);
                killed(brokers, server);
            })
        })
    };
    vec![Trial::ignorable_test(
        "s3_a_killed_query_counts_each_record_once",
        test,
    )]
}

fn killed(brokers: &Brokers, server: &Server) {
    publish(brokers, TOPIC, 6, generator(), RECORDS, Pace::Max);
    for _ in 0..KILLS {
        let mut consumer = consumer(brokers, TOPIC);
        consumer
            .env("MAX_RECORDS_PER_BATCH", "2000")
            .env("CHECKPOINT_LOCATION", server.url(TOPIC))
            .envs(server.environment());
        // The first batch shows the checkpoints' state, or the first records; further batches are progress.
        assert!(
            is_killed_after(3, &mut consumer),
            "it ends before it has read all"
        );
    }
    let resumed = || {
        run(Config {
            checkpoint_location: Some(server.location(TOPIC)),
            ..config(brokers, TOPIC)
        })
    };
    let told = resumed();
    assert_eq!(told.totals(), generated(&generator(), RECORDS));
    assert!(told.records() < RECORDS, "nothing was kept");
    // Another run has nothing left to read, and the same result.
    let told = resumed();
    assert_eq!(told.records(), 0);
    assert_eq!(told.totals(), generated(&generator(), RECORDS));
}

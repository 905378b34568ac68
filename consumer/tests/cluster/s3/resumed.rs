//! The consumer itself, killed with -9, goes on from what it has kept.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::PoisonError;

use consumer::config::Config;
use libtest_mimic::Trial;
use producer::Pace;

use super::on_server;
use super::server::Server;
use crate::DISTURBANCE;
use crate::brokers::{Brokers, on_brokers};
use crate::expected::generated;
use crate::published::{generator, publish};
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
        let mut program = Command::new(env!("CARGO_BIN_EXE_consumer"))
            .env("KAFKA_BOOTSTRAP_SERVERS", brokers.servers())
            .env("TOPIC", TOPIC)
            .env("GROUP_ID", TOPIC)
            .env("OUTPUT", "json")
            .env("TRIGGER", "available-now")
            .env("MAX_RECORDS_PER_BATCH", "2000")
            .env("CHECKPOINT_LOCATION", server.url(TOPIC))
            .envs(server.environment())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        // The first shows what is kept, or the first records; some batches more are progress.
        for _ in 0..3 {
            let line = lines
                .next()
                .expect("it ends before it has read all")
                .unwrap();
            let batch: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert!(batch["result"].is_array());
        }
        program.kill().unwrap();
        program.wait().unwrap();
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
    // Once more: nothing is left to read, and the result is the same.
    let told = resumed();
    assert_eq!(told.records(), 0);
    assert_eq!(told.totals(), generated(&generator(), RECORDS));
}

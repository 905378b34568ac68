//! Partitions move between members of the group while records flow.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use consumer::config::Config;
use libtest_mimic::Trial;
use producer::Pace;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::brokers::Brokers;
use crate::expected::generated;
use crate::published::{DEADLINE, generator, publish};
use crate::running::{INTERVAL, config, start};
use crate::trial;

const TOPIC: &str = "rebalance";
const PARTITIONS: i32 = 6;
const RECORDS: u64 = 30_000;
const PER_SECOND: u32 = 3_000;

pub fn trials() -> Vec<Trial> {
    vec![trial("partitions_move_and_no_total_changes", move_about)]
}

fn move_about(brokers: &Brokers) {
    thread::scope(|scope| {
        let pace = Pace::PerSecond(PER_SECOND.try_into().unwrap());
        scope.spawn(move || publish(brokers, TOPIC, PARTITIONS, generator(), RECORDS, pace));
        let mut running = start(Config {
            workers: 3,
            trigger: INTERVAL,
            ..config(brokers, TOPIC)
        });
        running.until("all partitions are read", |told| {
            told.pulse.partitions == PARTITIONS as usize && told.records() > 0
        });
        for _ in 0..2 {
            // Another one comes into the group, takes its share, and goes.
            let (leave, left) = mpsc::channel::<()>();
            let intruder = scope.spawn(move || intrude(brokers, &left));
            running.until("partitions are given up", |told| {
                told.pulse.partitions < PARTITIONS as usize
            });
            let read = running.told.records();
            running.until_records(read + 1_000);
            leave.send(()).unwrap();
            assert!(intruder.join().unwrap() > 0, "it had no partition");
            running.until("all partitions are back", |told| {
                told.pulse.partitions == PARTITIONS as usize
            });
        }
        running.until_records(RECORDS);
        let told = running.stop();
        assert_eq!(told.totals(), generated(&generator(), RECORDS));
        assert_eq!(told.records(), RECORDS);
    });
}

/// A member that reads and commits nothing; how many partitions it had.
fn intrude(brokers: &Brokers, left: &mpsc::Receiver<()>) -> usize {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers.servers())
        .set("group.id", TOPIC)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    consumer.subscribe(&[TOPIC]).unwrap();
    let deadline = Instant::now() + DEADLINE;
    let mut had = 0;
    while left.try_recv() == Err(mpsc::TryRecvError::Empty) && Instant::now() < deadline {
        if let Some(message) = consumer.poll(Duration::from_millis(50)) {
            message.unwrap();
        }
        had = had.max(consumer.assignment().unwrap().count());
    }
    had
}

//! Moves partitions between members of the group while records flow.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use consumer::config::Config;
use kafka_access::Stop;
use libtest_mimic::Trial;
use producer::Pace;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::Producer;
use testkit::DEADLINE;
use testkit::brokers::Brokers;
use testkit::expected::{Adder, generated};
use testkit::load::{StopAtEnd, generator, publish, publish_until};
use testkit::records::{Record, send, transactional};
use testkit::topic::create_topic;

use crate::running::{INTERVAL, config, start};
use crate::trial;

const TOPIC: &str = "rebalance";
const PARTITIONS: i32 = 6;
const PER_SECOND: u32 = 2_000;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("partitions_move_and_no_total_changes", move_about),
        trial(
            "partitions_that_move_during_catch_up_are_read_whole",
            catch_up,
        ),
        trial(
            "transactions_are_read_whole_while_partitions_move",
            transactions,
        ),
    ]
}

fn move_about(brokers: &Brokers) {
    let stop = &Stop::new();
    thread::scope(|scope| {
        let pace = Pace::PerSecond(PER_SECOND.try_into().unwrap());
        let producing =
            scope.spawn(move || publish_until(stop, brokers, TOPIC, PARTITIONS, generator(), pace));
        // The producer stops however this scope ends.
        let _stop = StopAtEnd(stop);
        let mut running = start(Config {
            workers: 3,
            trigger: INTERVAL,
            ..config(brokers, TOPIC)
        });
        running.until("all partitions are read", |told| {
            told.heartbeat.partitions == PARTITIONS as usize && told.records() > 0
        });
        for _ in 0..2 {
            // Another member joins the group, takes its share of partitions, and leaves.
            let (leave, left) = mpsc::channel::<()>();
            let (has, partitions) = mpsc::channel();
            let intruder = scope.spawn(move || intrude(brokers, TOPIC, &has, &left));
            running.until("partitions are given up", |told| {
                told.heartbeat.partitions < PARTITIONS as usize
            });
            partitions.recv_timeout(DEADLINE).unwrap();
            let read = running.told.records();
            running.until_records(read + 1_000);
            leave.send(()).unwrap();
            intruder.join().unwrap();
            running.until("all partitions are back", |told| {
                told.heartbeat.partitions == PARTITIONS as usize
            });
        }
        stop.request();
        let published = producing.join().unwrap().acknowledged;
        running.until_records(published);
        let told = running.stop();
        assert_eq!(told.totals(), generated(&generator(), published));
        assert_eq!(told.records(), published);
    });
}

/// Lets members come and go while the records that were there at the start are read. Records that are fetched again
/// must be taken again, however many of them had been fetched before.
fn catch_up(brokers: &Brokers) {
    const TOPIC: &str = "rebalance-catch-up";
    const RECORDS: u64 = 100_000;
    publish(brokers, TOPIC, PARTITIONS, generator(), RECORDS, Pace::Max);
    let mut running = start(Config {
        workers: 2,
        trigger: INTERVAL,
        ..config(brokers, TOPIC)
    });
    come_and_go(brokers, TOPIC);
    running.until("all partitions are back", |told| {
        told.heartbeat.partitions == PARTITIONS as usize
    });
    running.until_records(RECORDS);
    let told = running.stop();
    assert_eq!(told.totals(), generated(&generator(), RECORDS));
    assert_eq!(told.records(), RECORDS);
}

/// Reads transactions whose markers lie between the records that are fetched again. A batch takes few records, so that
/// partitions are paused most of the time and much of what was fetched was not taken yet.
fn transactions(brokers: &Brokers) {
    const TOPIC: &str = "rebalance-transactions";
    const TRANSACTIONS: i32 = 100;
    const RECORDS: i32 = 960;
    create_topic(brokers, TOPIC, PARTITIONS, &[]);
    let producer = transactional(brokers, TOPIC);
    let mut adder = Adder::default();
    for number in 0..TRANSACTIONS {
        let records: Vec<_> = (0..RECORDS)
            .map(|record| {
                let cents = i128::from(number * RECORDS + record);
                adder.add("Visa", cents);
                Record::good(record % PARTITIONS, "Visa", cents)
            })
            .collect();
        producer.begin_transaction().unwrap();
        send(&producer, TOPIC, &records);
        producer.commit_transaction(DEADLINE).unwrap();
    }
    let published = (TRANSACTIONS * RECORDS) as u64;
    let mut running = start(Config {
        workers: 2,
        trigger: INTERVAL,
        max_records_per_batch: Some(3_000),
        ..config(brokers, TOPIC)
    });
    come_and_go(brokers, TOPIC);
    running.until("all partitions are back", |told| {
        told.heartbeat.partitions == PARTITIONS as usize
    });
    running.until_records(published);
    let told = running.stop();
    assert_eq!(told.totals(), adder.totals());
    assert_eq!(told.records(), published);
}

/// Lets another member join the group, get partitions and leave, three times.
fn come_and_go(brokers: &Brokers, topic: &str) {
    for _ in 0..3 {
        thread::scope(|scope| {
            let (leave, left) = mpsc::channel::<()>();
            let (has, partitions) = mpsc::channel();
            scope.spawn(move || intrude(brokers, topic, &has, &left));
            partitions.recv_timeout(DEADLINE).unwrap();
            leave.send(()).unwrap();
        });
    }
}

/// Joins the group as a member that commits nothing. Sends on `has` when it has got partitions, and leaves at a message
/// on `left`.
pub fn intrude(brokers: &Brokers, topic: &str, has: &mpsc::Sender<()>, left: &mpsc::Receiver<()>) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers.servers())
        .set("group.id", topic)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let deadline = Instant::now() + DEADLINE;
    while left.try_recv() == Err(mpsc::TryRecvError::Empty) && Instant::now() < deadline {
        if let Some(message) = consumer.poll(Duration::from_millis(50)) {
            message.unwrap();
        }
        if consumer.assignment().unwrap().count() > 0 {
            // One message is enough; later there may be no receiver, so the error is ignored.
            let _ = has.send(());
        }
    }
}

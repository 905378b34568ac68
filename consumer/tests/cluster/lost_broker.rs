//! Loses a broker in the middle of writing and reading, and brings it back: nothing is lost or counted twice.

use std::thread;

use consumer::config::Config;
use libtest_mimic::Trial;
use producer::Pace;
use testkit::brokers::Brokers;
use testkit::expected::generated;
use testkit::load::{generator, publish};

use crate::disturbing_trial;
use crate::running::{INTERVAL, config, start};

const TOPIC: &str = "lost-broker";
const RECORDS: u64 = 60_000;
const PER_SECOND: u32 = 4_000;
const LOST: u8 = 2;

pub fn trials() -> Vec<Trial> {
    vec![disturbing_trial(
        "a_broker_killed_and_started_again_changes_no_total",
        killed_and_started_again,
    )]
}

fn killed_and_started_again(brokers: &Brokers) {
    thread::scope(|scope| {
        let pace = Pace::PerSecond(PER_SECOND.try_into().unwrap());
        let producing = scope.spawn(move || publish(brokers, TOPIC, 6, generator(), RECORDS, pace));
        let mut running = start(Config {
            workers: 2,
            trigger: INTERVAL,
            ..config(brokers, TOPIC)
        });
        let is_up = |broker: u8| {
            move |told: &crate::running::Told| {
                let mut known = told.brokers.iter();
                known.any(|known| known.id == i32::from(broker) && known.up)
            }
        };
        running.until("the broker is known", is_up(LOST));
        running.until_records(RECORDS / 10);
        brokers.cluster("kill", LOST);
        running.until("the loss is told", |told| !is_up(LOST)(told));
        // The remaining brokers take over by themselves, so records are written and read without the lost one.
        running.until_records(RECORDS / 2);
        assert!(!is_up(LOST)(&running.told), "it should still be down");
        brokers.cluster("start", LOST);
        running.until("the return is told", is_up(LOST));
        running.until_records(RECORDS);
        producing.join().unwrap();
        let told = running.stop();
        assert_eq!(told.totals(), generated(&generator(), RECORDS));
        assert_eq!(told.records(), RECORDS);
        assert_eq!(told.bad_records(), 0);
    });
}

//! Tests at which offsets reading begins.

use std::time::Duration;

use chrono::Utc;
use consumer::config::Config;
use consumer::event::Level;
use consumer::source::topics::StartingOffsets;
use libtest_mimic::Trial;
use testkit::brokers::Brokers;
use testkit::expected::{Adder, ByBrand};
use testkit::records::{Record, write};
use testkit::topic::create_topic;

use crate::running::{INTERVAL, config, run, start};
use crate::trial;

const PARTITIONS: i32 = 3;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("latest_begins_behind_what_is_there", latest),
        trial("a_time_begins_with_its_first_record", from_a_time),
        trial(
            "a_time_that_has_not_come_begins_at_the_ends",
            from_the_future,
        ),
    ]
}

fn records(brand: &str, count: i32) -> (Vec<Record>, ByBrand) {
    let mut adder = Adder::default();
    let records = (0..count).map(|number| {
        let cents = i128::from(number) + 1;
        adder.add(brand, cents);
        Record::good(number % PARTITIONS, brand, cents)
    });
    let records = records.collect();
    (records, adder.totals())
}

fn latest(brokers: &Brokers) {
    const TOPIC: &str = "starting-latest";
    create_topic(brokers, TOPIC, PARTITIONS, &[]);
    write(brokers, TOPIC, &records("old", 30).0);
    let mut running = start(Config {
        trigger: INTERVAL,
        starting_offsets: StartingOffsets::Latest,
        ..config(brokers, TOPIC)
    });
    running.until("it reads", |told| told.told(Level::Info, &["reads"]));
    let (new, expected) = records("new", 20);
    write(brokers, TOPIC, &new);
    running.until_records(20);
    let told = running.stop();
    assert_eq!((told.totals(), told.records()), (expected, 20));
}

fn from_a_time(brokers: &Brokers) {
    const TOPIC: &str = "starting-time";
    create_topic(brokers, TOPIC, PARTITIONS, &[]);
    write(brokers, TOPIC, &records("old", 30).0);
    // The brokers' clock is this clock, and counts milliseconds.
    let time = Utc::now() + Duration::from_millis(2);
    while Utc::now() <= time {
        std::hint::spin_loop();
    }
    let (new, expected) = records("new", 20);
    write(brokers, TOPIC, &new);
    let told = run(Config {
        starting_offsets: StartingOffsets::From(time),
        ..config(brokers, TOPIC)
    });
    assert_eq!((told.totals(), told.records()), (expected, 20));
}

fn from_the_future(brokers: &Brokers) {
    const TOPIC: &str = "starting-future";
    create_topic(brokers, TOPIC, PARTITIONS, &[]);
    write(brokers, TOPIC, &records("old", 30).0);
    let told = run(Config {
        starting_offsets: StartingOffsets::From(Utc::now() + Duration::from_secs(3_600)),
        ..config(brokers, TOPIC)
    });
    assert_eq!((told.totals(), told.records()), (ByBrand::new(), 0));
}

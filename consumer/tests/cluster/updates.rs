//! Tests update mode: each batch shows the groups that it changes, and a reader who puts the batches together has the
//! whole result.

use std::collections::BTreeMap;

use consumer::config::{Config, DEFAULT_UPDATING_QUERY};
use consumer::output_mode::OutputMode;
use libtest_mimic::Trial;
use producer::Pace;
use tempfile::TempDir;
use testkit::brokers::Brokers;
use testkit::expected::{Adder, ByBrand, generated};
use testkit::load::{generator, publish};
use testkit::records::{Record, write};
use testkit::topic::create_topic;

use crate::results::resulted;
use crate::running::{INTERVAL, Told, config, kept_in, run, start};
use crate::trial;

const RECORDS: u64 = 20_000;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_batch_shows_the_groups_that_it_changes", changed_groups),
        trial("updates_put_together_are_the_whole_result", put_together),
        trial(
            "updates_go_on_after_a_restart_with_all_that_is_kept",
            restarted,
        ),
        trial("updates_of_several_processes_reach_each_of_them", several),
    ]
}

fn updating(brokers: &Brokers, topic: &str) -> Config {
    Config {
        query: DEFAULT_UPDATING_QUERY.to_owned(),
        updates: true,
        ..config(brokers, topic)
    }
}

/// Returns the newest row of each brand.
fn put_together_of(told: &Told) -> ByBrand {
    let mut all = BTreeMap::new();
    for batch in &told.batches {
        assert_eq!(batch.mode, OutputMode::Update);
        all.extend(resulted(&batch.rows));
    }
    all
}

fn changed_groups(brokers: &Brokers) {
    const TOPIC: &str = "updates-changed";
    create_topic(brokers, TOPIC, 2, &[]);
    let mut expected = Adder::default();
    let mut record = |partition, brand: &'static str, cents: i128| {
        expected.add(brand, cents);
        write(brokers, TOPIC, &[Record::good(partition, brand, cents)]);
        expected.totals()
    };
    record(0, "Visa", 100);
    record(1, "Visa", 250);
    let all = record(1, "JCB", 7);
    let mut running = start(Config {
        trigger: INTERVAL,
        ..updating(brokers, TOPIC)
    });
    running.until("all is there", |told| put_together_of(told) == all);

    let batches = running.told.batches.len();
    let all = record(0, "JCB", 3);
    running.until("one more is there", |told| put_together_of(told) == all);
    let told = running.stop();
    let [batch] = &told.batches[batches..] else {
        panic!("{} batches for one record", told.batches.len() - batches);
    };
    let changed = resulted(&batch.rows);
    assert_eq!(changed.keys().collect::<Vec<_>>(), ["JCB"]);
    assert_eq!(changed["JCB"], all["JCB"]);
    // The count is that of all groups, not of those that are shown.
    assert_eq!(batch.progress.state_operators[0].num_rows_total, 2);
}

fn put_together(brokers: &Brokers) {
    const TOPIC: &str = "updates-together";
    publish(brokers, TOPIC, 4, generator(), RECORDS, Pace::Max);
    let told = run(Config {
        workers: 2,
        max_records_per_batch: Some(3_000),
        ..updating(brokers, TOPIC)
    });
    assert!(told.batches.len() >= 7);
    assert_eq!(put_together_of(&told), generated(&generator(), RECORDS));
}

fn restarted(brokers: &Brokers) {
    const TOPIC: &str = "updates-restarted";
    let folder = TempDir::new().unwrap();
    publish(brokers, TOPIC, 4, generator(), RECORDS, Pace::Max);
    let first = run(kept_in(&folder, updating(brokers, TOPIC)));
    assert_eq!(put_together_of(&first), generated(&generator(), RECORDS));

    let mut expected = Adder::default();
    expected.generated(&generator(), RECORDS);
    expected.add("Visa", 100);
    write(brokers, TOPIC, &[Record::good(0, "Visa", 100)]);
    let second = run(kept_in(&folder, updating(brokers, TOPIC)));
    assert_eq!(second.records(), 1);
    // After a restart it is not known what was shown before, so all groups are shown.
    assert_eq!(put_together_of(&second), expected.totals());
}

fn several(brokers: &Brokers) {
    const TOPIC: &str = "updates-several";
    let folder = TempDir::new().unwrap();
    let mut expected = Adder::default();
    let mut publish = || {
        publish(brokers, TOPIC, 6, generator(), RECORDS, Pace::Max);
        expected.generated(&generator(), RECORDS);
        expected.totals()
    };
    let member = || {
        start(kept_in(
            &folder,
            Config {
                trigger: INTERVAL,
                ..updating(brokers, TOPIC)
            },
        ))
    };
    let all = publish();
    let mut one = member();
    one.until("the first has all", |told| put_together_of(told) == all);
    let mut other = member();
    other.until("the second has what is kept", |told| {
        put_together_of(told) == all
    });
    for running in [&mut one, &mut other] {
        running.until("partitions are shared", |told| {
            told.heartbeat.partitions == 3
                && told
                    .heartbeat
                    .others
                    .is_some_and(|part| part.partitions == 3)
        });
    }
    let all = publish();
    for running in [&mut one, &mut other] {
        running.until("both have all", |told| put_together_of(told) == all);
    }
    one.stop();
    let all = publish();
    other.until("the second has taken over", |told| {
        put_together_of(told) == all
    });
    other.stop();
}

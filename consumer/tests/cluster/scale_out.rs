//! Runs several queries of one group, each as a process of its own would run it.

use std::sync::mpsc;
use std::thread;

use consumer::config::Config;
use consumer::event::Level;
use kafka_access::KafkaSettings;
use libtest_mimic::Trial;
use producer::Pace;
use tempfile::TempDir;
use testkit::DEADLINE;
use testkit::brokers::Brokers;
use testkit::expected::Adder;
use testkit::load::{generator, publish};
use testkit::records::{Record, write};
use testkit::topic::{add_partitions, create_topic};

use crate::rebalance::intrude;
use crate::results::integers;
use crate::running::{INTERVAL, Running, Told, config, kept_in, start};
use crate::trial;

const PARTITIONS: i32 = 6;
const RECORDS: u64 = 20_000;

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "partitions_added_while_it_was_away_are_read",
            added_meanwhile,
        ),
        trial(
            "partitions_that_a_name_of_ones_own_leaves_unread_are_told",
            added_with_a_name,
        ),
        trial(
            "each_process_of_a_group_shows_the_whole_result",
            whole_result,
        ),
        trial(
            "partitions_that_are_added_are_read_and_shown",
            added_partitions,
        ),
        trial(
            "what_another_process_reads_of_rows_is_no_lag",
            rows_of_others,
        ),
        trial(
            "a_group_with_a_foreign_member_is_not_joined",
            foreign_member,
        ),
        trial("what_another_process_goes_on_with_is_not_reset", reset),
    ]
}

fn member(brokers: &Brokers, topic: &str, folder: &TempDir) -> Running {
    let config = Config {
        trigger: INTERVAL,
        ..config(brokers, topic)
    };
    start(kept_in(folder, config))
}

fn shares(told: &Told) -> bool {
    let own = told.heartbeat.partitions;
    let others = told.heartbeat.others.map_or(0, |others| others.partitions);
    own > 0 && others > 0 && own + others == PARTITIONS as usize
}

fn whole_result(brokers: &Brokers) {
    const TOPIC: &str = "scale-out";
    let folder = TempDir::new().unwrap();
    let mut expected = Adder::default();
    let mut publish = || {
        publish(brokers, TOPIC, PARTITIONS, generator(), RECORDS, Pace::Max);
        expected.generated(&generator(), RECORDS);
        expected.totals()
    };
    let all = publish();
    let mut one = member(brokers, TOPIC, &folder);
    one.until("the first shows all", |told| told.totals() == all);
    let mut other = member(brokers, TOPIC, &folder);
    other.until("the second shows what is kept", |told| told.totals() == all);
    for running in [&mut one, &mut other] {
        running.until("partitions are shared", shares);
    }

    let all = publish();
    for running in [&mut one, &mut other] {
        running.until("both show all", |told| told.totals() == all);
    }
    // Each query has read its part, and no more.
    let read = one.told.records() + other.told.records();
    assert_eq!(read, 2 * RECORDS);

    one.stop();
    let all = publish();
    other.until("the second has taken over", |told| told.totals() == all);
    let told = other.stop();
    assert_eq!(told.totals(), all);
}

fn added_partitions(brokers: &Brokers) {
    const TOPIC: &str = "scale-out-added";
    create_topic(brokers, TOPIC, 2, &[]);
    let folder = TempDir::new().unwrap();
    let mut expected = Adder::default();
    let mut write_to = |partition, cents| {
        write(brokers, TOPIC, &[Record::good(partition, "Visa", cents)]);
        expected.add("Visa", cents);
        expected.totals()
    };
    write_to(0, 100);
    let all = write_to(1, 23);
    let mut one = member(brokers, TOPIC, &folder);
    let mut other = member(brokers, TOPIC, &folder);
    for running in [&mut one, &mut other] {
        running.until("all is shown", |told| told.totals() == all);
    }
    add_partitions(brokers, TOPIC, PARTITIONS as usize);
    let mut all = all;
    for partition in 2..PARTITIONS {
        all = write_to(partition, 1_000);
    }
    for running in [&mut one, &mut other] {
        running.until("the new ones are shown", |told| told.totals() == all);
        running.until("they are shared", shares);
    }
    one.stop();
    assert_eq!(other.stop().totals(), all);
}

/// Checks that a process's lag is that of its own partitions: checkpoints hold no rows, so it does not know how far the
/// others have come.
fn rows_of_others(brokers: &Brokers) {
    const TOPIC: &str = "scale-out-rows";
    const OF_EACH: u64 = 1_000;
    create_topic(brokers, TOPIC, 2, &[]);
    let records = [0, 1].map(|partition| vec![Record::good(partition, "Visa", 100); 1_000]);
    write(brokers, TOPIC, &records.concat());
    let folder = TempDir::new().unwrap();
    // A batch takes so little that the backlog stays.
    let slow = || {
        let config = Config {
            query: "SELECT amount FROM transactions".to_owned(),
            trigger: INTERVAL,
            max_records_per_batch: Some(1),
            ..config(brokers, TOPIC)
        };
        start(kept_in(&folder, config))
    };
    let mut one = slow();
    one.until("it reads both", |told| {
        told.heartbeat.partitions == 2 && told.heartbeat.lag > OF_EACH
    });
    let mut other = slow();
    for running in [&mut one, &mut other] {
        running.until("each is behind in its own", |told| {
            let last = told.batches.last();
            let lag = last.map_or(0, |batch| batch.progress.sources[0].lag);
            told.heartbeat.partitions == 1
                && (1..=OF_EACH).contains(&told.heartbeat.lag)
                && (1..=OF_EACH).contains(&lag)
        });
    }
}

fn foreign_member(brokers: &Brokers) {
    const TOPIC: &str = "scale-out-foreign-member";
    create_topic(brokers, TOPIC, PARTITIONS, &[]);
    let folder = TempDir::new().unwrap();
    thread::scope(|scope| {
        let (leave, left) = mpsc::channel::<()>();
        let (has, partitions) = mpsc::channel();
        let intruder = scope.spawn(move || intrude(brokers, TOPIC, &has, &left));
        partitions.recv_timeout(DEADLINE).unwrap();
        let (error, told) = member(brokers, TOPIC, &folder).fails();
        let error = error.to_string();
        assert!(
            error.starts_with(
                "GROUP_ID=scale-out-foreign-member: rdkafka at 127.0.0.1 reads in this group"
            ),
            "{error}"
        );
        assert!(told.batches.is_empty());
        leave.send(()).unwrap();
        intruder.join().unwrap();
    });
}

fn reset(brokers: &Brokers) {
    const TOPIC: &str = "scale-out-reset";
    publish(brokers, TOPIC, PARTITIONS, generator(), RECORDS, Pace::Max);
    let mut expected = Adder::default();
    expected.generated(&generator(), RECORDS);
    let all = expected.totals();
    let folder = TempDir::new().unwrap();
    let mut one = member(brokers, TOPIC, &folder);
    one.until("all is shown", |told| told.totals() == all);
    let resetting = Config {
        trigger: INTERVAL,
        reset: true,
        ..config(brokers, TOPIC)
    };
    let (error, _) = start(kept_in(&folder, resetting)).fails();
    let error = error.to_string();
    assert!(
        error.starts_with("--reset would forget what another process goes on with: 127.0.0.1"),
        "{error}"
    );
    // The refused reset has forgotten nothing: a restart shows all totals without reading a record again.
    one.stop();
    let mut again = member(brokers, TOPIC, &folder);
    again.until("what was kept is shown", |told| !told.batches.is_empty());
    let told = again.stop();
    assert_eq!((told.totals(), told.records()), (all, 0));
}

/// Counts the records of `topic`; a call after the first one is a restart.
fn counting(brokers: &Brokers, topic: &str, folder: &TempDir, properties: &str) -> Running {
    let settings = brokers.settings();
    let config = Config {
        kafka: KafkaSettings::parse(settings.bootstrap_servers(), properties, &[]).unwrap(),
        query: "SELECT count(*) AS n FROM transactions".to_owned(),
        trigger: INTERVAL,
        ..config(brokers, topic)
    };
    start(kept_in(folder, config))
}

/// Makes four partitions of two while nobody reads them.
fn grown(brokers: &Brokers, topic: &str, folder: &TempDir, properties: &str) {
    create_topic(brokers, topic, 2, &[]);
    write(brokers, topic, &[Record::good(0, "Visa", 100)]);
    let mut running = counting(brokers, topic, folder, properties);
    running.until_records(1);
    running.stop();
    add_partitions(brokers, topic, 4);
    write(brokers, topic, &[Record::good(3, "Visa", 100)]);
}

/// Restarts a process soon: it gets the partitions of the one before it, and the group assigns no others.
fn added_meanwhile(brokers: &Brokers) {
    const TOPIC: &str = "added-meanwhile";
    let folder = TempDir::new().unwrap();
    grown(brokers, TOPIC, &folder, "");
    let mut running = counting(brokers, TOPIC, &folder, "");
    running.until("the new partition is read", |told| {
        let last = told.batches.last();
        last.is_some_and(|batch| integers(&batch.rows, "n") == [2])
    });
    running.stop();
}

/// Restarts a process whose member name the user has set, so that the program can only say which partitions are not
/// read.
fn added_with_a_name(brokers: &Brokers) {
    const TOPIC: &str = "added-with-a-name";
    const NAME: &str = "group.instance.id=mine";
    let folder = TempDir::new().unwrap();
    grown(brokers, TOPIC, &folder, NAME);
    let mut running = counting(brokers, TOPIC, &folder, NAME);
    running.until("what is unread is told", |told| {
        let words = ["added-with-a-name-2", "leave group.instance.id out"];
        told.told(Level::Warning, &words)
    });
    running.stop();
}

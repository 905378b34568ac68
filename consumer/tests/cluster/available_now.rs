//! Checks that TRIGGER=available-now reads what is there and ends, whatever the logs end with.

use consumer::config::{Config, TriggerMode};
use libtest_mimic::Trial;
use producer::Pace;
use rdkafka::producer::Producer;
use testkit::DEADLINE;
use testkit::brokers::Brokers;
use testkit::expected::{Adder, ByBrand};
use testkit::load::{generator, publish};
use testkit::records::{Record, send, transactional, write};
use testkit::topic::{await_ends, create_topic};

use crate::results::integers;
use crate::running::{INTERVAL, config, run, start};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    let modes = [("now", TriggerMode::AvailableNow), ("interval", INTERVAL)];
    let aborted = modes.map(|(mode, trigger)| {
        trial(
            &format!("records_of_aborted_transactions_do_not_count_{mode}"),
            move |brokers| aborted(brokers, &format!("aborted-{mode}"), trigger),
        )
    });
    let two_topics = modes.map(|(mode, trigger)| {
        trial(
            &format!("a_list_of_topics_is_read_as_one_{mode}"),
            move |brokers| two_topics(brokers, mode, trigger),
        )
    });
    let others = [
        trial("an_open_transaction_is_not_waited_for", open_transaction),
        trial("markers_alone_are_an_empty_result", markers_alone),
        trial("an_empty_topic_is_an_empty_result", empty_topic),
        trial(
            "counting_an_empty_topic_results_in_0",
            count_of_an_empty_topic,
        ),
    ];
    aborted
        .into_iter()
        .chain(two_topics)
        .chain(others)
        .collect()
}

/// Makes good records of `brand` in both partitions, and adds them to `adder`.
fn records(brand: &str, count: i32, adder: &mut Adder) -> Vec<Record> {
    let records = (0..count).map(|number| {
        let cents = i128::from(number) + 1;
        adder.add(brand, cents);
        Record::good(number % 2, brand, cents)
    });
    records.collect()
}

fn aborted(brokers: &Brokers, topic: &str, trigger: TriggerMode) {
    create_topic(brokers, topic, 2, &[]);
    let mut adder = Adder::default();
    let producer = transactional(brokers, topic);
    for round in 0..3 {
        producer.begin_transaction().unwrap();
        send(&producer, topic, &records("committed", 20, &mut adder));
        producer.commit_transaction(DEADLINE).unwrap();
        producer.begin_transaction().unwrap();
        send(
            &producer,
            topic,
            &records("aborted", 10 + round, &mut Adder::default()),
        );
        // Without a flush these records would never come into the log.
        producer.flush(DEADLINE).unwrap();
        producer.abort_transaction(DEADLINE).unwrap();
    }
    // Markers are written after the answer that a transaction has ended, so this waits for them.
    await_ends(brokers, topic, 60 + 33 + 2 * 6);

    let config = Config {
        trigger,
        ..config(brokers, topic)
    };
    let told = if trigger == TriggerMode::AvailableNow {
        run(config)
    } else {
        let mut running = start(config);
        running.until_records(60);
        running.stop()
    };
    assert_eq!(told.totals(), adder.totals());
    assert_eq!(told.records(), 60);
}

fn open_transaction(brokers: &Brokers) {
    const TOPIC: &str = "open-transaction";
    create_topic(brokers, TOPIC, 2, &[]);
    let mut adder = Adder::default();
    write(brokers, TOPIC, &records("before", 10, &mut adder));
    let producer = transactional(brokers, TOPIC);
    producer.begin_transaction().unwrap();
    send(
        &producer,
        TOPIC,
        &records("open", 10, &mut Adder::default()),
    );
    producer.flush(DEADLINE).unwrap();
    let told = run(config(brokers, TOPIC));
    assert_eq!((told.totals(), told.records()), (adder.totals(), 10));
    producer.abort_transaction(DEADLINE).unwrap();
}

fn markers_alone(brokers: &Brokers) {
    const TOPIC: &str = "markers-alone";
    create_topic(brokers, TOPIC, 2, &[]);
    let producer = transactional(brokers, TOPIC);
    producer.begin_transaction().unwrap();
    send(
        &producer,
        TOPIC,
        &records("aborted", 10, &mut Adder::default()),
    );
    producer.flush(DEADLINE).unwrap();
    producer.abort_transaction(DEADLINE).unwrap();
    let told = run(config(brokers, TOPIC));
    assert_eq!((told.totals(), told.records()), (ByBrand::new(), 0));
    assert_eq!(told.batches.len(), 1);
}

fn two_topics(brokers: &Brokers, mode: &str, trigger: TriggerMode) {
    const RECORDS: u64 = 5_000;
    let [a, b] = ["a", "b"].map(|name| format!("two-topics-{mode}-{name}"));
    let mut adder = Adder::default();
    publish(brokers, &a, 3, generator(), RECORDS, Pace::Max);
    adder.generated(&generator(), RECORDS);
    // The other topic has the same partitions, and its logs end with markers.
    create_topic(brokers, &b, 3, &[]);
    let producer = transactional(brokers, &b);
    producer.begin_transaction().unwrap();
    send(&producer, &b, &records("only there", 100, &mut adder));
    producer.commit_transaction(DEADLINE).unwrap();
    producer.begin_transaction().unwrap();
    send(
        &producer,
        &b,
        &records("aborted", 100, &mut Adder::default()),
    );
    producer.flush(DEADLINE).unwrap();
    producer.abort_transaction(DEADLINE).unwrap();

    let config = Config {
        topics: vec![a.clone(), b.clone()],
        workers: 2,
        trigger,
        ..config(brokers, &a)
    };
    let told = if trigger == TriggerMode::AvailableNow {
        run(config)
    } else {
        let mut running = start(config);
        running.until_records(RECORDS + 100);
        running.stop()
    };
    assert_eq!(told.totals(), adder.totals());
    assert_eq!(told.records(), RECORDS + 100);
    let of_topics = |name: &str| -> u64 {
        let batches = told.batches.iter();
        let sources = batches.flat_map(|batch| &batch.progress.sources);
        let own = sources.filter(|source| source.description.contains(name));
        own.map(|source| source.num_input_rows).sum()
    };
    assert_eq!((of_topics(&a), of_topics(&b)), (RECORDS, 100));
}

fn empty_topic(brokers: &Brokers) {
    const TOPIC: &str = "empty";
    create_topic(brokers, TOPIC, 6, &[]);
    let told = run(Config {
        workers: 2,
        ..config(brokers, TOPIC)
    });
    assert_eq!(told.batches.len(), 1);
    assert_eq!((told.totals(), told.records()), (ByBrand::new(), 0));
}

fn count_of_an_empty_topic(brokers: &Brokers) {
    const TOPIC: &str = "empty-count";
    create_topic(brokers, TOPIC, 1, &[]);
    let told = run(Config {
        query: "SELECT count(*) AS n FROM transactions".to_owned(),
        ..config(brokers, TOPIC)
    });
    assert_eq!(told.batches.len(), 1);
    assert_eq!(integers(&told.batches[0].rows, "n"), [0]);
}

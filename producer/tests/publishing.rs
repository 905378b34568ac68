//! Runs the producer against librdkafka's in-process brokers: what is sent arrives, and a stop is prompt.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use kafka_access::{KafkaSettings, Stop, TopicSettings};
use producer::{Bursts, Event, Generator, GeneratorSettings, Pace, Settings};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Message, Offset, TopicPartitionList};

const TOPIC: &str = "transactions";
const PARTITIONS: i32 = 3;
/// A deadline that is longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

fn brokers() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(3).unwrap();
    cluster.create_topic(TOPIC, PARTITIONS, 3).unwrap();
    cluster
}

fn settings(servers: &str) -> Settings {
    Settings {
        kafka: KafkaSettings::parse(servers, "", &[]).unwrap(),
        topic: TopicSettings::new(TOPIC, PARTITIONS, 3).unwrap(),
        generator: GeneratorSettings {
            seed: Some(42),
            ..GeneratorSettings::default()
        },
        pace: Pace::Max,
        count: Some(5_000),
    }
}

/// Returns the keys and payloads of `count` records, by partition and in their order.
fn read(servers: &str, count: usize) -> Vec<Vec<(Vec<u8>, Vec<u8>)>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "test")
        .create()
        .unwrap();
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment
            .add_partition_offset(TOPIC, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let mut records = vec![Vec::new(); PARTITIONS as usize];
    let started = Instant::now();
    while records.iter().map(Vec::len).sum::<usize>() < count && started.elapsed() < DEADLINE {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.unwrap();
            let bytes = |part: Option<&[u8]>| part.unwrap_or_default().to_vec();
            records[message.partition() as usize]
                .push((bytes(message.key()), bytes(message.payload())));
        }
    }
    records
}

#[test]
fn every_record_is_acknowledged_and_is_what_the_seed_says() {
    let cluster = brokers();
    let settings = settings(&cluster.bootstrap_servers());
    let report = producer::run(&settings, &Stop::new(), |_| {}).unwrap();
    assert!(report.is_complete(), "{}", report.counts());
    assert_eq!(report.acknowledged, 5_000);

    let mut published = read(&cluster.bootstrap_servers(), 5_000);
    let mut generator = Generator::new(settings.generator);
    let mut next = vec![0; published.len()];
    for _ in 0..5_000 {
        let record = generator.next_record();
        // Partitions are chosen by key, so the record comes next in exactly one of them.
        let place = (0..next.len()).find(|&partition| {
            published[partition]
                .get(next[partition])
                .is_some_and(|(key, payload)| key == record.key && payload == record.payload)
        });
        next[place.unwrap()] += 1;
    }
    published
        .iter_mut()
        .zip(next)
        .for_each(|(records, read)| assert_eq!(records.len(), read));
}

#[test]
fn a_stop_ends_a_long_pause_at_once() {
    let cluster = brokers();
    let hour = Duration::from_secs(3_600);
    let mut settings = settings(&cluster.bootstrap_servers());
    settings.pace = Pace::Bursts;
    settings.count = None;
    settings.generator.bursts = Bursts::new(8, 20, hour, hour).unwrap();
    let stop = Stop::new();
    let in_pause = stop.clone();
    let started = Instant::now();
    let mut bursts = Vec::new();
    let report = producer::run(&settings, &stop, |event| {
        if let Event::Burst { records, .. } = event {
            bursts.push(records);
            in_pause.request();
        }
    })
    .unwrap();
    assert!(started.elapsed() < DEADLINE);
    assert_eq!(bursts, [report.sent]);
    assert!((8..=20).contains(&report.sent) && report.is_complete());
}

#[test]
fn lost_brokers_are_told_and_waited_for() {
    let cluster = brokers();
    let mut settings = settings(&cluster.bootstrap_servers());
    settings.pace = Pace::PerSecond(500.try_into().unwrap());
    settings.count = Some(1_500);
    let (mut started, mut lost, mut back) = (false, false, false);
    let report = producer::run(&settings, &Stop::new(), |event| match event {
        Event::Progress(_) if !started => {
            started = true;
            (1..=3).for_each(|broker| cluster.broker_down(broker).unwrap());
        }
        Event::BrokersLost { .. } => {
            lost = true;
            (1..=3).for_each(|broker| cluster.broker_up(broker).unwrap());
        }
        Event::BrokersBack { .. } => back = true,
        _ => {}
    })
    .unwrap();
    assert!(lost && back);
    assert!(report.is_complete(), "{}", report.counts());
}

#[test]
fn records_that_brokers_refuse_are_counted_as_failed() {
    let cluster = brokers();
    let settings = settings(&cluster.bootstrap_servers());
    cluster.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED],
    );
    let report = producer::run(&settings, &Stop::new(), |_| {}).unwrap();
    assert!(report.failed > 0 && !report.is_complete());
    assert_eq!(report.acknowledged + report.failed, report.sent);
    assert!(report.first_failure.is_some());
}

//! Starts librdkafka's mock brokers, which live in the test's own process and answer with any error that they are told
//! to.

use rdkafka::config::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};

use crate::DEADLINE;

/// Mock brokers, which stop when this is dropped.
pub type MockBrokers = MockCluster<'static, DefaultProducerContext>;

/// Starts one broker with a topic of one partition, which holds records with these values.
pub fn one_with(topic: &str, values: impl IntoIterator<Item = impl AsRef<[u8]>>) -> MockBrokers {
    let brokers = MockCluster::new(1).unwrap();
    brokers.create_topic(topic, 1, 1).unwrap();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers.bootstrap_servers());
    let producer: BaseProducer = config.create().unwrap();
    for value in values {
        let record = BaseRecord::<(), _>::to(topic).payload(value.as_ref());
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(DEADLINE).unwrap();
    brokers
}

//! librdkafka's mock cluster: real sockets and the real protocol, in memory.
//!
//! It keeps 5 MB a partition, which is enough for a query that keeps its own state.

#![expect(
    unsafe_code,
    reason = "the group's first join waits 3 s unless the mock cluster is told otherwise, which only \
              librdkafka's C interface can do; and which signals a thread takes is the C library's business"
)]

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::ptr;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka_sys as sys;

use super::DemoError;

/// Three brokers that live as long as this.
pub(super) struct Brokers {
    servers: String,
    /// The cluster belongs to this client, which does nothing else.
    _owner: BaseProducer<QuietProducerContext>,
}

impl Brokers {
    /// Starts three brokers with these topics: mock brokers have no request to create one.
    pub(super) fn start(
        topics: &[&str],
        partitions: i32,
        replication: i32,
    ) -> Result<Self, DemoError> {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "3");
        let owner: BaseProducer<QuietProducerContext> =
            without_signals(|| config.create_with_context(QuietProducerContext))
                .map_err(|error| DemoError::Brokers(error.to_string()))?;
        let topics = topics
            .iter()
            .map(|topic| CString::new(*topic))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| DemoError::Brokers(error.to_string()))?;
        // SAFETY: the client is alive, and so the cluster, which belongs to it, is as long as it is;
        // `topics` outlive the calls; the list of servers is copied before the cluster can go.
        let servers = unsafe {
            let cluster = sys::rd_kafka_handle_mock_cluster(owner.client().native_ptr());
            if cluster.is_null() {
                return Err(DemoError::Brokers(
                    "librdkafka has no mock cluster".to_owned(),
                ));
            }
            sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
            for topic in &topics {
                let topic = topic.as_ptr();
                let created =
                    sys::rd_kafka_mock_topic_create(cluster, topic, partitions, replication);
                if created != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return Err(DemoError::Brokers(format!("{created:?}")));
                }
            }
            CStr::from_ptr(sys::rd_kafka_mock_cluster_bootstraps(cluster))
                .to_string_lossy()
                .into_owned()
        };
        Ok(Self {
            servers,
            _owner: owner,
        })
    }

    pub(super) fn servers(&self) -> &str {
        &self.servers
    }
}

/// Has the threads that `start` starts take no signals. librdkafka sees to that for its own threads, but not for the
/// mock cluster's, which ends when a signal interrupts its wait for requests.
fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    let mut all = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: both sets live as long as the calls; the first is filled before it is read, and so is the second, unless
    // the call fails, which it does not: the only error is a first argument that is not known.
    let before = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        before.assume_init()
    };
    let started = start();
    // SAFETY: the set was filled above; nobody wants the one before.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut()) };
    started
}

struct QuietProducerContext;

impl ClientContext for QuietProducerContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", ?level, facility, "{message}");
    }
}

impl ProducerContext for QuietProducerContext {
    type DeliveryOpaque = ();

    fn delivery(&self, _result: &DeliveryResult<'_>, (): ()) {}
}

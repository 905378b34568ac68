//! Leads a client's partitions into the queue from which its records are taken.

#![expect(
    unsafe_code,
    reason = "it is in librdkafka's C interface, not in rdkafka's"
)]

use std::ffi::CString;
use std::sync::atomic::{AtomicPtr, Ordering};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka_sys as sys;

use crate::position::TopicPartition;

/// The queue into which a client's partitions are led, once there is one. The client's context holds it, because
/// partitions are assigned in a callback.
#[derive(Debug, Default)]
pub struct Inlet(AtomicPtr<sys::rd_kafka_queue_t>);

impl Inlet {
    /// Leads partitions into `queue` from now on, or nowhere if `queue` is NULL.
    ///
    /// # Safety
    /// The queue must be alive until another queue, or NULL, has taken its place.
    pub unsafe fn lead_to(&self, queue: *mut sys::rd_kafka_queue_t) {
        self.0.store(queue, Ordering::Release);
    }

    /// Leads `partition` into the queue, if there is one. The partition must not be fetched yet: what was fetched
    /// before comes with the client's events.
    pub fn lead<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>, partition: &TopicPartition) {
        let records = self.0.load(Ordering::Acquire);
        // A topic's name has no NUL: Kafka allows letters, digits and a few signs.
        let Ok(topic) = CString::new(&*partition.topic) else {
            return;
        };
        if records.is_null() {
            return;
        }
        // SAFETY: the client is alive, and so is the queue: whoever ends the queue takes it out of here first. The
        // partition holds references to itself and to the queue; this function must destroy the handle.
        unsafe {
            let client = consumer.client().native_ptr();
            let own =
                sys::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition.partition);
            if !own.is_null() {
                sys::rd_kafka_queue_forward(own, records);
                sys::rd_kafka_queue_destroy(own);
            }
        }
    }
}

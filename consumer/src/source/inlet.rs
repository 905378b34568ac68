//! The way of a client's records into the queue that they are taken from.

#![expect(
    unsafe_code,
    reason = "it is in librdkafka's C interface, not in rdkafka's"
)]

use std::ffi::CString;
use std::sync::atomic::{AtomicPtr, Ordering};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka_sys as sys;

use crate::position::TopicPartition;

/// Where the partitions of a client are led, once it has a queue for its records. Its context has it, since partitions
/// are assigned in a callback.
#[derive(Debug, Default)]
pub struct Inlet(AtomicPtr<sys::rd_kafka_queue_t>);

impl Inlet {
    /// From here on partitions are led into `queue`, or, if it is NULL, nowhere.
    ///
    /// # Safety
    /// The queue must be alive until another one, or NULL, has taken its place.
    pub unsafe fn lead_to(&self, queue: *mut sys::rd_kafka_queue_t) {
        self.0.store(queue, Ordering::Release);
    }

    /// Leads `partition` into the queue, if there is one. It must not be fetched yet: what is fetched before
    /// comes with the client's events.
    pub fn lead<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>, partition: &TopicPartition) {
        let records = self.0.load(Ordering::Acquire);
        // A topic's name has no NUL: Kafka allows letters, digits and a few signs.
        let Ok(topic) = CString::new(&*partition.topic) else {
            return;
        };
        if records.is_null() {
            return;
        }
        // SAFETY: the client is alive, and so is the queue: whoever ends it takes it out of here first. The
        // partition keeps itself and the queue alive; the handle is ours to destroy.
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

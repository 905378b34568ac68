//! Many records into librdkafka's queue by one call.
//!
//! The safe interface takes one record a call, and each looks for its topic by name, under a lock,
//! and for the time. A handle of the topic and one call for many records take half as long.

#![expect(
    unsafe_code,
    reason = "only librdkafka's C interface takes more than one record a call"
)]

use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};
use rdkafka_sys as sys;

/// Any partition: librdkafka chooses it, by the key.
const UNASSIGNED: i32 = -1;

/// A producer and its handle of the one topic that it writes to.
pub(crate) struct TopicProducer<C: ProducerContext + 'static> {
    topic: NonNull<sys::rd_kafka_topic_t>,
    producer: ThreadedProducer<C>,
    /// Repository for its memory; what it points to is valid only while records are handed over.
    messages: Vec<sys::rd_kafka_message_t>,
}

impl<C: ProducerContext + 'static> TopicProducer<C> {
    /// Writes to `topic` with the properties of `producer`, which asks brokers for it at once.
    pub(crate) fn new(producer: ThreadedProducer<C>, topic: &str) -> Result<Self, KafkaError> {
        let name = CString::new(topic)?;
        // SAFETY: the client is alive, the name is copied, and no configuration is handed over.
        let topic = unsafe {
            let client = producer.client().native_ptr();
            sys::rd_kafka_topic_new(client, name.as_ptr(), ptr::null_mut())
        };
        let topic = NonNull::new(topic).ok_or_else(|| {
            // SAFETY: has no conditions; it reads what this thread's last call left.
            let code = unsafe { sys::rd_kafka_last_error() };
            KafkaError::ClientCreation(RDKafkaErrorCode::from(code).to_string())
        })?;
        Ok(Self {
            topic,
            producer,
            messages: Vec::new(),
        })
    }

    pub(crate) fn producer(&self) -> &ThreadedProducer<C> {
        &self.producer
    }

    /// Copies the records, keys and payloads, into the queue, and says of each, in their order,
    /// whether that was done. Once the queue is full none that follows is taken.
    pub(crate) fn enqueue<'a>(
        &mut self,
        records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> impl Iterator<Item = Result<(), RDKafkaErrorCode>> {
        self.messages.clear();
        self.messages.extend(records.map(message));
        // SAFETY: the topic is alive as long as `self`. The messages are as many as is said, and
        // what they point to is borrowed for 'a, which outlives this call; with MSG_F_COPY
        // librdkafka reads it within the call and neither writes nor keeps it.
        unsafe {
            sys::rd_kafka_produce_batch(
                self.topic.as_ptr(),
                UNASSIGNED,
                sys::RD_KAFKA_MSG_F_COPY,
                self.messages.as_mut_ptr(),
                self.messages.len() as i32,
            );
        }
        self.messages.iter().map(|message| match message.err {
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            error => Err(RDKafkaErrorCode::from(error)),
        })
    }
}

fn message((key, payload): (&[u8], &[u8])) -> sys::rd_kafka_message_t {
    sys::rd_kafka_message_t {
        err: sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
        rkt: ptr::null_mut(),
        partition: UNASSIGNED,
        // Never null, even when empty: a null payload would be a tombstone.
        payload: payload.as_ptr() as *mut c_void,
        len: payload.len(),
        key: key.as_ptr() as *mut c_void,
        key_len: key.len(),
        offset: 0,
        _private: ptr::null_mut(),
    }
}

impl<C: ProducerContext + 'static> Drop for TopicProducer<C> {
    fn drop(&mut self) {
        // SAFETY: the handle is this value's own and not used again; its client is dropped later.
        unsafe { sys::rd_kafka_topic_destroy(self.topic.as_ptr()) };
    }
}

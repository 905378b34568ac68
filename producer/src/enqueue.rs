//! Puts many records into librdkafka's queue with one call.
//!
//! The safe interface takes one record a call. Each call looks the topic up by its name, under a lock, and reads the
//! clock. With a handle of the topic and one call for many records, this takes half as long.

#![expect(
    unsafe_code,
    reason = "only librdkafka's C interface takes more than one record a call"
)]

use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};
use rdkafka_sys as sys;

/// Tells librdkafka to choose the partition, which it does by the key.
const UNASSIGNED: i32 = -1;

/// A producer and its handle of the one topic to which it writes.
pub(crate) struct TopicProducer<C: ProducerContext + 'static> {
    topic: NonNull<sys::rd_kafka_topic_t>,
    producer: ThreadedProducer<C>,
    /// Reused from call to call for its memory. The pointers in it are valid only while records are handed over.
    messages: Vec<sys::rd_kafka_message_t>,
}

impl<C: ProducerContext + 'static> TopicProducer<C> {
    /// Makes a handle of `topic` that writes with the properties of `producer`. librdkafka asks the brokers for the
    /// topic at once.
    pub(crate) fn new(producer: ThreadedProducer<C>, topic: &str) -> Result<Self, KafkaError> {
        let name = CString::new(topic)?;
        // SAFETY: the client is alive, librdkafka copies the name, and no configuration is handed over.
        let topic = unsafe {
            let client = producer.client().native_ptr();
            sys::rd_kafka_topic_new(client, name.as_ptr(), ptr::null_mut())
        };
        let topic = NonNull::new(topic).ok_or_else(|| {
            // SAFETY: this call has no conditions; it reads the error code that this thread's last call left.
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

    /// Copies the keys and payloads of `records` into the queue, and returns for each record, in order, whether it was
    /// queued. Once the queue is full, no later record of the call is queued.
    pub(crate) fn enqueue<'a>(
        &mut self,
        records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> impl Iterator<Item = Result<(), RDKafkaErrorCode>> {
        self.messages.clear();
        self.messages.extend(records.map(message));
        // SAFETY: the topic lives as long as `self`. The given count is the number of messages. What they point to is
        // borrowed for 'a, which outlives this call: with MSG_F_COPY librdkafka reads it within the call and neither
        // writes to it nor holds on to it.
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
        // The pointer is not null even when the payload is empty: a null payload would be a tombstone.
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
        // SAFETY: this value owns the handle and does not use it again; the handle's client is dropped later.
        unsafe { sys::rd_kafka_topic_destroy(self.topic.as_ptr()) };
    }
}

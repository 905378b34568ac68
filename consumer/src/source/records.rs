//! The records of a client: one call serves many of them, from a queue beside the client's events.
//!
//! librdkafka either hands records out one by one, each with a lock, an event and two looks at the clock, or calls back
//! for all records that are there. rdkafka wraps only the first way, which takes more time than everything that is done
//! with the records. This module wraps the second way: every assigned partition is led into one queue. There is one
//! queue, and not one for each partition, because librdkafka looks at how full a queue is before it fetches. If queues
//! filled one by one, it would for a while fetch only the partitions at their end, and wait there for records while the
//! other partitions have some.
//!
//! There is a third way, `rd_kafka_consume_batch_queue`. It skips a record when the end of a partition is reported:
//! <https://github.com/confluentinc/librdkafka/issues/4844>.

#![expect(
    unsafe_code,
    reason = "it is in librdkafka's C interface, not in rdkafka's"
)]

use std::cell::OnceCell;
use std::ffi::{CStr, c_char, c_void};
use std::ops::ControlFlow;
use std::ptr;
use std::slice;

use rdkafka::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, Headers, Message};
use rdkafka_sys as sys;

use super::client::{FetchError, Fetched};
use super::group_context::GroupContext;
use crate::position::{Offset, TopicPartition};

type Waker = Box<dyn Fn() + Send + Sync>;

/// The queue of a client's records.
pub struct Records<'c> {
    queue: *mut sys::rd_kafka_queue_t,
    /// The waker, which this value owns and librdkafka's threads call.
    waker: *mut Waker,
    /// The client, which must be alive as long as the queue.
    consumer: &'c BaseConsumer<GroupContext>,
}

impl<'c> Records<'c> {
    /// Opens a queue for all partitions that are assigned to `consumer` from now on. Another thread calls `wake` when
    /// the queue is no longer empty.
    pub fn open(
        consumer: &'c BaseConsumer<GroupContext>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let waker: *mut Waker = Box::into_raw(Box::new(Box::new(wake)));
        // SAFETY: the client is alive, and the waker is alive until it is taken from the queue.
        let queue = unsafe {
            let queue = sys::rd_kafka_queue_new(consumer.client().native_ptr());
            sys::rd_kafka_queue_cb_event_enable(queue, Some(call_waker), waker.cast());
            queue
        };
        // SAFETY: the queue is alive until this is dropped, which takes it out first.
        unsafe { consumer.context().inlet().lead_to(queue) };
        Self {
            queue,
            waker,
            consumer,
        }
    }

    /// Gives `each` everything that is there now, each partition in its order, until `each` breaks off. Returns how
    /// many things `each` was given, and the value with which it broke off. `each` must not call this function.
    ///
    /// The call has no limit on the number of records. librdkafka takes all of them out of the queue for the call, so
    /// that the queue looks empty to the threads that fill it meanwhile, and then puts back what is left. If each call
    /// left some, the queue would grow without end.
    pub fn serve<B>(
        &self,
        each: impl FnMut(Fetched<'_, Record>) -> ControlFlow<B>,
    ) -> (usize, Option<B>) {
        let mut serving = Serving {
            each,
            client: self.consumer.client().native_ptr(),
            served: 0,
            broke_off: None,
        };
        let callback = callback_of(&serving);
        let opaque = ptr::from_mut(&mut serving).cast();
        // SAFETY: the queue is alive. The callback fits what `opaque` points to, which nobody else uses during the
        // call.
        unsafe { sys::rd_kafka_consume_callback_queue(self.queue, 0, Some(callback), opaque) };
        (serving.served, serving.broke_off)
    }
}

/// One call of [`Records::serve`].
struct Serving<F, B> {
    each: F,
    client: *mut sys::rd_kafka_t,
    served: usize,
    broke_off: Option<B>,
}

type Callback = unsafe extern "C" fn(*mut sys::rd_kafka_message_t, *mut c_void);

/// Returns the callback for this closure's type, which has no name of its own.
fn callback_of<F: FnMut(Fetched<'_, Record>) -> ControlFlow<B>, B>(
    _of: &Serving<F, B>,
) -> Callback {
    call_each::<F, B>
}

/// Passes one thing to `each`. A panic of `each` does not go through librdkafka: in an `extern "C"` function it ends
/// the process.
unsafe extern "C" fn call_each<F: FnMut(Fetched<'_, Record>) -> ControlFlow<B>, B>(
    message: *mut sys::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: `serve` gives this function the only reference during the call.
    let serving = unsafe { &mut *opaque.cast::<Serving<F, B>>() };
    serving.served += 1;
    let record = Record {
        message,
        headers: OnceCell::new(),
    };
    if let ControlFlow::Break(with) = (serving.each)(Fetched::of(&record)) {
        serving.broke_off = Some(with);
        // What is left goes back to the head of the queue.
        // SAFETY: the client is alive, and this is a callback of its queue.
        unsafe { sys::rd_kafka_yield(serving.client) };
    }
}

impl Drop for Records<'_> {
    fn drop(&mut self) {
        // SAFETY: the client is alive, because it is borrowed. librdkafka calls the waker under the queue's lock, and
        // takes it from the queue under the same lock.
        unsafe {
            self.consumer.context().inlet().lead_to(ptr::null_mut());
            sys::rd_kafka_queue_cb_event_enable(self.queue, None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue);
            drop(Box::from_raw(self.waker));
        }
    }
}

unsafe extern "C" fn call_waker(_client: *mut sys::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: `Records` owns the waker for as long as the queue has it.
    let waker = unsafe { &*opaque.cast::<Waker>() };
    waker();
}

impl<'r> Fetched<'r, Record> {
    #[inline]
    fn of(record: &'r Record) -> Self {
        let error = record.fields().err;
        if error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Self::Record(record);
        }
        match RDKafkaErrorCode::from(error) {
            RDKafkaErrorCode::PartitionEOF => {
                let partition = TopicPartition::new(record.topic(), record.partition());
                Self::End(partition, Offset(record.offset()))
            }
            code => Self::Error(Box::new(FetchError {
                code,
                partition: (!record.fields().rkt.is_null())
                    .then(|| TopicPartition::new(record.topic(), record.partition())),
                offset: Offset(record.offset()),
                // For an error, the payload is the reason.
                reason: String::from_utf8_lossy(record.payload().unwrap_or_default()).into_owned(),
            })),
        }
    }
}

/// A record in librdkafka's memory. Callers get only references to it, while librdkafka calls back with it: the message
/// and everything that it points to live as long as these references.
pub struct Record {
    message: *mut sys::rd_kafka_message_t,
    headers: OnceCell<Option<RecordHeaders>>,
}

impl Record {
    #[inline]
    fn fields(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the message is alive.
        unsafe { &*self.message }
    }
}

impl Message for Record {
    type Headers = RecordHeaders;

    #[inline]
    fn key(&self) -> Option<&[u8]> {
        let fields = self.fields();
        // SAFETY: the key is of that length, and lives as long as the message.
        unsafe { bytes(fields.key, fields.key_len) }
    }

    #[inline]
    fn payload(&self) -> Option<&[u8]> {
        let fields = self.fields();
        // SAFETY: the value is of that length, and lives as long as the message.
        unsafe { bytes(fields.payload, fields.len) }
    }

    unsafe fn payload_mut(&mut self) -> Option<&mut [u8]> {
        None
    }

    fn topic(&self) -> &str {
        // SAFETY: a fetched message has its topic, and the topic's name lives as long as the message.
        let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(self.fields().rkt)) };
        name.to_str().unwrap_or_default()
    }

    #[inline]
    fn partition(&self) -> i32 {
        self.fields().partition
    }

    #[inline]
    fn offset(&self) -> i64 {
        self.fields().offset
    }

    fn timestamp(&self) -> Timestamp {
        use sys::rd_kafka_timestamp_type_t as Type;
        let mut of_type = Type::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive.
        let at = unsafe { sys::rd_kafka_message_timestamp(self.message, &raw mut of_type) };
        match of_type {
            _ if at == -1 => Timestamp::NotAvailable,
            Type::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => Timestamp::NotAvailable,
            Type::RD_KAFKA_TIMESTAMP_CREATE_TIME => Timestamp::CreateTime(at),
            Type::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => Timestamp::LogAppendTime(at),
        }
    }

    fn headers(&self) -> Option<&RecordHeaders> {
        let found = self.headers.get_or_init(|| {
            let mut headers = ptr::null_mut();
            // SAFETY: the message is alive, and so are its headers as long as it is.
            let error = unsafe { sys::rd_kafka_message_headers(self.message, &raw mut headers) };
            (error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR)
                .then_some(RecordHeaders(headers))
        });
        found.as_ref()
    }
}

/// A record's headers, in their order. The record gives only references to them.
pub struct RecordHeaders(*const sys::rd_kafka_headers_t);

impl Headers for RecordHeaders {
    fn count(&self) -> usize {
        // SAFETY: the headers live as long as their record, which outlives this reference.
        unsafe { sys::rd_kafka_header_cnt(self.0) }
    }

    fn try_get(&self, index: usize) -> Option<Header<'_, &[u8]>> {
        let mut key: *const c_char = ptr::null();
        let mut value: *const c_void = ptr::null();
        let mut size = 0;
        // SAFETY: the headers are alive, as above; key and value live as long as the headers, and have that many bytes.
        unsafe {
            let error = sys::rd_kafka_header_get_all(
                self.0,
                index,
                &raw mut key,
                &raw mut value,
                &raw mut size,
            );
            if error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            Some(Header {
                key: CStr::from_ptr(key).to_str().unwrap_or_default(),
                value: bytes(value, size),
            })
        }
    }
}

/// # Safety
/// Unless `start` is null, `len` bytes must be there for as long as `'a`.
#[inline]
unsafe fn bytes<'a>(start: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller guarantees it.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast(), len) })
}

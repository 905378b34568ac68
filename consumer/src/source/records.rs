//! The records of a client, many in one call, in a queue beside its events.
//!
//! librdkafka hands records out one by one, each with a lock, an event and two looks at the clock, or calls
//! back for all that are there. rdkafka wraps only the first, which takes more time than all that is done
//! with the records. Here is the second: every partition that is assigned is led into one queue. One, and not
//! one a partition: librdkafka looks at how full the queue is before it fetches, and of queues that fill one
//! by one it would fetch only those at their end for a while, and wait there for records to come while the
//! others have some.
//!
//! There is a third way, `rd_kafka_consume_batch_queue`. It passes over a record where the end of a partition
//! is told: <https://github.com/confluentinc/librdkafka/issues/4844>.

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
    /// Ours; librdkafka's threads call it.
    waker: *mut Waker,
    /// It is alive as long as this.
    consumer: &'c BaseConsumer<GroupContext>,
}

impl<'c> Records<'c> {
    /// A queue for what is assigned to `consumer` from now on. `wake` is called, by another thread, when it is
    /// no longer empty.
    pub fn open(
        consumer: &'c BaseConsumer<GroupContext>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let waker: *mut Waker = Box::into_raw(Box::new(Box::new(wake)));
        // SAFETY: the client is alive, and the waker until it is taken from the queue.
        let queue = unsafe {
            let queue = sys::rd_kafka_queue_new(consumer.client().native_ptr());
            sys::rd_kafka_queue_cb_event_enable(queue, Some(call_waker), waker.cast());
            queue
        };
        // SAFETY: it is alive until it is taken out, when this is dropped.
        unsafe { consumer.context().inlet().lead_to(queue) };
        Self {
            queue,
            waker,
            consumer,
        }
    }

    /// Gives `each` all that is there now, in the order of each partition, unless it breaks off. How many it was
    /// given, and what it broke off with. `each` must not call this.
    ///
    /// All, and not so many: librdkafka takes them out of the queue for the call, which looks empty to those who
    /// fill it meanwhile, and puts back what is left. What is left again and again would grow without end.
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
        // SAFETY: the queue is alive. The callback is the one for what `opaque` points to, which nobody else
        // has during the call.
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

/// Names the callback's type, which has that of a closure in it.
fn callback_of<F: FnMut(Fetched<'_, Record>) -> ControlFlow<B>, B>(
    _of: &Serving<F, B>,
) -> Callback {
    call_each::<F, B>
}

/// A panic of `each` does not go through librdkafka: out of an `extern "C"` function it ends the process.
unsafe extern "C" fn call_each<F: FnMut(Fetched<'_, Record>) -> ControlFlow<B>, B>(
    message: *mut sys::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: `serve` has it for us.
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
        // SAFETY: the client is alive, for it is borrowed. The waker is called under the queue's lock, and
        // taken from it under that too.
        unsafe {
            self.consumer.context().inlet().lead_to(ptr::null_mut());
            sys::rd_kafka_queue_cb_event_enable(self.queue, None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue);
            drop(Box::from_raw(self.waker));
        }
    }
}

unsafe extern "C" fn call_waker(_client: *mut sys::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: `Records` keeps it as long as the queue has it.
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
                // An error has its reason where a record has its value.
                reason: String::from_utf8_lossy(record.payload().unwrap_or_default()).into_owned(),
            })),
        }
    }
}

/// A record as librdkafka has it. Only references to it are given away, for as long as librdkafka calls back with it:
/// the message and all that it points to are alive as long as those.
pub struct Record {
    message: *mut sys::rd_kafka_message_t,
    headers: OnceCell<Option<RecordHeaders>>,
}

impl Record {
    #[inline]
    fn fields(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: it is alive.
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
        // SAFETY: a message that has been fetched has its topic, whose name lives as long as that.
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

/// A record's headers, in their order. Its record gives only references to them away, too.
pub struct RecordHeaders(*const sys::rd_kafka_headers_t);

impl Headers for RecordHeaders {
    fn count(&self) -> usize {
        // SAFETY: they live as long as their record, and this no longer.
        unsafe { sys::rd_kafka_header_cnt(self.0) }
    }

    fn try_get(&self, index: usize) -> Option<Header<'_, &[u8]>> {
        let mut key: *const c_char = ptr::null();
        let mut value: *const c_void = ptr::null();
        let mut size = 0;
        // SAFETY: as above; key and value live as long as the headers, and have that many bytes.
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
/// Unless it is null, so many bytes are there, as long as `'a`.
#[inline]
unsafe fn bytes<'a>(start: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller says.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast(), len) })
}

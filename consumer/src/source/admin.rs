//! Two requests of librdkafka's admin interface that rdkafka does not wrap: one asks for a topic's id, the other for
//! the ends of logs, uncommitted records included.
//!
//! Each request is sent with the caller's client, and waited for. Neither changes anything.

#![expect(
    unsafe_code,
    reason = "it is in librdkafka's C interface, not in rdkafka's"
)]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use rdkafka_sys as sys;

use crate::position::{Offset, TopicId, TopicPartition};

/// How long to wait for a request's result after the request has timed out.
const GRACE: Duration = Duration::from_secs(1);

/// The answer for one topic's id: `None` if the brokers have no ids.
pub type FoundId = Result<Option<TopicId>, RDKafkaErrorCode>;

/// Asks for the ids of `topics`, by Kafka's DescribeTopics. The request creates no topic.
///
/// # Errors
/// Fails if nobody answers in time. What is wrong with a single topic stands in that topic's answer.
pub fn topic_ids<C: ClientContext>(
    client: &Client<C>,
    topics: &[Arc<str>],
    answer: Duration,
) -> Result<BTreeMap<Arc<str>, FoundId>, RDKafkaErrorCode> {
    let names: Vec<CString> = topics
        .iter()
        .map(|topic| CString::new(&**topic))
        .collect::<Result<_, _>>()
        .map_err(|_nul| RDKafkaErrorCode::InvalidTopic)?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let request = Request::new(
        client,
        sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        answer,
    );
    // SAFETY: the client, its options and its queue are alive; the names are copied into the collection, and the
    // collection into the request.
    unsafe {
        let all = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), names.len());
        sys::rd_kafka_DescribeTopics(request.client, all, request.options, request.queue);
        sys::rd_kafka_TopicCollection_destroy(all);
    }
    let event = request.result(answer)?;
    // SAFETY: the event is alive until the end of this function, and what it holds lives as long as the event. The
    // result is NULL if the event is of another kind, which is not a result of this request.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event.0);
        if result.is_null() {
            return Err(RDKafkaErrorCode::Fail);
        }
        let mut count = 0;
        let described = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        Ok(each(described, count)
            .map(|topic| {
                let name = CStr::from_ptr(sys::rd_kafka_TopicDescription_name(topic));
                (name.to_string_lossy().into(), id_of(topic))
            })
            .collect())
    }
}

/// # Safety
/// The topic's description must be alive.
unsafe fn id_of(topic: *const sys::rd_kafka_TopicDescription_t) -> FoundId {
    // SAFETY: the description is alive, and so are its error and its id.
    unsafe {
        let error = sys::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() {
            let code = sys::rd_kafka_error_code(error);
            if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(code.into());
            }
        }
        let id = sys::rd_kafka_TopicDescription_topic_id(topic);
        if id.is_null() {
            return Ok(None);
        }
        Ok(TopicId::of_bits(
            sys::rd_kafka_Uuid_most_significant_bits(id),
            sys::rd_kafka_Uuid_least_significant_bits(id),
        ))
    }
}

/// Asks where the logs of `partitions` end, by Kafka's ListOffsets. A log ends behind its last record, or, for those
/// who read only what is `committed`, before the first record of an open transaction. Partitions whose leader does not
/// answer are left out.
///
/// # Errors
/// Fails if nobody answers in time.
pub fn ends<C: ClientContext>(
    client: &Client<C>,
    partitions: &[TopicPartition],
    committed: bool,
    answer: Duration,
) -> Result<BTreeMap<TopicPartition, Offset>, RDKafkaErrorCode> {
    use sys::rd_kafka_IsolationLevel_t as Isolation;
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        asked
            .add_partition_offset(&partition.topic, partition.partition, KafkaOffset::End)
            .map_err(|_nul| RDKafkaErrorCode::InvalidTopic)?;
    }
    let request = Request::new(
        client,
        sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS,
        answer,
    );
    let isolation = match committed {
        true => Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
        false => Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
    };
    // SAFETY: client, options and queue are alive; the list is copied into the request. An option that is refused comes
    // back as an error, which this function must destroy; these options are valid for this request.
    unsafe {
        let refused = sys::rd_kafka_AdminOptions_set_isolation_level(request.options, isolation);
        if !refused.is_null() {
            sys::rd_kafka_error_destroy(refused);
        }
        sys::rd_kafka_ListOffsets(request.client, asked.ptr(), request.options, request.queue);
    }
    let event = request.result(answer)?;
    // SAFETY: the event and its result are alive, as in `topic_ids`.
    unsafe {
        let result = sys::rd_kafka_event_ListOffsets_result(event.0);
        if result.is_null() {
            return Err(RDKafkaErrorCode::Fail);
        }
        let mut count = 0;
        let infos = sys::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
        Ok(each(infos, count)
            .filter_map(|info| {
                let found = &*sys::rd_kafka_ListOffsetsResultInfo_topic_partition(info);
                let is_told = found.err == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
                    && found.offset >= 0;
                let topic = CStr::from_ptr(found.topic).to_str().ok()?;
                let partition = TopicPartition::new(topic, found.partition);
                is_told.then_some((partition, Offset(found.offset)))
            })
            .collect())
    }
}

/// # Safety
/// `count` pointers must be there for as long as the iterator is used.
unsafe fn each<'a, T: 'a>(
    all: *mut *const T,
    count: usize,
) -> impl Iterator<Item = *const T> + use<'a, T> {
    let all: &'a [*const T] = match all.is_null() {
        true => &[],
        // SAFETY: the caller guarantees it.
        false => unsafe { slice::from_raw_parts(all, count) },
    };
    all.iter().copied()
}

/// A request on its way, with its own queue for the result.
struct Request {
    client: *mut sys::rd_kafka_t,
    options: *mut sys::rd_kafka_AdminOptions_t,
    queue: *mut sys::rd_kafka_queue_t,
}

impl Request {
    /// Makes a request. The client must outlive it; all callers hold their client until they return.
    fn new<C: ClientContext>(
        client: &Client<C>,
        operation: sys::rd_kafka_admin_op_t,
        answer: Duration,
    ) -> Self {
        let client = client.native_ptr();
        // SAFETY: the client is alive. Options and queue are destroyed when this is dropped. If the timeout is refused,
        // librdkafka's own timeout stays.
        unsafe {
            let options = sys::rd_kafka_AdminOptions_new(client, operation);
            sys::rd_kafka_AdminOptions_set_request_timeout(
                options,
                millis(answer),
                ptr::null_mut(),
                0,
            );
            Self {
                client,
                options,
                queue: sys::rd_kafka_queue_new(client),
            }
        }
    }

    fn result(&self, answer: Duration) -> Result<AdminEvent, RDKafkaErrorCode> {
        // SAFETY: the queue is alive, and the event belongs to this function.
        let event = unsafe { sys::rd_kafka_queue_poll(self.queue, millis(answer + GRACE)) };
        if event.is_null() {
            return Err(RDKafkaErrorCode::OperationTimedOut);
        }
        let event = AdminEvent(event);
        // SAFETY: the event is alive.
        let code = unsafe { sys::rd_kafka_event_error(event.0) };
        match code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            true => Ok(event),
            false => Err(code.into()),
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: queue and options belong to this request. A result that comes later finds no queue, and is dropped.
        unsafe {
            sys::rd_kafka_queue_destroy(self.queue);
            sys::rd_kafka_AdminOptions_destroy(self.options);
        }
    }
}

struct AdminEvent(*mut sys::rd_kafka_event_t);

impl Drop for AdminEvent {
    fn drop(&mut self) {
        // SAFETY: the event belongs to this value, and nobody holds a part of it any more.
        unsafe { sys::rd_kafka_event_destroy(self.0) }
    }
}

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

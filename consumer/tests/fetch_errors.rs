//! Lets librdkafka's mock brokers answer with errors in place of records. An error that is known to pass is not
//! reported, an unknown one is reported once, and one that does not pass ends the query.

#![allow(clippy::panic, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use consumer::config::{Config, DEFAULT_SCHEMA, OnDataLoss, TriggerMode};
use consumer::engine::query::OnRecordError;
use consumer::event::{Level, QueryEvent};
use consumer::runtime::{self, StreamingError};
use consumer::schema::TableSchema;
use consumer::sink::dead_letters::OnFailure;
use consumer::source::topics::StartingOffsets;
use crossbeam_channel::unbounded;
use kafka_access::KafkaSettings;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use testkit::DEADLINE;
use testkit::mock_brokers::{MockBrokers, one_with};

const RECORDS: i64 = 10;

/// Starts a broker that has [`RECORDS`] records of the topic `t` and answers the first requests of this kind with
/// `errors`.
fn brokers(request: RDKafkaApiKey, errors: &[RDKafkaRespErr]) -> MockBrokers {
    let record = r#"{"card_brand":"Visa","amount":1}"#;
    let brokers = one_with("t", (0..RECORDS).map(|_| record));
    brokers.request_errors(request, errors);
    brokers
}

fn schema() -> Option<TableSchema> {
    Some(TableSchema::parse(DEFAULT_SCHEMA).unwrap())
}

/// Counts the records until the query ends or the warnings are enough. Returns the count, or the error that ended the
/// query, and the warnings.
fn counted(
    brokers: &MockBrokers,
    trigger: TriggerMode,
    schema: Option<TableSchema>,
    is_enough: impl Fn(&[String]) -> bool,
) -> (Result<i64, StreamingError>, Vec<String>) {
    let config = Config {
        kafka: KafkaSettings::parse(&brokers.bootstrap_servers(), "", &[]).unwrap(),
        topics: vec!["t".to_owned()],
        group_id: "g".to_owned(),
        query_file: None,
        query: "SELECT count(*) AS n FROM t".to_owned(),
        schema,
        checkpoint_location: None,
        locks: std::env::temp_dir(),
        reset: false,
        on_data_loss: OnDataLoss::Fail,
        trigger,
        updates: false,
        memory_limit: None,
        max_records_per_batch: None,
        starting_offsets: StartingOffsets::Earliest,
        workers: 1,
        dead_letter_topic: "t.dead-letters".to_owned(),
        on_dead_letter_failure: OnFailure::Pause,
        on_record_error: OnRecordError::Fail,
        demo: vec!["its brokers are not asked who is there".to_owned()],
    };
    let (sender, events) = unbounded();
    let query = runtime::start(config, sender).unwrap();
    let deadline = Instant::now() + DEADLINE;
    let (mut count, mut warnings) = (0, Vec::new());
    loop {
        match events.recv_deadline(deadline).map(|named| named.event) {
            Ok(QueryEvent::Batch(batch)) => {
                let counts = batch.rows.column(0).as_primitive::<Int64Type>();
                count = counts.value(0);
            }
            Ok(QueryEvent::Notice(notice)) if notice.level == Level::Warning => {
                warnings.push(notice.text);
                if is_enough(&warnings) {
                    return (Ok(count), warnings);
                }
            }
            Ok(QueryEvent::Stopped) => return (query.join().map(|()| count), warnings),
            Ok(_) => {}
            Err(_) => panic!("it does not end: {count} records, {warnings:?}"),
        }
    }
}

#[test]
fn an_error_that_is_not_known_to_pass_is_told_once() {
    let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN;
    let brokers = brokers(RDKafkaApiKey::Fetch, &[unknown; 3]);
    let (count, warnings) = counted(&brokers, TriggerMode::AvailableNow, schema(), |_| false);
    assert_eq!(count.unwrap(), RECORDS);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("t-0 cannot be read for now: "),
        "{warnings:?}"
    );
}

#[test]
fn an_error_that_passes_is_not_told() {
    let passes = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    let brokers = brokers(RDKafkaApiKey::Fetch, &[passes; 3]);
    let (count, warnings) = counted(&brokers, TriggerMode::AvailableNow, schema(), |_| false);
    assert_eq!((count.unwrap(), warnings), (RECORDS, Vec::new()));
}

#[test]
fn a_record_that_is_too_large_ends_the_query() {
    let large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    let brokers = brokers(RDKafkaApiKey::Fetch, &[large]);
    let (error, _) = counted(&brokers, TriggerMode::AvailableNow, schema(), |_| false);
    let error = error.unwrap_err().to_string();
    for words in [
        "t-0 cannot be read from offset 0 on",
        "receive.message.max.bytes",
    ] {
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn first_records_that_are_too_large_infer_no_schema() {
    let large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    let brokers = brokers(RDKafkaApiKey::Fetch, &[large]);
    let (error, _) = counted(&brokers, TriggerMode::AvailableNow, None, |_| false);
    let error = error.unwrap_err().to_string();
    for words in [
        "reading the first records failed",
        "receive.message.max.bytes",
    ] {
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn why_the_group_does_not_take_a_member_is_told() {
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL;
    let brokers = brokers(RDKafkaApiKey::JoinGroup, &[refused]);
    let trigger = TriggerMode::Interval(Duration::from_millis(50));
    let (_, warnings) = counted(&brokers, trigger, schema(), |told| !told.is_empty());
    assert!(
        warnings[0].starts_with("JoinGroup failed: "),
        "{warnings:?}"
    );
}

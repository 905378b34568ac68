//! Tests wrong settings as a user of the program meets them: soon after its start, the program writes one line on
//! standard error that names the setting, its value and the mend. The exit code is 2 for what was written wrong and 1
//! for what failed.

use testkit::refusal::{self, FAILED, WRONG_USAGE, is_about};
use testkit::secrets;

const PROGRAM: &str = env!("CARGO_BIN_EXE_producer");

fn told(settings: &[(&str, &str)], flags: &[&str], code: i32) -> String {
    refusal::told(PROGRAM, settings, flags, code)
}

fn refuses(setting: &str, value: &str, mend: &str) {
    refusal::refuses(PROGRAM, setting, value, mend);
}

#[test]
fn a_lower_bound_is_not_above_the_upper() {
    refuses("BURST_MIN", "30", "not be above BURST_MAX=20; lower it");
    refuses("PAUSE_MIN", "2m", "not be above PAUSE_MAX=1m; lower it");
}

#[test]
fn bursts_and_pauses_are_within_their_bounds() {
    refuses("BURST_MIN", "0", "at least 1");
    refuses("BURST_MAX", "1000001", "at most 1000000");
    refuses("PAUSE_MAX", "2days", "at most 1 day");
    refuses("PAUSE_MIN", "5", "with its unit");
}

#[test]
fn numbers_are_whole_and_in_range() {
    refuses("RATE", "0", "such as 1000, or max");
    refuses("COUNT", "0", "a number of records");
    refuses("SEED", "-1", "a whole number");
    refuses("CARDS", "0", "from 1 to 1000000");
    refuses("TOPIC_PARTITIONS", "0", "from 1 to 100000");
    refuses("TOPIC_REPLICATION", "three", "a whole number");
}

#[test]
fn ratios_are_from_none_to_all() {
    for setting in ["LATE_RATIO", "OUT_OF_ORDER", "BAD_RATIO"] {
        for wrong in ["1.1", "-0.1", "NaN", "half"] {
            refuses(setting, wrong, "give a ratio from 0 (none) to 1 (all)");
        }
    }
}

#[test]
fn a_time_is_rfc_3339() {
    refuses("EVENT_TIME_START", "now", "such as 2020-01-01T00:00:00Z");
}

#[test]
fn a_topic_has_a_name_that_kafka_allows() {
    refuses("TOPIC", "card transactions", "a topic's name is");
    // A line break in the value is written as an escape, so that the message stays one line.
    let line = told(&[("TOPIC", "a\nb")], &[], WRONG_USAGE);
    is_about(&line, r"TOPIC=a\nb: ", "a topic's name is");
}

#[test]
fn what_the_producer_promises_cannot_be_set_away() {
    for pair in [
        "acks=1",
        "request.required.acks=1",
        "enable.idempotence=false",
    ] {
        let line = told(&[], &["-X", pair], WRONG_USAGE);
        is_about(&line, &format!("-X {pair}: "), "leave it out");
    }
    refuses(
        "KAFKA_PROPERTIES",
        "bootstrap.servers=a:1",
        "set KAFKA_BOOTSTRAP_SERVERS",
    );
}

#[test]
fn a_property_that_librdkafka_does_not_take_is_named() {
    let line = told(&[("KAFKA_PROPERTIES", "no.such.key=1")], &[], WRONG_USAGE);
    is_about(
        &line,
        "KAFKA_PROPERTIES=no.such.key=***: ",
        "No such configuration",
    );
    refuses("KAFKA_PROPERTIES", "linger.ms", "write key=value");
}

#[test]
fn properties_that_do_not_go_together_are_wrong_usage() {
    let flags = ["-Xsecurity.protocol=ssl", "-Xssl.ca.location=/no/such/file"];
    let line = told(&[], &flags, WRONG_USAGE);
    assert!(line.contains("ssl.ca.location"), "{line}");
    assert!(line.contains("check -X and KAFKA_PROPERTIES"), "{line}");
}

#[test]
fn a_flag_that_is_not_there_is_named() {
    let line = told(&[], &["--rates=1"], WRONG_USAGE);
    is_about(&line, "unexpected argument '--rates' found", "see --help");
}

#[test]
fn what_is_no_broker_is_named() {
    refuses("KAFKA_BOOTSTRAP_SERVERS", "kafka:port", "is not host:port");
}

#[test]
fn brokers_that_do_not_answer_are_a_failure() {
    // Nothing listens at tcpmux's port.
    let line = told(&[("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")], &[], FAILED);
    is_about(
        &line,
        "no broker of KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1 answered within 8 s ",
        "start the brokers or correct the setting",
    );
}

#[test]
fn a_secret_is_not_in_what_is_said_of_a_wrong_setting() {
    secrets::is_never_said(PROGRAM, secrets::WRONG);
}

#[test]
fn a_secret_is_not_in_the_help() {
    secrets::is_not_in_the_help(PROGRAM);
}

#[test]
fn a_secret_is_not_in_the_log_however_much_is_asked_for() {
    secrets::is_not_in_the_log(PROGRAM);
}

//! Tests wrong settings as a user of the program meets them: soon after its start, the program writes one line on
//! standard error that names the setting, its value and the mend. The exit code is 2 for what was written wrong and 1
//! for what failed.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::net::TcpListener;

use testkit::refusal::{self, FAILED, WRONG_USAGE, is_about};
use testkit::secrets;

const PROGRAM: &str = env!("CARGO_BIN_EXE_consumer");

fn told(settings: &[(&str, &str)], flags: &[&str], code: i32) -> String {
    refusal::told(PROGRAM, settings, flags, code)
}

fn refuses(setting: &str, value: &str, mend: &str) {
    refusal::refuses(PROGRAM, setting, value, mend);
}

/// Checks that the program refuses `-X pair` and says `mend`.
fn refuses_property(pair: &str, mend: &str) {
    let line = told(&[], &["-X", pair], WRONG_USAGE);
    is_about(&line, &format!("-X {pair}: "), mend);
}

#[test]
fn a_column_that_is_not_there_is_named_with_those_that_are() {
    refuses("QUERY", "SELECT nope FROM transactions", "nope");
    refuses("QUERY", "SELECT nope FROM transactions", "card_brand");
}

#[test]
fn an_output_mode_is_one_that_there_is_and_that_the_query_can_have() {
    refuses("OUTPUT_MODE", "append", "use complete or update");
    let sorted = "SELECT card_brand, count(*) AS n FROM transactions GROUP BY 1 ORDER BY n";
    let line = told(
        &[
            ("OUTPUT_MODE", "update"),
            ("QUERY", sorted),
            ("SCHEMA", "card_brand STRING"),
        ],
        &[],
        WRONG_USAGE,
    );
    is_about(&line, "QUERY=SELECT card_brand", "set OUTPUT_MODE=complete");
}

#[test]
fn a_table_that_is_not_there_is_named() {
    refuses("QUERY", "SELECT count(*) FROM nowhere", "nowhere");
}

#[test]
fn a_function_that_is_not_there_is_named() {
    refuses(
        "QUERY",
        "SELECT nofn(amount) FROM transactions",
        "no function nofn",
    );
}

#[test]
fn sql_that_is_none_is_refused_where_it_goes_wrong() {
    refuses(
        "QUERY",
        "SELEC 1",
        "line 1, column 1: expected an SQL statement, found SELEC",
    );
    refuses("QUERY", "SELECT count(*) FROM", "found the end");
}

#[test]
fn a_place_for_checkpoints_is_a_url_that_this_build_serves() {
    refuses("CHECKPOINT_LOCATION", "/data/x", "write file:///data/x");
    refuses("CHECKPOINT_LOCATION", "ftp://host/x", "file:///");
    refuses("ON_DATA_LOSS", "perhaps", "fail or continue");
    let line = told(&[], &["--reset"], WRONG_USAGE);
    is_about(&line, "CHECKPOINT_LOCATION=: ", "--reset");
}

/// Runs `consumer checkpoints` with these flags, and returns the line with which it ends.
fn listing_ends(flags: &[&str], code: i32) -> String {
    told(&[], &[&["checkpoints"], flags].concat(), code)
}

#[test]
fn a_list_of_checkpoints_needs_to_know_where() {
    let line = listing_ends(&[], WRONG_USAGE);
    is_about(&line, "CHECKPOINT_LOCATION=: ", "name the location");
    let line = listing_ends(&["--checkpoint-location", "/data/x"], WRONG_USAGE);
    is_about(
        &line,
        "CHECKPOINT_LOCATION=/data/x: ",
        "write file:///data/x",
    );
    let line = told(
        &[
            ("CHECKPOINT_LOCATION", "file:///data/x"),
            ("OUTPUT", "dashboard"),
        ],
        &["checkpoints"],
        WRONG_USAGE,
    );
    is_about(&line, "OUTPUT=dashboard: ", "as table or json");
    let line = listing_ends(&["--table-rows", "0"], WRONG_USAGE);
    is_about(&line, "TABLE_ROWS=0: ", "1 or more");
}

#[test]
fn a_place_without_checkpoints_is_told_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for place in [folder.path().to_owned(), folder.path().join("not there")] {
        let url = format!("file://{}", place.display()).replace(' ', "%20");
        let line = listing_ends(&["--checkpoint-location", &url], WRONG_USAGE);
        is_about(
            &line,
            &format!("CHECKPOINT_LOCATION={url}: "),
            "no checkpoints are kept there",
        );
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_place_that_cannot_be_read_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let url = format!("file://{}", file.display());
    let line = listing_ends(&["--checkpoint-location", &url], FAILED);
    assert!(
        line.contains(&format!("CHECKPOINT_LOCATION={url}: ")),
        "{line}"
    );
    assert!(line.contains("Not a directory"), "{line}");
}

#[test]
fn a_partition_to_show_has_a_topic_and_a_number() {
    for wrong in ["transactions", "3", "-3", "transactions-x"] {
        let line = listing_ends(&["show", "--", wrong], WRONG_USAGE);
        is_about(&line, &format!("show={wrong}: "), "such as transactions-0");
    }
    let line = listing_ends(&["show"], WRONG_USAGE);
    assert!(
        line.ends_with("not provided: <TOPIC-PARTITION>; see --help"),
        "{line}"
    );
}

#[test]
fn a_querys_flags_do_not_stand_before_another_command() {
    let line = told(&[], &["--workers", "2", "checkpoints"], WRONG_USAGE);
    is_about(
        &line,
        "the subcommand 'checkpoints' cannot be used with ",
        "--workers",
    );
}

#[test]
fn a_query_that_cannot_be_kept_is_refused_with_the_reason() {
    refuses(
        "QUERY",
        "SELECT count(*) FROM transactions a, transactions b",
        "(a join)",
    );
    refuses(
        "QUERY",
        "SELECT max(amount) > (SELECT 1) FROM transactions",
        "a subquery",
    );
}

#[test]
fn a_long_query_over_several_lines_is_told_in_one() {
    let query = format!(
        "SELECT\n  nope,\n  '{}'\nFROM transactions",
        "x".repeat(100)
    );
    let line = told(&[("QUERY", &query)], &[], WRONG_USAGE);
    is_about(&line, "QUERY=SELECT nope, 'xxx", "…: ");
}

#[test]
fn a_query_file_that_holds_no_query_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    refuses("QUERY_FILE", &write("empty.sql", ""), "it is empty");
    refuses("QUERY_FILE", &write("blank.sql", " \n"), "it is empty");
    refuses(
        "QUERY_FILE",
        &write("marked.sql", "\u{feff}"),
        "it is empty",
    );
    refuses("QUERY_FILE", &write("wrong.sql", "SELEC"), "SELEC");
    refuses("QUERY_FILE", "/dev/zero", "more than 1 MiB");
    let missing = folder.path().join("missing.sql");
    refuses(
        "QUERY_FILE",
        missing.to_str().unwrap(),
        "No such file or directory (os error 2); name a file that holds a query",
    );
}

#[test]
fn the_mark_of_an_encoding_before_a_text_is_passed_over() {
    // A text can begin with a byte order mark when a file's content is the value, as in `SCHEMA="$(cat schema.ddl)"`.
    let line = told(&[("SCHEMA", "\u{feff}a MONEY")], &[], WRONG_USAGE);
    is_about(&line, "SCHEMA=a MONEY: ", "unknown type 'MONEY'");
    let settings = [
        ("SCHEMA", "\u{feff} a STRING"),
        ("QUERY", "\u{feff}SELECT b FROM transactions"),
    ];
    let line = told(&settings, &[], WRONG_USAGE);
    is_about(
        &line,
        "QUERY=SELECT b FROM transactions: ",
        "there is no column b; there are a, ",
    );
    let line = told(&[("KAFKA_PROPERTIES", "\u{feff}acks=1")], &[], WRONG_USAGE);
    is_about(&line, "KAFKA_PROPERTIES=acks=1: ", "leave it out");
}

#[test]
fn query_and_query_file_exclude_each_other() {
    let both = [("QUERY", "SELECT 1"), ("QUERY_FILE", "one.sql")];
    let line = told(&both, &[], WRONG_USAGE);
    is_about(&line, "QUERY_FILE=one.sql: ", "leave one of them out");
}

#[test]
fn an_interval_is_a_duration_within_its_bounds() {
    refuses("BATCH_INTERVAL", "0s", "10ms is the shortest");
    refuses("BATCH_INTERVAL", "25h", "24h is the longest");
    refuses("BATCH_INTERVAL", "100000y", "24h is the longest");
    for garbage in ["5", "soon", "-1s", "99999999999999999999s"] {
        refuses("BATCH_INTERVAL", garbage, "500ms, 5s or 1m");
    }
}

#[test]
fn words_are_one_of_a_few() {
    refuses("TRIGGER", "once", "use interval or available-now");
    refuses("OUTPUT", "xml", "use dashboard, table or json");
    refuses("ON_DEAD_LETTER_FAILURE", "retry", "use pause or drop");
    refuses("ON_RECORD_ERROR", "drop", "use fail or dead-letter");
}

#[test]
fn numbers_are_whole_and_not_zero() {
    for wrong in ["0", "-1", "1.5", "many"] {
        refuses("WORKERS", wrong, "write a whole number from 1 to 256");
        refuses(
            "MAX_RECORDS_PER_BATCH",
            wrong,
            "write a whole number, 1 or more",
        );
        refuses("TABLE_ROWS", wrong, "write a whole number, 1 or more");
    }
    refuses("WORKERS", "257", "from 1 to 256");
}

#[test]
fn a_limit_for_memory_is_a_size() {
    refuses("MEMORY_LIMIT", "much", "write a size such as 512MB or 2GiB");
    refuses("MEMORY_LIMIT", "1MB", "32MB is the smallest");
}

#[test]
fn a_flag_is_told_as_its_setting_and_wins() {
    let line = told(&[("WORKERS", "2")], &["--workers", "0"], WRONG_USAGE);
    is_about(&line, "WORKERS=0: ", "write a whole number");
}

#[test]
fn topics_have_names_that_kafka_allows() {
    refuses("TOPIC", "card transactions", "a topic's name is");
    refuses("TOPIC", "transactions,", "take the comma away");
    refuses("DEAD_LETTER_TOPIC", "bad/records", "a topic's name is");
}

#[test]
fn the_demo_has_one_topic() {
    refuses("TOPIC", "payments", "set KAFKA_BOOTSTRAP_SERVERS");
}

#[test]
fn dead_letters_do_not_go_where_they_come_from() {
    refuses("DEAD_LETTER_TOPIC", "transactions", "that is not read");
}

#[test]
fn a_schema_is_told_where_it_goes_wrong() {
    refuses("SCHEMA", "amount MONEY", "unknown type 'MONEY'");
    refuses("SCHEMA", "amount", "the type of column 'amount'");
    // A line break in the value is written as an escape, so that the message stays one line.
    let line = told(&[("SCHEMA", "a STRING,\nb MONEY")], &[], WRONG_USAGE);
    is_about(&line, r"SCHEMA=a STRING,\nb MONEY: ", "'MONEY'");
}

#[test]
fn starting_offsets_are_an_end_or_a_time() {
    for wrong in ["first", "2026-01-31", "12", "1969-12-31T23:59:59Z"] {
        refuses("STARTING_OFFSETS", wrong, "use earliest, latest or a time");
    }
}

#[test]
fn the_dashboard_needs_a_terminal() {
    refuses("OUTPUT", "dashboard", "use table or json");
}

#[test]
fn a_property_that_librdkafka_does_not_take_is_named() {
    let line = told(&[], &["-X", "no.such.key=1"], WRONG_USAGE);
    is_about(
        &line,
        "-X no.such.key=***: ",
        "No such configuration property",
    );
    refuses_property("fetch.min.bytes=many", "Invalid value");
    refuses_property("fetch.min.bytes", "write key=value");
    let line = told(&[], &["-X", "=1"], WRONG_USAGE);
    is_about(&line, "-X ***: ", "write key=value");
    let line = told(&[("KAFKA_PROPERTIES", "no.such.key=1")], &[], WRONG_USAGE);
    is_about(
        &line,
        "KAFKA_PROPERTIES=no.such.key=***: ",
        "No such configuration",
    );
}

#[test]
fn a_property_that_totals_depend_on_is_refused() {
    refuses_property("group.id=mine", "set GROUP_ID instead");
    refuses_property("auto.offset.reset=latest", "set STARTING_OFFSETS instead");
    refuses_property(
        "bootstrap.servers=a:1",
        "set KAFKA_BOOTSTRAP_SERVERS instead",
    );
    refuses_property("enable.auto.commit=true", "leave it out");
    refuses("KAFKA_PROPERTIES", "acks=1", "leave it out");
}

#[test]
fn properties_that_do_not_go_together_are_wrong_usage() {
    let servers = [("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")];
    let flags = ["-Xsecurity.protocol=ssl", "-Xssl.ca.location=/no/such/file"];
    let line = told(&servers, &flags, WRONG_USAGE);
    assert!(line.contains("ssl.ca.location"), "{line}");
    assert!(line.contains("check -X and KAFKA_PROPERTIES"), "{line}");
}

#[test]
fn a_secret_is_not_repeated() {
    let line = told(&[], &["-X", "sasl.passwrd=hunter2"], WRONG_USAGE);
    is_about(&line, "-X sasl.passwrd=***: ", "CONFIGURATION.md");
}

#[test]
fn a_flag_that_is_not_there_is_named() {
    let line = told(&[], &["--batch-intervall=1s"], WRONG_USAGE);
    is_about(
        &line,
        "unexpected argument '--batch-intervall' found",
        "see --help",
    );
}

#[test]
fn what_is_no_broker_is_named() {
    for wrong in ["kafka:port", "http://kafka:9092", "a b:9092", ","] {
        refuses("KAFKA_BOOTSTRAP_SERVERS", wrong, "is not host:port");
    }
}

/// Returns what the program says of brokers that do not answer.
fn unreachable(server: &str) -> String {
    let line = told(&[("KAFKA_BOOTSTRAP_SERVERS", server)], &[], FAILED);
    is_about(
        &line,
        &format!("no broker of KAFKA_BOOTSTRAP_SERVERS={server} answered within 8 s "),
        "start the brokers or correct the setting",
    );
    line
}

#[test]
fn a_port_that_is_closed_is_a_failure() {
    // Nothing listens at tcpmux's port.
    assert!(unreachable("127.0.0.1:1").contains("Connection refused"));
}

#[test]
fn a_host_that_is_not_there_is_a_failure() {
    let host = "no-such-host.invalid";
    assert!(unreachable(&format!("{host}:9092")).contains(&format!("Failed to resolve '{host}")));
}

#[test]
fn a_port_at_which_nobody_answers_is_a_failure() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    unreachable(&silent.local_addr().unwrap().to_string());
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

#[test]
fn a_secret_is_not_in_what_is_said_of_a_place_for_checkpoints() {
    let places = [
        "s3://key:hunter2@bucket/x",
        "s3://key:sl/hunter2@bucket/x",
        "s3://hunter2@bucket/x",
        "az://container/x?sig=hunter2",
        "ftp://user:hunter2@host/x",
        "key:hunter2@bucket/x",
        "file://user:hunter2@host/x",
    ];
    for place in places {
        let settings = [("CHECKPOINT_LOCATION", place)];
        let cases: [&[&str]; 2] = [&[], &["checkpoints"]];
        secrets::is_never_said(PROGRAM, cases.map(|flags| (&settings[..], flags)));
    }
}

#[test]
fn a_secret_is_not_said_while_a_query_runs() {
    let folder = tempfile::tempdir().unwrap();
    let place = format!("file://{}", folder.path().display());
    let settings = [
        ("KAFKA_PROPERTIES", "sasl.password='a;hunter2';debug=all"),
        ("CHECKPOINT_LOCATION", &place),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("TRIGGER", "available-now"),
    ];
    secrets::is_never_said(PROGRAM, [(&settings[..], &[][..])]);
}

//! Reads records with hundreds of fields, like the webhooks of a code host: they have 10 KB each, many fields that are
//! only NULL, and times that are numbers in some events and texts in others. Other tests put unusual bytes into a
//! topic's first records.

#![allow(clippy::panic, clippy::unwrap_used)]

use std::time::Instant;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use clap::Parser;
use consumer::config::Config;
use consumer::config::cli::Cli;
use consumer::event::{Level, QueryEvent};
use consumer::runtime::{self, StreamingError};
use crossbeam_channel::unbounded;
use serde_json::{Value, json};
use testkit::DEADLINE;
use testkit::mock_brokers::{MockBrokers, one_with};

const EVENTS: usize = 300;

/// Returns `others` with a URL for each of `names` added.
fn with_urls(of: &str, names: &[&str], others: Value) -> Value {
    let mut object = others;
    for name in names {
        object[format!("{name}_url")] =
            json!(format!("https://api.host.example/{of}/{name}{{/id}}"));
    }
    object
}

fn user(number: usize) -> Value {
    let names = [
        "avatar",
        "html",
        "followers",
        "following",
        "gists",
        "starred",
        "subscriptions",
        "organizations",
        "repos",
        "events",
        "received_events",
    ];
    let others = json!({
        "login": format!("user-{number}"), "id": number, "node_id": format!("MDQ6VXNlcg{number}"),
        "gravatar_id": "", "type": "User", "site_admin": false, "name": null, "email": null,
    });
    with_urls(&format!("users/user-{number}"), &names, others)
}

/// Returns a repository. Some of its times are numbers if the event is a push, and texts otherwise.
fn repository(number: usize, is_push: bool) -> Value {
    let names = [
        "html",
        "forks",
        "keys",
        "collaborators",
        "teams",
        "hooks",
        "issue_events",
        "events",
        "assignees",
        "branches",
        "tags",
        "blobs",
        "git_tags",
        "git_refs",
        "trees",
        "statuses",
        "languages",
        "stargazers",
        "contributors",
        "subscribers",
        "subscription",
        "commits",
        "git_commits",
        "comments",
        "issue_comment",
        "contents",
        "compare",
        "merges",
        "archive",
        "downloads",
        "issues",
        "pulls",
        "milestones",
        "notifications",
        "labels",
        "releases",
        "deployments",
        "git",
        "ssh",
        "clone",
        "svn",
    ];
    let at = |second: usize| match is_push {
        true => json!(1_769_860_800 + second),
        false => json!(format!(
            "2026-01-31T12:{:02}:{:02}Z",
            second / 60 % 60,
            second % 60
        )),
    };
    let others = json!({
        "id": 1_000 + number % 7, "name": format!("repository-{}", number % 7), "private": false,
        "owner": user(number % 5), "fork": false, "description": null, "homepage": null, "mirror_url": null,
        "license": null, "created_at": at(0), "updated_at": "2026-01-31T11:00:00Z", "pushed_at": at(number),
        "size": 119 + number, "stargazers_count": number % 11, "language": null, "has_issues": true,
        "archived": false, "open_issues_count": 2, "default_branch": "main", "topics": [], "custom_properties": {},
        "temp_clone_token": null,
    });
    with_urls(&format!("repos/repository-{}", number % 7), &names, others)
}

fn event(number: usize) -> Value {
    let repository = |is_push| repository(number, is_push);
    match number % 3 {
        0 => json!({
            "ref": "refs/heads/main", "before": "0".repeat(40), "created": false, "base_ref": null,
            "commits": [{"id": "a".repeat(40), "message": "Mend it", "author": user(number), "added": []}],
            "head_commit": null, "repository": repository(true), "pusher": user(number), "sender": user(number),
            "organization": null, "installation": null,
        }),
        1 => json!({
            "action": "opened", "number": number, "pull_request": {
                "id": number, "title": "Mend it", "body": null, "assignee": null, "milestone": null,
                "merged_at": null, "merge_commit_sha": null, "closed_at": null, "active_lock_reason": null,
                "auto_merge": null, "user": user(number), "labels": [], "requested_reviewers": [],
                "head": {"ref": "mend", "user": user(number), "repo": repository(false)},
                "base": {"ref": "main", "user": user(number), "repo": repository(false)},
                "rebaseable": null, "mergeable": null, "merged_by": null,
            },
            "repository": repository(false), "sender": user(number), "organization": null, "installation": null,
        }),
        _ => json!({
            "action": "closed", "issue": {
                "id": number, "number": number, "title": "It is broken", "user": user(number), "labels": [],
                "assignee": null, "assignees": [], "milestone": null, "body": "Mend it", "closed_by": null,
                "performed_via_app": null, "state_reason": null, "draft": null,
            },
            "repository": repository(false), "sender": user(number), "organization": null, "installation": null,
        }),
    }
}

fn webhooks() -> MockBrokers {
    one_with("t", (0..EVENTS).map(|number| event(number).to_string()))
}

#[derive(Debug, Default)]
struct Told {
    /// The values of the first column of the last result.
    rows: Vec<i64>,
    bad: u64,
    infos: Vec<String>,
    warnings: Vec<String>,
}

/// Runs a query over all records of the topic, and returns what it has reported.
fn run(brokers: &MockBrokers, query: &str) -> Result<Told, StreamingError> {
    let servers = brokers.bootstrap_servers();
    let flags = [
        "",
        "--kafka-bootstrap-servers",
        &servers,
        "--topic",
        "t",
        "--trigger",
        "available-now",
        "--query",
        query,
    ];
    let config = Config {
        demo: vec!["its brokers are not asked who is there".to_owned()],
        ..Cli::try_parse_from(flags).unwrap().config(None).unwrap()
    };
    let (sender, events) = unbounded();
    let query = runtime::start(config, sender)?;
    let deadline = Instant::now() + DEADLINE;
    let mut told = Told::default();
    loop {
        match events.recv_deadline(deadline).map(|named| named.event) {
            Ok(QueryEvent::Batch(batch)) => {
                let numbers = batch.rows.column(0).as_primitive::<Int64Type>();
                told.rows = numbers.values().to_vec();
                told.bad = batch.progress.num_bad_rows;
            }
            Ok(QueryEvent::Notice(notice)) if notice.level == Level::Info => {
                told.infos.push(notice.text)
            }
            Ok(QueryEvent::Notice(notice)) => told.warnings.push(notice.text),
            Ok(QueryEvent::Stopped) => return query.join().map(|()| told),
            Ok(_) => {}
            Err(_) => panic!("it does not end: {told:?}"),
        }
    }
}

/// Returns why the query is refused.
fn refusal(brokers: &MockBrokers, query: &str) -> String {
    match run(brokers, query) {
        Err(error) if error.is_wrong_usage() => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn dozens_of_fields_that_are_no_columns_are_one_line() {
    let longest = (0..3).map(|number| event(number).to_string().len());
    assert!(longest.max().unwrap() > 10_000);
    let told = run(&webhooks(), "SELECT count(*) FROM t").unwrap();
    assert_eq!(told.rows, [EVENTS as i64]);
    assert_eq!(told.warnings.len(), 1, "{:?}", told.warnings);
    let line = &told.warnings[0];
    // Objects in which every field is left out are listed in addition.
    assert!(
        line.contains(" fields are left out of SCHEMA: ") && line.contains(" hold only NULL, "),
        "{line}"
    );
    assert!(
        line.ends_with("; RUST_LOG=schema=debug tells which"),
        "{line}"
    );
    assert!(line.len() < 300, "{line}");
    let schema = told
        .infos
        .iter()
        .find(|text| text.starts_with("SCHEMA inferred from 300 records: "));
    assert!(schema.is_some_and(|text| text.len() < 1_200), "{schema:?}");
}

#[test]
fn a_field_that_is_a_number_here_and_a_text_there_is_read_as_text() {
    let query = "SELECT count(*) FROM t WHERE repository.pushed_at LIKE '17698%' \
                 OR repository.pushed_at LIKE '2026-01-31T12:%'";
    let told = run(&webhooks(), query).unwrap();
    assert_eq!((told.rows, told.bad), (vec![EVENTS as i64], 0));
    let as_text = "2 fields are STRING, having values of several kinds: repository.created_at holds strings and numbers, \
                   repository.pushed_at holds strings and numbers";
    assert!(
        told.infos.iter().any(|text| text == as_text),
        "{:?}",
        told.infos
    );
}

#[test]
fn a_query_that_names_a_field_which_was_left_out_is_told_why() {
    let brokers = webhooks();
    for (query, field, why) in [
        (
            "SELECT count(organization) FROM t",
            "organization",
            "only NULL",
        ),
        (
            "SELECT max(repository.license) FROM t",
            "repository.license",
            "only NULL",
        ),
        (
            "SELECT max(t.Repository.Homepage) FROM t",
            "repository.homepage",
            "only NULL",
        ),
        (
            "SELECT max(pull_request.base.repo.mirror_url) FROM t",
            "pull_request.base.repo.mirror_url",
            "only NULL",
        ),
        (
            "SELECT max(commits[1].author.email) FROM t",
            "commits[].author.email",
            "only NULL",
        ),
        (
            "SELECT max(r.license) FROM (SELECT repository AS r FROM t)",
            "repository.license",
            "only NULL",
        ),
        (
            "SELECT count(repository.topics) FROM t",
            "repository.topics",
            "only arrays without a value",
        ),
    ] {
        let told = refusal(&brokers, query);
        let reason = format!(
            "; in the topic's first records {field} holds {why}, and so it was left out of SCHEMA, which was \
             inferred from them: set SCHEMA, with its type"
        );
        assert!(told.ends_with(&reason), "{query}: {told}");
    }
    // No field with this name was left out.
    let told = refusal(&brokers, "SELECT max(repository.licence) FROM t");
    assert!(!told.contains("first records"), "{told}");
}

#[test]
fn records_that_are_not_quite_json_are_looked_at_as_they_are_read() {
    let records = [
        "\u{feff}{\"n\":1,\"x\":1.5}",
        r#"{"n":2,"x":NaN}"#,
        r#"{"n":3,"x":-Infinity,"text":"half of a pair: \ud83d"}"#,
    ];
    let brokers = one_with("t", records);
    let told = run(&brokers, "SELECT sum(n) FROM t WHERE x IS NOT NULL").unwrap();
    assert_eq!((told.rows, told.bad), (vec![6], 0));
    let schema = "SCHEMA inferred from 3 records: n BIGINT, x DOUBLE, text STRING";
    assert!(
        told.infos.iter().any(|text| text == schema),
        "{:?}",
        told.infos
    );
}

#[test]
fn a_schema_registrys_prefix_before_all_first_records_is_told_in_one_line() {
    let record = |n: i32| format!("\0\0\0\0\u{7}{{\"n\":{n}}}").into_bytes();
    let told = run(&one_with("t", (0..20).map(record)), "SELECT sum(n) FROM t");
    assert_eq!(
        told.unwrap_err().to_string(),
        "SCHEMA cannot be inferred: all of the first 20 records begin with a schema registry's prefix (a zero byte and \
         the id of schema 7), which is not read; have their producer write JSON without it, as Kafka's JsonConverter \
         and JsonSerializer do"
    );
}

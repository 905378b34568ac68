//! From flags to the settings of a query.

use std::env;
use std::fs::File;
use std::io::Read;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kafka_access::topic::check_name;
use kafka_access::{KafkaSettings, SettingsError};

use super::value::{environment, number, or, text};
use super::{Cli, DEFAULT_BATCH_INTERVAL, DEFAULT_GROUP_ID, DEFAULT_TOPIC, DEFAULT_WORKERS};
use crate::checkpoint::location::Location;
use crate::config::properties::OWN_PROPERTIES;
use crate::config::{
    Config, DEFAULT_QUERY, DEFAULT_SCHEMA, DEFAULT_UPDATING_QUERY, OnDataLoss, TriggerMode, memory,
};
use crate::config::{LONGEST_INTERVAL, SHORTEST_INTERVAL};
use crate::engine::query::OnRecordError;
use crate::schema::TableSchema;
use crate::sink::dead_letters::OnFailure;
use crate::source::topics::StartingOffsets;

const DEAD_LETTER_SUFFIX: &str = ".dead-letters";

/// The most workers: more threads than any machine has cores are a slip of the finger.
const MOST_WORKERS: usize = 256;

/// The most bytes of a query's file: a file that holds more is no query, and some files never end.
const MOST_QUERY_BYTES: u64 = 1 << 20;

impl Cli {
    /// The settings of the query; `servers` are the demo's brokers, if it is the demo.
    ///
    /// # Errors
    /// The first setting that is wrong.
    pub fn config(&self, servers: Option<&str>) -> Result<Config, SettingsError> {
        let servers = servers.unwrap_or(&self.kafka_bootstrap_servers);
        let kafka = KafkaSettings::parse_beside(
            &OWN_PROPERTIES,
            servers,
            &self.kafka_properties,
            self.property.iter().map(|pair| &**pair),
        )?;
        let topics = self.topics()?;
        let query = self.query()?;
        let updates = self.updates()?;
        Ok(Config {
            dead_letter_topic: self.dead_letter_topic(&topics)?,
            schema: self.schema(query.is_none())?,
            checkpoint_location: self.checkpoint_location()?,
            locks: env::temp_dir(),
            reset: self.reset,
            on_data_loss: match self.on_data_loss.trim() {
                "" | "fail" => OnDataLoss::Fail,
                "continue" => OnDataLoss::Continue,
                other => {
                    return Err(SettingsError::new(
                        "ON_DATA_LOSS",
                        other,
                        "use fail or continue",
                    ));
                }
            },
            query: query.unwrap_or_else(|| match updates {
                true => DEFAULT_UPDATING_QUERY.to_owned(),
                false => DEFAULT_QUERY.to_owned(),
            }),
            query_file: match self.query_file.trim() {
                "" => None,
                path => Some(path.to_owned()),
            },
            kafka,
            topics,
            group_id: or(self.group_id.trim(), DEFAULT_GROUP_ID).to_owned(),
            trigger: self.trigger()?,
            updates,
            max_records_per_batch: match self.max_records_per_batch.trim() {
                "" => None,
                records => Some(number("MAX_RECORDS_PER_BATCH", records, None)?),
            },
            memory_limit: memory::limit(self.memory_limit.trim())?,
            starting_offsets: self.starting_offsets()?,
            workers: number(
                "WORKERS",
                or(self.workers.trim(), DEFAULT_WORKERS),
                Some(MOST_WORKERS),
            )?,
            on_dead_letter_failure: match self.on_dead_letter_failure.trim() {
                "" | "pause" => OnFailure::Pause,
                "drop" => OnFailure::Drop,
                other => {
                    return Err(SettingsError::new(
                        "ON_DEAD_LETTER_FAILURE",
                        other,
                        "use pause or drop",
                    ));
                }
            },
            on_record_error: match self.on_record_error.trim() {
                "" | "fail" => OnRecordError::Fail,
                "dead-letter" => OnRecordError::DeadLetter,
                other => {
                    return Err(SettingsError::new(
                        "ON_RECORD_ERROR",
                        other,
                        "use fail or dead-letter",
                    ));
                }
            },
            demo: Vec::new(),
        })
    }

    fn topics(&self) -> Result<Vec<String>, SettingsError> {
        let names = or(self.topic.trim(), DEFAULT_TOPIC);
        let mut topics: Vec<String> = Vec::new();
        for name in names.split(',').map(str::trim) {
            if name.is_empty() {
                let mend = "a comma has no topic's name beside it; add one or take the comma away";
                return Err(SettingsError::new("TOPIC", names, mend));
            }
            check_name("TOPIC", name)?;
            if !topics.iter().any(|topic| topic == name) {
                topics.push(name.to_owned());
            }
        }
        Ok(topics)
    }

    fn dead_letter_topic(&self, topics: &[String]) -> Result<String, SettingsError> {
        let name = match self.dead_letter_topic.trim() {
            "" => format!(
                "{}{DEAD_LETTER_SUFFIX}",
                topics.first().map_or(DEFAULT_TOPIC, String::as_str)
            ),
            name => name.to_owned(),
        };
        if topics.contains(&name) {
            return Err(SettingsError::new(
                "DEAD_LETTER_TOPIC",
                name,
                "bad records would be read again and again; name a topic that is not read",
            ));
        }
        check_name("DEAD_LETTER_TOPIC", &name)?;
        Ok(name)
    }

    /// The query that is set; `None` for the default one.
    fn query(&self) -> Result<Option<String>, SettingsError> {
        match (text(&self.query), self.query_file.trim()) {
            ("", "") => Ok(None),
            (query, "") => Ok(Some(query.to_owned())),
            ("", path) => {
                let query = read_query(path).map_err(|reason| {
                    let mend = "name a file that holds a query";
                    SettingsError::new("QUERY_FILE", path, format!("{reason}; {mend}"))
                })?;
                Ok(Some(text(&query).to_owned()))
            }
            (_, path) => Err(SettingsError::new(
                "QUERY_FILE",
                path,
                "QUERY is set too; leave one of them out",
            )),
        }
    }

    fn schema(&self, default_query: bool) -> Result<Option<TableSchema>, SettingsError> {
        let text = match text(&self.schema) {
            "" if default_query => DEFAULT_SCHEMA,
            "" => return Ok(None),
            text => text,
        };
        TableSchema::parse(text).map(Some).map_err(|error| {
            let reason = error.to_string();
            let reason = reason.strip_prefix("SCHEMA: ").unwrap_or(&reason);
            SettingsError::new("SCHEMA", text, reason)
        })
    }

    fn checkpoint_location(&self) -> Result<Option<Location>, SettingsError> {
        match self.checkpoint_location.trim() {
            "" if self.reset => Err(SettingsError::new(
                "CHECKPOINT_LOCATION",
                "",
                "name the location that --reset is to forget",
            )),
            "" => Ok(None),
            url => Location::parse(url, environment()).map(Some),
        }
    }

    fn trigger(&self) -> Result<TriggerMode, SettingsError> {
        let text = or(self.batch_interval.trim(), DEFAULT_BATCH_INTERVAL);
        let wrong = |mend| SettingsError::new("BATCH_INTERVAL", text, mend);
        let interval: Duration = humantime::parse_duration(text)
            .map_err(|_| wrong("write a duration such as 500ms, 5s or 1m"))?;
        if interval < SHORTEST_INTERVAL {
            return Err(wrong("10ms is the shortest"));
        }
        if interval > LONGEST_INTERVAL {
            return Err(wrong("24h is the longest"));
        }
        match self.trigger.trim() {
            "" | "interval" => Ok(TriggerMode::Interval(interval)),
            "available-now" => Ok(TriggerMode::AvailableNow),
            other => Err(SettingsError::new(
                "TRIGGER",
                other,
                "use interval or available-now",
            )),
        }
    }

    fn updates(&self) -> Result<bool, SettingsError> {
        match self.output_mode.trim() {
            "" | "complete" => Ok(false),
            "update" => Ok(true),
            other => Err(SettingsError::new(
                "OUTPUT_MODE",
                other,
                "use complete or update; a query without an aggregate appends of itself",
            )),
        }
    }

    fn starting_offsets(&self) -> Result<StartingOffsets, SettingsError> {
        match self.starting_offsets.trim() {
            "" | "earliest" => Ok(StartingOffsets::Earliest),
            "latest" => Ok(StartingOffsets::Latest),
            // Kafka counts from 1970 on.
            time => match DateTime::parse_from_rfc3339(time) {
                Ok(time) if time.timestamp_millis() >= 0 => {
                    Ok(StartingOffsets::From(time.with_timezone(&Utc)))
                }
                _ => Err(SettingsError::new(
                    "STARTING_OFFSETS",
                    time,
                    "use earliest, latest or a time from 1970 on, such as 2026-01-31T12:00:00Z",
                )),
            },
        }
    }
}

/// What the file holds, or why it cannot be a query.
fn read_query(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map(|file| file.take(MOST_QUERY_BYTES + 1));
    match file.and_then(|mut file| file.read_to_string(&mut text)) {
        Err(error) => Err(format!("it cannot be read: {error}")),
        Ok(_) if text.len() as u64 > MOST_QUERY_BYTES => Err("it holds more than 1 MiB".to_owned()),
        Ok(_) => Ok(text),
    }
}

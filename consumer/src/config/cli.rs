//! Flags and environment, as users write them.
//!
//! Every value is taken as text and read here, so that whatever is wrong with it is said in one line
//! with its setting's name. An empty value is no value.

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Parser;
use producer::topic::check_name;
use producer::{KafkaSettings, SettingsError};

use super::properties::OWN_PROPERTIES;
use super::{
    Config, DEFAULT_QUERY, DEFAULT_SCHEMA, LONGEST_INTERVAL, OnDataLoss, SHORTEST_INTERVAL,
    TriggerMode,
};
use crate::checkpoint::location::Location;
use crate::schema::TableSchema;
use crate::sink::dead_letters::OnFailure;
use crate::source::topics::StartingOffsets;

const DEFAULT_TOPIC: &str = "transactions";
const DEFAULT_GROUP_ID: &str = "cardstream";
const DEFAULT_BATCH_INTERVAL: &str = "5s";
const DEFAULT_TRIGGER: &str = "interval";
const DEFAULT_STARTING_OFFSETS: &str = "earliest";
const DEFAULT_WORKERS: &str = "1";
const DEFAULT_ON_DEAD_LETTER_FAILURE: &str = "pause";
const DEFAULT_ON_DATA_LOSS: &str = "fail";
const DEFAULT_TABLE_ROWS: &str = "20";
const DEAD_LETTER_SUFFIX: &str = ".dead-letters";

/// More threads than any machine has cores are a slip of the finger.
const MOST_WORKERS: usize = 256;

const EXIT_CODES: &str = "\
Without KAFKA_BOOTSTRAP_SERVERS a demo runs, with three brokers and a producer inside.
Every setting may be a flag or an environment variable; the flag wins.
Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Keeps the result of one SQL query over Kafka topics up to date, live in the terminal.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// Brokers to ask first, host:port, several separated by commas [default: the demo's own]
    #[arg(
        long,
        env,
        value_name = "SERVERS",
        default_value = "",
        hide_default_value = true
    )]
    kafka_bootstrap_servers: String,

    /// librdkafka properties: key=value pairs separated by ';' or line breaks [default: none]
    #[arg(
        long,
        env,
        value_name = "PAIRS",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    kafka_properties: String,

    /// A librdkafka property; repeatable, wins over KAFKA_PROPERTIES [default: none]
    #[arg(short = 'X', value_name = "KEY=VALUE")]
    property: Vec<String>,

    /// Topic to read, or several separated by commas
    #[arg(long, env, value_name = "NAMES", default_value = DEFAULT_TOPIC)]
    topic: String,

    /// Consumer group, which names the query
    #[arg(long, env, value_name = "NAME", default_value = DEFAULT_GROUP_ID)]
    group_id: String,

    /// SQL over the table 'transactions', which is also named after the topic [default: totals by
    /// card_brand]
    #[arg(
        long,
        env,
        value_name = "SQL",
        default_value = "",
        hide_default_value = true
    )]
    query: String,

    /// File that holds the query, in place of QUERY [default: none]
    #[arg(
        long,
        env,
        value_name = "PATH",
        default_value = "",
        hide_default_value = true
    )]
    query_file: String,

    /// Columns of a record, such as "card_brand STRING, amount DECIMAL(12,2)" [default: inferred
    /// from the topic's first records]
    #[arg(
        long,
        env,
        value_name = "DDL",
        default_value = "",
        hide_default_value = true
    )]
    schema: String,

    /// Time between batches, such as 500ms or 1m; from 10ms to 24h
    #[arg(long, env, value_name = "DURATION", default_value = DEFAULT_BATCH_INTERVAL)]
    batch_interval: String,

    /// 'interval', or 'available-now': take what is there, print the result and end
    #[arg(long, env, value_name = "MODE", default_value = DEFAULT_TRIGGER)]
    trigger: String,

    /// The most records that a batch takes [default: no limit]
    #[arg(
        long,
        env,
        value_name = "RECORDS",
        default_value = "",
        hide_default_value = true
    )]
    max_records_per_batch: String,

    /// Where reading begins: 'earliest', 'latest' or a time such as 2026-01-31T12:00:00Z
    #[arg(long, env, value_name = "OFFSETS", default_value = DEFAULT_STARTING_OFFSETS)]
    starting_offsets: String,

    /// Group members in this process, each on its own thread
    #[arg(long, env, value_name = "NUMBER", default_value = DEFAULT_WORKERS)]
    workers: String,

    /// Where bad records go [default: the topic's name with .dead-letters]
    #[arg(
        long,
        env,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    dead_letter_topic: String,

    /// When bad records cannot be written there: 'pause' their partition, or 'drop' them
    #[arg(long, env, value_name = "WHAT", default_value = DEFAULT_ON_DEAD_LETTER_FAILURE)]
    on_dead_letter_failure: String,

    /// Where checkpoints are kept, as a URL such as file:///var/lib/cardstream [default: nowhere: a
    /// restart reads again]
    #[arg(
        long,
        env,
        value_name = "URL",
        default_value = "",
        hide_default_value = true
    )]
    checkpoint_location: String,

    /// Forget what is kept at CHECKPOINT_LOCATION and begin anew
    #[arg(long)]
    reset: bool,

    /// When records that are still to be read are gone: 'fail', or 'continue' with the oldest there is
    #[arg(long, env, value_name = "WHAT", default_value = DEFAULT_ON_DATA_LOSS)]
    on_data_loss: String,

    /// 'dashboard', 'table' or 'json' [default: dashboard on a terminal, table elsewhere]
    #[arg(
        long,
        env,
        value_name = "FORMAT",
        default_value = "",
        hide_default_value = true
    )]
    output: String,

    /// The most rows of a batch that a table shows, and of the last one that the dashboard leaves
    #[arg(long, env, value_name = "ROWS", default_value = DEFAULT_TABLE_ROWS)]
    table_rows: String,
}

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// Full screen.
    Dashboard {
        /// The most rows of the last result that stay on the terminal.
        rows: usize,
    },
    /// A table a batch, of at most so many rows.
    Table {
        /// The most rows.
        rows: usize,
    },
    /// A line of JSON a batch.
    Json,
}

impl Cli {
    /// Whether no brokers are named, so that the demo's own are used.
    pub fn is_demo(&self) -> bool {
        self.kafka_bootstrap_servers.trim().is_empty()
    }

    /// How results are shown; `terminal` says whether standard output is one.
    ///
    /// # Errors
    /// If OUTPUT or TABLE_ROWS is wrong.
    pub fn output(&self, terminal: bool) -> Result<OutputFormat, SettingsError> {
        let rows = self.table_rows.trim();
        let rows = number("TABLE_ROWS", or(rows, DEFAULT_TABLE_ROWS), None)?;
        match self.output.trim() {
            "dashboard" if !terminal => Err(SettingsError::new(
                "OUTPUT",
                "dashboard",
                "standard output is no terminal; use table or json",
            )),
            "" if !terminal => Ok(OutputFormat::Table { rows }),
            "" | "dashboard" => Ok(OutputFormat::Dashboard { rows }),
            "table" => Ok(OutputFormat::Table { rows }),
            "json" => Ok(OutputFormat::Json),
            other => Err(SettingsError::new(
                "OUTPUT",
                other,
                "use dashboard, table or json",
            )),
        }
    }

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
            &self.property,
        )?;
        let topics = self.topics()?;
        let query = self.query()?;
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
            query: query.unwrap_or_else(|| DEFAULT_QUERY.to_owned()),
            query_file: match self.query_file.trim() {
                "" => None,
                path => Some(path.to_owned()),
            },
            kafka,
            topics,
            group_id: or(self.group_id.trim(), DEFAULT_GROUP_ID).to_owned(),
            trigger: self.trigger()?,
            max_records_per_batch: match self.max_records_per_batch.trim() {
                "" => None,
                records => Some(number("MAX_RECORDS_PER_BATCH", records, None)?),
            },
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

    /// `None` for the default one.
    fn query(&self) -> Result<Option<String>, SettingsError> {
        match (self.query.trim(), self.query_file.trim()) {
            ("", "") => Ok(None),
            (query, "") => Ok(Some(query.to_owned())),
            ("", path) => {
                let text = fs::read_to_string(path).map_err(|error| {
                    SettingsError::new(
                        "QUERY_FILE",
                        path,
                        format!("it cannot be read: {error}; name a file that holds a query"),
                    )
                })?;
                Ok(Some(text))
            }
            (_, path) => Err(SettingsError::new(
                "QUERY_FILE",
                path,
                "QUERY is set too; leave one of them out",
            )),
        }
    }

    fn schema(&self, default_query: bool) -> Result<Option<TableSchema>, SettingsError> {
        let text = match self.schema.trim() {
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

    fn starting_offsets(&self) -> Result<StartingOffsets, SettingsError> {
        match self.starting_offsets.trim() {
            "" | "earliest" => Ok(StartingOffsets::Earliest),
            "latest" => Ok(StartingOffsets::Latest),
            time => DateTime::parse_from_rfc3339(time)
                .map(|time| StartingOffsets::From(time.with_timezone(&Utc)))
                .map_err(|_| {
                    SettingsError::new(
                        "STARTING_OFFSETS",
                        time,
                        "use earliest, latest or a time such as 2026-01-31T12:00:00Z",
                    )
                }),
        }
    }
}

/// All variables that are text.
fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    env::vars_os().filter_map(text)
}

fn or<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
}

/// A number from 1 to `most`, if there is a most.
fn number<T>(setting: &'static str, text: &str, most: Option<T>) -> Result<T, SettingsError>
where
    T: FromStr + PartialOrd + Display + From<u8>,
{
    let fits =
        |number: &T| *number >= T::from(1) && most.as_ref().is_none_or(|most| number <= most);
    text.parse().ok().filter(fits).ok_or_else(|| {
        let mend = match &most {
            Some(most) => format!("write a whole number from 1 to {most}"),
            None => "write a whole number, 1 or more".to_owned(),
        };
        SettingsError::new(setting, text, mend)
    })
}

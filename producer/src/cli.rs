//! Defines what users write: flags, environment variables and defaults.
//!
//! clap takes every setting as text, and this module reads it. So whatever is wrong with a setting is said in one line
//! with the setting's name, whether it came from a flag or the environment. An empty value counts as not set.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Datelike, Utc};
use clap::Parser;

use crate::{Bursts, GeneratorSettings, Pace, Ratio, Settings};
use kafka_access::secret::Secret;
use kafka_access::{KafkaSettings, SettingsError, TopicSettings};

const DEFAULT_BOOTSTRAP_SERVERS: &str = kafka_access::kafka::DEFAULT_BOOTSTRAP_SERVERS;
const DEFAULT_TOPIC: &str = "transactions";
const DEFAULT_TOPIC_PARTITIONS: &str = "6";
const DEFAULT_TOPIC_REPLICATION: &str = "3";
const DEFAULT_BURST_MIN: &str = "8";
const DEFAULT_BURST_MAX: &str = "20";
const DEFAULT_PAUSE_MIN: &str = "1s";
const DEFAULT_PAUSE_MAX: &str = "1m";
const DEFAULT_EVENT_TIME_START: &str = "2020-01-01T00:00:00Z";
const DEFAULT_RATIO: &str = "0";
const DEFAULT_CARDS: &str = "2000";

/// Properties on which the producer's promises rest, each with the advice for a user who sets it.
const OWN_PROPERTIES: [(&str, &str); 3] = [
    ("enable.idempotence", WRITTEN_ONCE),
    ("acks", WRITTEN_ONCE),
    (
        "transactional.id",
        "records are written without transactions; leave it out",
    ),
];
const WRITTEN_ONCE: &str =
    "each record is written once, and acknowledged by all in-sync replicas; leave it out";

/// Believable card transactions into a Kafka topic: endless random bursts, or a load with RATE.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// Brokers to ask first, host:port, several separated by commas
    #[arg(
        long,
        env = "KAFKA_BOOTSTRAP_SERVERS",
        value_name = "SERVERS",
        hide_env_values = true,
        default_value = DEFAULT_BOOTSTRAP_SERVERS
    )]
    kafka_bootstrap_servers: Secret,

    /// librdkafka properties: key=value pairs separated by ';' or line breaks; a value with either in
    /// quotes, '…' or "…" [default: none]
    #[arg(
        long,
        env = "KAFKA_PROPERTIES",
        value_name = "PAIRS",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    kafka_properties: Secret,

    /// A librdkafka property; repeatable, wins over KAFKA_PROPERTIES [default: none]
    #[arg(short = 'X', value_name = "KEY=VALUE")]
    property: Vec<Secret>,

    /// Topic to write to; created when it is missing
    #[arg(long, env = "TOPIC", value_name = "NAME", default_value = DEFAULT_TOPIC)]
    topic: String,

    /// Partitions of a topic that is created
    #[arg(long, env = "TOPIC_PARTITIONS", value_name = "NUMBER", default_value = DEFAULT_TOPIC_PARTITIONS)]
    topic_partitions: String,

    /// Brokers that keep each partition of a topic that is created
    #[arg(long, env = "TOPIC_REPLICATION", value_name = "NUMBER", default_value = DEFAULT_TOPIC_REPLICATION)]
    topic_replication: String,

    /// Fewest transactions in a burst
    #[arg(long, env = "BURST_MIN", value_name = "RECORDS", default_value = DEFAULT_BURST_MIN)]
    burst_min: String,

    /// Most transactions in a burst
    #[arg(long, env = "BURST_MAX", value_name = "RECORDS", default_value = DEFAULT_BURST_MAX)]
    burst_max: String,

    /// Shortest pause between bursts, such as 500ms or 1m
    #[arg(long, env = "PAUSE_MIN", value_name = "DURATION", default_value = DEFAULT_PAUSE_MIN)]
    pause_min: String,

    /// Longest pause between bursts, such as 500ms or 1m
    #[arg(long, env = "PAUSE_MAX", value_name = "DURATION", default_value = DEFAULT_PAUSE_MAX)]
    pause_max: String,

    /// Load: records per second, or 'max'; pauses then pass in event time only [default: bursts]
    #[arg(
        long,
        env = "RATE",
        value_name = "RECORDS",
        default_value = "",
        hide_default_value = true
    )]
    rate: String,

    /// End after so many records; exit 0 only when each is acknowledged [default: endless]
    #[arg(
        long,
        env = "COUNT",
        value_name = "RECORDS",
        default_value = "",
        hide_default_value = true
    )]
    count: String,

    /// The same seed gives the same records to the byte [default: none, event time is the clock]
    #[arg(
        long,
        env = "SEED",
        value_name = "NUMBER",
        default_value = "",
        hide_default_value = true
    )]
    seed: String,

    /// Event time of the first record when there is a SEED; it advances by the pauses
    #[arg(long, env = "EVENT_TIME_START", value_name = "RFC 3339", default_value = DEFAULT_EVENT_TIME_START)]
    event_time_start: String,

    /// Share of the records whose event time lies 1 to 15 minutes back, from 0 to 1
    #[arg(long, env = "LATE_RATIO", value_name = "RATIO", default_value = DEFAULT_RATIO)]
    late_ratio: String,

    /// Share of the records that come after later ones, within 2 seconds of event time, from 0 to 1
    #[arg(long, env = "OUT_OF_ORDER", value_name = "RATIO", default_value = DEFAULT_RATIO)]
    out_of_order: String,

    /// Share of the records that are truncated, not JSON, empty or otherwise damaged, from 0 to 1
    #[arg(long, env = "BAD_RATIO", value_name = "RATIO", default_value = DEFAULT_RATIO)]
    bad_ratio: String,

    /// Cards in the pool
    #[arg(long, env = "CARDS", value_name = "NUMBER", default_value = DEFAULT_CARDS)]
    cards: String,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, every record acknowledged; 1 failed; 2 a setting is wrong.
SIGINT and SIGTERM stop: what was sent is flushed and reported; a second one exits at once.
RUST_LOG shows more, for instance RUST_LOG=librdkafka=info.";

impl Cli {
    /// Checks all values and returns the settings.
    ///
    /// # Errors
    /// Returns an error that names the first setting that is wrong.
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        let seed = optional(&self.seed, |seed| {
            number(
                "SEED",
                seed,
                "a whole number from 0 to 18446744073709551615, such as 42",
            )
        })?;
        let count = optional(&self.count, |count| {
            at_least_1("COUNT", count, "a number of records, such as 100000")
        })?;
        Ok(Settings {
            kafka: KafkaSettings::parse_beside(
                &OWN_PROPERTIES,
                or(&self.kafka_bootstrap_servers, DEFAULT_BOOTSTRAP_SERVERS),
                &self.kafka_properties,
                self.property.iter().map(|pair| &**pair),
            )?,
            topic: self.topic()?,
            generator: GeneratorSettings {
                seed,
                event_time_start: self.event_time_start()?,
                bursts: self.bursts()?,
                late_ratio: ratio("LATE_RATIO", &self.late_ratio)?,
                out_of_order: ratio("OUT_OF_ORDER", &self.out_of_order)?,
                bad_ratio: ratio("BAD_RATIO", &self.bad_ratio)?,
                cards: self.cards()?,
            },
            pace: optional(&self.rate, pace)?.unwrap_or_default(),
            count,
        })
    }

    fn topic(&self) -> Result<TopicSettings, SettingsError> {
        let whole = "a whole number, such as 3";
        let partitions = or(&self.topic_partitions, DEFAULT_TOPIC_PARTITIONS);
        let replication = or(&self.topic_replication, DEFAULT_TOPIC_REPLICATION);
        TopicSettings::new(
            or(&self.topic, DEFAULT_TOPIC),
            number("TOPIC_PARTITIONS", partitions, whole)?,
            number("TOPIC_REPLICATION", replication, whole)?,
        )
    }

    fn bursts(&self) -> Result<Bursts, SettingsError> {
        let records = "a number of records from 1 to 1000000, such as 20";
        Bursts::new(
            number("BURST_MIN", or(&self.burst_min, DEFAULT_BURST_MIN), records)?,
            number("BURST_MAX", or(&self.burst_max, DEFAULT_BURST_MAX), records)?,
            duration("PAUSE_MIN", or(&self.pause_min, DEFAULT_PAUSE_MIN))?,
            duration("PAUSE_MAX", or(&self.pause_max, DEFAULT_PAUSE_MAX))?,
        )
    }

    fn event_time_start(&self) -> Result<DateTime<Utc>, SettingsError> {
        let value = or(&self.event_time_start, DEFAULT_EVENT_TIME_START);
        match DateTime::<Utc>::from_str(value) {
            Ok(start) if (1970..=9999).contains(&start.year()) => Ok(start),
            _ => {
                let mend = format!(
                    "write a time from 1970 on in RFC 3339, such as {DEFAULT_EVENT_TIME_START}"
                );
                Err(SettingsError::new("EVENT_TIME_START", value, mend))
            }
        }
    }

    fn cards(&self) -> Result<u32, SettingsError> {
        let value = or(&self.cards, DEFAULT_CARDS);
        let mend = "a number of cards from 1 to 1000000, such as 2000";
        match number("CARDS", value, mend)? {
            cards @ 1..=1_000_000 => Ok(cards),
            _ => Err(SettingsError::new("CARDS", value, format!("give {mend}"))),
        }
    }
}

/// Returns `value`, or `default` when `value` is empty: compose files say "not set" with an empty variable.
fn or<'a>(value: &'a str, default: &'a str) -> &'a str {
    let value = value.trim();
    if value.is_empty() { default } else { value }
}

fn optional<T>(
    value: &str,
    read: impl FnOnce(&str) -> Result<T, SettingsError>,
) -> Result<Option<T>, SettingsError> {
    let value = value.trim();
    if value.is_empty() {
        Ok(None)
    } else {
        read(value).map(Some)
    }
}

fn number<T: FromStr>(
    setting: &'static str,
    value: &str,
    what: impl Display,
) -> Result<T, SettingsError> {
    // People write 1_000_000 where they must not miscount the zeros.
    let digits = value.replace('_', "");
    digits
        .parse()
        .map_err(|_| SettingsError::new(setting, value, format!("give {what}")))
}

fn at_least_1(setting: &'static str, value: &str, what: &str) -> Result<u64, SettingsError> {
    match number(setting, value, what)? {
        0 => Err(SettingsError::new(setting, value, format!("give {what}"))),
        number => Ok(number),
    }
}

fn duration(setting: &'static str, value: &str) -> Result<Duration, SettingsError> {
    humantime::parse_duration(value).map_err(|_| {
        let mend = "write a duration with its unit, such as 500ms, 30s or 1m";
        SettingsError::new(setting, value, mend)
    })
}

fn ratio(setting: &'static str, value: &str) -> Result<Ratio, SettingsError> {
    let value = or(value, DEFAULT_RATIO);
    value.parse().ok().and_then(Ratio::new).ok_or_else(|| {
        SettingsError::new(
            setting,
            value,
            "give a ratio from 0 (none) to 1 (all), such as 0.01",
        )
    })
}

fn pace(value: &str) -> Result<Pace, SettingsError> {
    if value.eq_ignore_ascii_case("max") {
        return Ok(Pace::Max);
    }
    let what = "a whole number of records per second, such as 1000, or max";
    let rate: u32 = number("RATE", value, what)?;
    let rate = NonZeroU32::new(rate);
    rate.map(Pace::PerSecond)
        .ok_or_else(|| SettingsError::new("RATE", value, format!("give {what}")))
}

#[cfg(test)]
mod tests {
    use clap::builder::Resettable;
    use clap::{CommandFactory, FromArgMatches};

    use super::*;

    fn read(args: &[&str]) -> Result<Settings, SettingsError> {
        // The environment in which the test runs must not decide its result.
        let deaf = Cli::command().mut_args(|arg| arg.env(Resettable::Reset));
        let args = std::iter::once("producer").chain(args.iter().copied());
        Cli::from_arg_matches(&deaf.get_matches_from(args))
            .unwrap()
            .settings()
    }

    fn error(args: &[&str]) -> String {
        read(args).unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_the_librarys() {
        assert_eq!(read(&[]).unwrap(), Settings::default());
    }

    #[test]
    fn an_empty_value_is_no_value() {
        assert_eq!(
            read(&["--burst-min", "", "--count", "", "--topic", " "]).unwrap(),
            Settings::default()
        );
    }

    #[test]
    fn a_load_with_a_seed_is_read() {
        let settings = read(&["--rate", "max", "--count", "5_000_000", "--seed", "42"]).unwrap();
        assert_eq!(settings.pace, Pace::Max);
        assert_eq!(settings.count, Some(5_000_000));
        assert_eq!(settings.generator.seed, Some(42));
    }

    #[test]
    fn a_wrong_value_is_told_with_setting_value_and_mend_in_one_line() {
        let cases: [(&[&str], &str); 15] = [
            (&["--count", "abc"], "COUNT=abc: give a number of records"),
            (&["--count", "0"], "COUNT=0: give a number of records"),
            (&["--bad-ratio", "2"], "BAD_RATIO=2: give a ratio from 0"),
            (
                &["--late-ratio", "many"],
                "LATE_RATIO=many: give a ratio from 0",
            ),
            (
                &["--burst-min", "30"],
                "BURST_MIN=30: it must not be above BURST_MAX=20",
            ),
            (
                &["--pause-min", "5"],
                "PAUSE_MIN=5: write a duration with its unit",
            ),
            (
                &["--pause-max", "1ms"],
                "PAUSE_MIN=1s: it must not be above PAUSE_MAX=1ms",
            ),
            (
                &["--rate", "0"],
                "RATE=0: give a whole number of records per second",
            ),
            (&["--seed", "-1.5"], "SEED=-1.5: give a whole number"),
            (
                &["--event-time-start", "now"],
                "EVENT_TIME_START=now: write a time",
            ),
            (&["--topic", "a b"], "TOPIC=a b: a topic's name is"),
            (
                &["-X", "no.such=1"],
                "-X no.such=***: No such configuration property",
            ),
            (&["-X", "acks=1"], "-X acks=1: each record is written once"),
            (
                &["-X", "enable.idempotence=false"],
                "-X enable.idempotence=false: each record is written once",
            ),
            (
                &["-X", "transactional.id=a"],
                "-X transactional.id=a: records are written without transactions",
            ),
        ];
        for (args, start) in cases {
            let args: Vec<String> = match args {
                [flag, value] if flag.starts_with("--") => vec![format!("{flag}={value}")],
                other => other.iter().map(|&arg| arg.to_owned()).collect(),
            };
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let message = error(&args);
            assert!(message.starts_with(start), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn help_names_every_environment_variable() {
        let help = Cli::command().render_long_help().to_string();
        for name in [
            "KAFKA_BOOTSTRAP_SERVERS",
            "KAFKA_PROPERTIES",
            "TOPIC",
            "TOPIC_PARTITIONS",
            "TOPIC_REPLICATION",
            "BURST_MIN",
            "BURST_MAX",
            "PAUSE_MIN",
            "PAUSE_MAX",
            "RATE",
            "COUNT",
            "SEED",
            "EVENT_TIME_START",
            "LATE_RATIO",
            "OUT_OF_ORDER",
            "BAD_RATIO",
            "CARDS",
        ] {
            assert!(help.contains(&format!("[env: {name}")), "{name}");
        }
    }
}

//! Flags and environment, as users write them.
//!
//! Every value is taken as text and read here, so that whatever is wrong with it is said in one line
//! with its setting's name. An empty value is no value.

use clap::{Parser, Subcommand};
use kafka_access::secret::Secret;

mod checkpoints;
mod output;
mod query;
mod value;

pub use checkpoints::{CheckpointsFlags, CheckpointsFormat, CheckpointsRequest};
pub use output::OutputFormat;

const DEFAULT_TOPIC: &str = "transactions";
const DEFAULT_GROUP_ID: &str = "cardstream";
const DEFAULT_BATCH_INTERVAL: &str = "5s";
const DEFAULT_TRIGGER: &str = "interval";
const DEFAULT_OUTPUT_MODE: &str = "complete";
const DEFAULT_STARTING_OFFSETS: &str = "earliest";
const DEFAULT_WORKERS: &str = "1";
const DEFAULT_ON_DEAD_LETTER_FAILURE: &str = "pause";
const DEFAULT_ON_RECORD_ERROR: &str = "fail";
const DEFAULT_ON_DATA_LOSS: &str = "fail";
const DEFAULT_TABLE_ROWS: &str = "20";

const EXIT_CODES: &str = "\
Without KAFKA_BOOTSTRAP_SERVERS a demo runs, with three brokers and a producer inside.
Every setting may be a flag or an environment variable; the flag wins.
Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Keeps the result of one SQL query over Kafka topics up to date, live in the terminal.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = EXIT_CODES,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// Brokers to ask first, host:port, several separated by commas [default: the demo's own]
    #[arg(
        long,
        env,
        value_name = "SERVERS",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    kafka_bootstrap_servers: Secret,

    /// librdkafka properties: key=value pairs separated by ';' or line breaks; a value with either in
    /// quotes, '…' or "…" [default: none]
    #[arg(
        long,
        env,
        value_name = "PAIRS",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    kafka_properties: Secret,

    /// A librdkafka property; repeatable, wins over KAFKA_PROPERTIES [default: none]
    #[arg(short = 'X', value_name = "KEY=VALUE")]
    property: Vec<Secret>,

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

    /// Columns of a record, such as "card_brand STRING, amount DECIMAL(12,2)" [default: as stored
    /// with the checkpoints, else inferred from the topic's first records]
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

    /// What a batch shows: the 'complete' result, or, with 'update', only the groups that have changed; a
    /// query without an aggregate shows its new rows
    #[arg(long, env, value_name = "MODE", default_value = DEFAULT_OUTPUT_MODE)]
    output_mode: String,

    /// The most records that a batch takes; records that waited for their dead letters come on top [default:
    /// no limit]
    #[arg(
        long,
        env,
        value_name = "RECORDS",
        default_value = "",
        hide_default_value = true
    )]
    max_records_per_batch: String,

    /// The most memory that the query may hold, such as 512MB or 2GiB, from 32MB; the program itself takes some
    /// 50 MB more [default: three quarters of the memory of the machine or its cgroup; no limit where neither is known]
    #[arg(
        long,
        env,
        value_name = "SIZE",
        default_value = "",
        hide_default_value = true
    )]
    memory_limit: String,

    /// Where reading begins: 'earliest', 'latest' or a time such as 2026-01-31T12:00:00Z
    #[arg(long, env, value_name = "OFFSETS", default_value = DEFAULT_STARTING_OFFSETS)]
    starting_offsets: String,

    /// Group members in this process, each on its own thread; at most 256
    #[arg(long, env, value_name = "NUMBER", default_value = DEFAULT_WORKERS)]
    workers: String,

    /// Topic to which bad records go [default: the first topic's name with .dead-letters]
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

    /// When the query fails on a record, as in a CAST or a division by zero: 'fail', or 'dead-letter': take
    /// it for a bad record and go on
    #[arg(long, env, value_name = "WHAT", default_value = DEFAULT_ON_RECORD_ERROR)]
    on_record_error: String,

    /// Where checkpoints are kept, as a URL such as file:///var/lib/cardstream [default: nowhere: a
    /// restart reads again]
    #[arg(
        long,
        env,
        value_name = "URL",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    checkpoint_location: Secret,

    /// Forget the checkpoints at CHECKPOINT_LOCATION and begin anew; refused while another process of the group
    /// runs, or while brokers do not tell whether one does
    #[arg(long)]
    reset: bool,

    /// When retention has deleted records that were still to be read, at the start or later: 'fail', or
    /// 'continue' with the oldest there is and say how many are gone
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

    #[command(subcommand)]
    command: Option<Command>,
}

/// What the program does in place of a query.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the checkpoints at CHECKPOINT_LOCATION, or show what one of them holds
    Checkpoints(CheckpointsFlags),
}

impl Cli {
    /// What to do in place of the query, if that is asked for.
    pub fn command(&self) -> Option<&Command> {
        self.command.as_ref()
    }

    /// Whether no brokers are named, so that the demo's own are used.
    pub fn is_demo(&self) -> bool {
        self.kafka_bootstrap_servers.trim().is_empty()
    }
}

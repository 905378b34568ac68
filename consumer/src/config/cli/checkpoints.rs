//! `consumer checkpoints`: its flags, and their settings.

use clap::{Args, Subcommand};
use kafka_access::SettingsError;
use kafka_access::secret::Secret;

use super::DEFAULT_TABLE_ROWS;
use super::output::table_rows;
use super::value::environment;
use crate::checkpoint::location::Location;
use crate::position::TopicPartition;

const SETTING: &str = "CHECKPOINT_LOCATION";

/// As users write them. Nothing is written to the location, and no broker asked.
#[derive(Debug, Args)]
pub struct CheckpointsFlags {
    /// Where checkpoints are kept, as a URL such as file:///var/lib/cardstream [default: none, so it must be set]
    #[arg(
        long,
        env,
        global = true,
        value_name = "URL",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    checkpoint_location: Secret,

    /// 'table' or 'json' [default: table]
    #[arg(
        long,
        env,
        global = true,
        value_name = "FORMAT",
        default_value = "",
        hide_default_value = true
    )]
    output: String,

    /// The most rows of a state that a table shows
    #[arg(long, env, global = true, value_name = "ROWS", default_value = DEFAULT_TABLE_ROWS)]
    table_rows: String,

    #[command(subcommand)]
    command: Option<CheckpointsCommand>,
}

#[derive(Debug, Subcommand)]
enum CheckpointsCommand {
    /// Show the rows of a partition's newest state: its groups, and what their aggregates keep
    Show {
        /// Such as transactions-0
        #[arg(value_name = "TOPIC-PARTITION")]
        partition: String,
    },
}

/// Which checkpoints of a location are shown, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointsRequest {
    /// Where the checkpoints are stored.
    pub location: Location,
    /// The partition whose state is shown; `None` for the list of all.
    pub partition: Option<TopicPartition>,
    /// How they are shown.
    pub output: CheckpointsFormat,
}

/// How checkpoints are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointsFormat {
    /// As a table, which has at most this many rows of a state.
    Table {
        /// The most rows.
        rows: usize,
    },
    /// As a line of JSON each.
    Json,
}

impl CheckpointsFlags {
    /// Makes the settings of these flags.
    ///
    /// # Errors
    /// The first setting that is wrong.
    pub fn request(&self) -> Result<CheckpointsRequest, SettingsError> {
        let rows = table_rows(&self.table_rows)?;
        let output = match self.output.trim() {
            "" | "table" => CheckpointsFormat::Table { rows },
            "json" => CheckpointsFormat::Json,
            other => {
                let mend = "checkpoints are listed as table or json";
                return Err(SettingsError::new("OUTPUT", other, mend));
            }
        };
        let partition = match &self.command {
            None => None,
            Some(CheckpointsCommand::Show { partition }) => Some(read(partition)?),
        };
        let location = match self.checkpoint_location.trim() {
            "" => {
                let mend = "name the location whose checkpoints are to be listed";
                return Err(SettingsError::new(SETTING, "", mend));
            }
            url => Location::parse(url, environment())?,
        };
        Ok(CheckpointsRequest {
            location,
            partition,
            output,
        })
    }
}

fn read(partition: &str) -> Result<TopicPartition, SettingsError> {
    TopicPartition::parse(partition).ok_or_else(|| {
        let mend = "write a topic and a partition's number, such as transactions-0";
        SettingsError::new("show", partition, mend)
    })
}

//! One immutable, checked value for all settings of a query. Nothing else reads the environment.
//!
//! Users write settings as [`cli`] reads them; another program may fill in a [`Config`] itself.

pub mod cli;
mod memory;
mod properties;

use std::path::PathBuf;
use std::time::Duration;

use kafka_access::KafkaSettings;

use crate::checkpoint::location::Location;
use crate::engine::query::OnRecordError;
use crate::schema::TableSchema;
use crate::sink::dead_letters::OnFailure;
use crate::source::topics::StartingOffsets;

macro_rules! totals_by_brand {
    () => {
        "\
SELECT card_brand,
       count(*)    AS transactions,
       sum(amount) AS total,
       avg(amount) AS average,
       min(amount) AS smallest,
       max(amount) AS largest
FROM transactions
GROUP BY card_brand"
    };
}

/// The shortest time between batches.
pub const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// The longest time between batches: a user who wants a longer one wants TRIGGER=available-now.
pub const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The query that runs when none is given.
pub const DEFAULT_QUERY: &str = concat!(totals_by_brand!(), "\nORDER BY total DESC");

/// The query that runs in update mode when none is given: a result of changed groups has no order.
pub const DEFAULT_UPDATING_QUERY: &str = totals_by_brand!();

/// The columns that both of them read.
pub const DEFAULT_SCHEMA: &str = "card_brand STRING, amount DECIMAL(12,2)";

/// When a query's batches come, and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerMode {
    /// Batches come at this interval, without end.
    Interval(Duration),
    /// The query takes all that is there, then it ends.
    AvailableNow,
}

/// What happens when Kafka has deleted records that a checkpoint says are still to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDataLoss {
    /// The query does not start.
    #[default]
    Fail,
    /// The query goes on with the oldest record that is there.
    Continue,
}

/// What a query needs to run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The brokers' addresses, and how to talk to them.
    pub kafka: KafkaSettings,
    /// The names of the topics that are read.
    pub topics: Vec<String>,
    /// The consumer group; it names the query.
    pub group_id: String,
    /// The query's text.
    pub query: String,
    /// The path of the file that the query was read from, for errors.
    pub query_file: Option<String>,
    /// Where checkpoints are stored; `None` for nowhere.
    pub checkpoint_location: Option<Location>,
    /// The folder with the locks by which no two processes of this host take the same name in their group.
    pub locks: PathBuf,
    /// Whether what is stored at the location is forgotten first.
    pub reset: bool,
    /// What happens when records that are still to be read are gone.
    pub on_data_loss: OnDataLoss,
    /// The columns of a record; `None` to infer them from the first ones.
    pub schema: Option<TableSchema>,
    /// When batches come, and when the query ends.
    pub trigger: TriggerMode,
    /// Whether results of a query with an aggregate have only the groups that have changed, in place of all.
    pub updates: bool,
    /// The most bytes that the query may hold; `None` for any number.
    pub memory_limit: Option<u64>,
    /// The most records that a batch may take, over all workers.
    pub max_records_per_batch: Option<u64>,
    /// Where reading begins.
    pub starting_offsets: StartingOffsets,
    /// The number of group members in this process.
    pub workers: usize,
    /// The topic that bad records go to.
    pub dead_letter_topic: String,
    /// What happens to bad records that cannot be written there.
    pub on_dead_letter_failure: OnFailure,
    /// What happens when the query fails on a record.
    pub on_record_error: OnRecordError,
    /// What to tell the user about the demo; empty when it is none.
    pub demo: Vec<String>,
}

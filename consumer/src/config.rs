//! One immutable, checked value for all settings of a query. Nothing else reads the environment.
//!
//! [`cli`] is how users write them; another program may fill in a [`Config`] itself.

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

/// The longest time between batches: whoever wants more of it wants TRIGGER=available-now.
pub const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The query that is kept when none is given, and the columns that it reads.
pub const DEFAULT_QUERY: &str = concat!(totals_by_brand!(), "\nORDER BY total DESC");

/// The same in update mode, where there is no order.
pub const DEFAULT_UPDATING_QUERY: &str = totals_by_brand!();

/// The columns of both.
pub const DEFAULT_SCHEMA: &str = "card_brand STRING, amount DECIMAL(12,2)";

/// When a query's batches come, and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerMode {
    /// Every so often, without end.
    Interval(Duration),
    /// Once for all that is there, then it ends.
    AvailableNow,
}

/// What happens when Kafka has deleted records that a checkpoint says are still to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDataLoss {
    /// The query does not start.
    #[default]
    Fail,
    /// It goes on with the oldest record that is there.
    Continue,
}

/// What a query needs to run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where brokers are and how to talk to them.
    pub kafka: KafkaSettings,
    /// What is read.
    pub topics: Vec<String>,
    /// The consumer group; it names the query.
    pub group_id: String,
    /// The query's text.
    pub query: String,
    /// The file that it was read from, for errors.
    pub query_file: Option<String>,
    /// Where checkpoints are kept; `None` for nowhere.
    pub checkpoint_location: Option<Location>,
    /// Where processes of this host see to it that no two have the same name in their group.
    pub locks: PathBuf,
    /// Whether what is kept there is forgotten first.
    pub reset: bool,
    /// When records that are still to be read are gone.
    pub on_data_loss: OnDataLoss,
    /// The columns of a record; `None` to infer them from the first ones.
    pub schema: Option<TableSchema>,
    /// When batches come.
    pub trigger: TriggerMode,
    /// Whether results of a query with an aggregate have only the groups that have changed, in place of all.
    pub updates: bool,
    /// The most bytes that the query may hold; `None` for any number.
    pub memory_limit: Option<u64>,
    /// The most records that a batch may take, over all workers.
    pub max_records_per_batch: Option<u64>,
    /// Where reading begins.
    pub starting_offsets: StartingOffsets,
    /// Group members in this process.
    pub workers: usize,
    /// Where bad records go.
    pub dead_letter_topic: String,
    /// What happens to those that cannot be written.
    pub on_dead_letter_failure: OnFailure,
    /// When the query fails on a record.
    pub on_record_error: OnRecordError,
    /// What to tell the user about the demo; empty when it is none.
    pub demo: Vec<String>,
}

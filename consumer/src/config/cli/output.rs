//! OUTPUT and TABLE_ROWS: how results are shown.

use kafka_access::SettingsError;

use super::value::{number, or};
use super::{Cli, DEFAULT_TABLE_ROWS};

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// On the dashboard, which has the whole screen.
    Dashboard {
        /// The most rows of the last result that stay on the terminal.
        rows: usize,
    },
    /// As a table for each batch.
    Table {
        /// The most rows of a table.
        rows: usize,
    },
    /// As a line of JSON for each batch.
    Json,
}

impl Cli {
    /// How results are shown; `terminal` says whether standard output is one.
    ///
    /// # Errors
    /// If OUTPUT or TABLE_ROWS is wrong.
    pub fn output(&self, terminal: bool) -> Result<OutputFormat, SettingsError> {
        let rows = table_rows(&self.table_rows)?;
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
}

/// The most rows that a table shows.
pub(super) fn table_rows(text: &str) -> Result<usize, SettingsError> {
    number("TABLE_ROWS", or(text.trim(), DEFAULT_TABLE_ROWS), None)
}

//! The output `table`: one table for each batch, for people without a terminal to draw on: pipes, files, `docker
//! compose`.
//!
//! Between the tables each event has one line: notices, brokers lost and back. Texts from records are escaped and cut
//! to a sensible width, so that columns stay straight.

use std::io::{self, Write};

use arrow::error::ArrowError;
use chrono::DateTime;
use kafka_access::escape::escaped;

use super::grid;
use super::notes::NoticeLines;
use super::{Output, OutputError};
use crate::event::{Batch, Level, PeersPart, QueryEvent, Started};
use crate::number::{self, counted};
use crate::output_mode::OutputMode;
use crate::progress::Progress;
use crate::status::behind::LagTrend;

/// The part of a batch that a table shows, as texts of its own: it holds nothing of the batch's memory.
#[derive(Debug)]
pub struct ShownBatch {
    mode: OutputMode,
    others: Option<PeersPart>,
    progress: Progress,
    columns: Vec<grid::GridColumn>,
    rows: usize,
    /// The number of rows beyond these.
    more: usize,
}

impl ShownBatch {
    /// Takes the first rows of `batch`, at most `most`.
    ///
    /// # Errors
    /// Fails if a value cannot be shown.
    pub fn of(batch: &Batch, most: usize) -> Result<Self, ArrowError> {
        let rows = batch.rows.num_rows().min(most);
        Ok(Self {
            mode: batch.mode,
            others: batch.others,
            progress: batch.progress.clone(),
            columns: grid::columns(&batch.rows.slice(0, rows))?,
            rows,
            more: batch.rows.num_rows() - rows,
        })
    }

    /// Returns the report of the batch.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }
}

/// Writes tables to `W`.
pub struct Table<W> {
    out: W,
    rows: usize,
    notes: NoticeLines,
    lag: LagTrend,
}

impl<W: Write> Table<W> {
    /// Makes an output that writes at most `rows` rows of each batch to `out`, and says how many more there are.
    pub fn new(out: W, rows: usize) -> Self {
        Self {
            out,
            rows,
            notes: NoticeLines::new(Level::Info),
            lag: LagTrend::default(),
        }
    }

    fn started(&mut self, started: &Started) -> io::Result<()> {
        let topics = started.topics.join(", ");
        let when = started.interval.map_or_else(
            || "once, what is there".to_owned(),
            |interval| format!("every {}", number::duration(interval)),
        );
        writeln!(
            self.out,
            "{} reads {}, {when}, with {}",
            escaped(&started.name),
            escaped(&topics),
            counted(started.workers as u64, "worker")
        )?;
        for line in &started.demo {
            writeln!(self.out, "{}", escaped(line))?;
        }
        Ok(())
    }

    /// Writes a batch that was taken to be shown.
    ///
    /// # Errors
    /// Fails if the output cannot be written.
    pub fn shown(&mut self, shown: &ShownBatch) -> Result<(), OutputError> {
        self.batch(shown)?;
        Ok(self.out.flush()?)
    }

    fn batch(&mut self, batch: &ShownBatch) -> io::Result<()> {
        let progress = &batch.progress;
        let lag: u64 = progress.sources.iter().map(|source| source.lag).sum();
        let catching_up = self.catching_up(progress, lag);
        writeln!(
            self.out,
            "\nbatch {} · {} · {} · {}/s · {} ms · lag {}{}{} · {}{}{}",
            progress.batch_id,
            escaped(&progress.timestamp),
            counted(progress.num_input_rows, "record"),
            number::grouped(&format!("{:.0}", progress.input_rows_per_second)),
            number::count(progress.batch_duration),
            number::count(lag),
            catching_up,
            held_back(progress),
            counted(progress.num_bad_rows, "dead letter"),
            tombstones(progress.num_tombstones),
            batch.others.map(others).unwrap_or_default(),
        )?;
        self.rows(batch)
    }

    /// Returns when the lag will be gone, unless it is gone with the next batch.
    fn catching_up(&mut self, progress: &Progress, lag: u64) -> String {
        let Ok(now) = DateTime::parse_from_rfc3339(&progress.timestamp) else {
            return String::new();
        };
        let now = now.to_utc();
        self.lag.observe(lag, now);
        let behind = self.lag.behind(progress.num_input_rows);
        match behind.map(|behind| behind.left(now)) {
            Some(Some(left)) => format!(", gone in about {}", number::duration(left)),
            Some(None) => ", never gone at this rate".to_owned(),
            None => String::new(),
        }
    }

    fn rows(&mut self, batch: &ShownBatch) -> io::Result<()> {
        if batch.rows == 0 && batch.more == 0 {
            let none = match batch.mode {
                OutputMode::Complete => "(no rows)",
                OutputMode::Update => "(no changed rows)",
                OutputMode::Append => "(no new rows)",
            };
            writeln!(self.out, "{none}")?;
            return Ok(());
        }
        grid::write(&mut self.out, &batch.columns)?;
        if batch.more > 0 {
            writeln!(self.out, "… and {}", counted(batch.more as u64, "more row"))?;
        }
        Ok(())
    }
}

impl<W: Write> Output for Table<W> {
    fn event(&mut self, event: &QueryEvent) -> Result<(), OutputError> {
        match event {
            QueryEvent::Started(started) => self.started(started)?,
            QueryEvent::Batch(batch) => self.batch(&ShownBatch::of(batch, self.rows)?)?,
            other => self.notes.event(other, &mut self.out)?,
        }
        Ok(self.out.flush()?)
    }
}

/// Returns how many records were passed over, if any were: most topics have no tombstones.
fn tombstones(tombstones: u64) -> String {
    match tombstones {
        0 => String::new(),
        some => format!(" · {}", counted(some, "tombstone")),
    }
}

/// Returns how many records no lag counts, because they cannot be read yet.
fn held_back(progress: &Progress) -> String {
    match progress.sources.iter().map(|source| source.held_back).sum() {
        0 => String::new(),
        records => format!(", {} behind an open transaction", number::count(records)),
    }
}

/// Returns in words which part of a result comes from other processes.
fn others(part: PeersPart) -> String {
    let partitions = counted(part.partitions as u64, "partition");
    format!(
        " · {partitions} of others, {} old",
        number::duration(part.age)
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::{TimeZone, Utc};

    use super::*;
    use crate::event::samples::{ClosedPipe, brands};
    use crate::event::{Batch, Broker, Notice};

    fn printed(rows: usize, events: &[QueryEvent]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, rows);
        for event in events {
            table.event(event).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_straight_in_any_script() {
        let batch = brands(
            7,
            &[
                ("Visa", 12_345, 123_456_789),
                ("日本\x1b[2J", 2, 5),
                ("x".repeat(80).as_str(), 1, -1),
            ],
        );
        insta::assert_snapshot!(printed(20, &[QueryEvent::Batch(batch)]));
    }

    #[test]
    fn tombstones_are_told_apart_from_dead_letters_where_there_are_any() {
        let first_line = |tombstones| {
            let mut batch = (*brands(0, &[])).clone();
            batch.progress.num_tombstones = tombstones;
            let text = printed(20, &[QueryEvent::Batch(batch.into())]);
            text.trim_start().lines().next().unwrap().to_owned()
        };
        assert!(first_line(0).ends_with(" · 2 dead letters"));
        assert!(first_line(1).ends_with(" · 2 dead letters · 1 tombstone"));
        assert!(first_line(1_234).ends_with(" · 1,234 tombstones"));
    }

    #[test]
    fn rows_beyond_the_limit_are_counted() {
        let text = printed(
            1,
            &[QueryEvent::Batch(brands(
                0,
                &[("Visa", 1, 1), ("Amex", 1, 1), ("JCB", 1, 1)],
            ))],
        );
        assert!(text.contains("Visa") && !text.contains("Amex"));
        assert!(text.ends_with("… and 2 more rows\n"), "{text}");
    }

    #[test]
    fn what_waits_behind_a_transaction_stands_with_the_lag() {
        let batch = |held_back| {
            let mut batch = Batch::clone(&brands(0, &[]));
            batch.progress.sources[0].held_back = held_back;
            printed(20, &[QueryEvent::Batch(Arc::new(batch))])
        };
        assert!(batch(0).contains(" · lag 34 · "));
        let text = batch(1_200);
        assert!(
            text.contains(" · lag 34, 1,200 behind an open transaction · "),
            "{text}"
        );
    }

    #[test]
    fn what_happened_stands_between_the_tables() {
        let broker = |up| {
            QueryEvent::Brokers(vec![Broker {
                id: 2,
                address: "b:9092".into(),
                up,
            }])
        };
        let at = Utc.with_ymd_and_hms(2025, 1, 1, 12, 0, 5).unwrap();
        let notice = Notice {
            at,
            level: Level::Warning,
            text: "two\nlines".into(),
        };
        let text = printed(
            20,
            &[
                broker(true),
                broker(false),
                QueryEvent::Notice(notice),
                broker(true),
                QueryEvent::Batch(brands(0, &[])),
            ],
        );
        assert!(
            text.starts_with("broker 2 (b:9092) lost\n12:00:05 warning: two\\nlines\nbroker 2 (b:9092) is back\n\nbatch 0 · "),
            "{text}"
        );
        assert!(text.ends_with("(no rows)\n"));
    }

    #[test]
    fn a_reader_that_has_gone_is_a_quiet_end() {
        let end = Table::new(ClosedPipe, 20).event(&QueryEvent::Batch(brands(0, &[])));
        assert!(matches!(end, Err(OutputError::Closed)));
    }
}

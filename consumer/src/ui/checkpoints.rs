//! Prints the checkpoints of a location: for people as a table, for programs as one line of JSON each.
//!
//! Texts from records or from the location are escaped.

use std::io::Write;
use std::time::Duration;

use arrow::array::{Array, RecordBatch, StructArray};
use arrow::compute::concat_batches;
use chrono::{DateTime, SecondsFormat, Utc};
use kafka_access::escape::escaped;
use serde::Serialize;

use super::OutputError;
use super::grid::{self, GridColumn};
use super::instant::micros_beyond_calendar;
use super::json_text::write_json;
use super::json_value::write_struct;
use crate::checkpoint::listing::{ListedQuery, ListedState, Listing, ShownState};
use crate::number::{self, counted};
use crate::time::rfc3339;

/// The text for a value that does not exist or is not known.
const NONE: &str = "-";

/// Writes a table with one line for each partition, and the problems. Ages are those at `now`.
///
/// # Errors
/// Fails if the output cannot be written.
pub fn list_table(
    out: &mut impl Write,
    listing: &Listing,
    now: DateTime<Utc>,
) -> Result<(), OutputError> {
    let location = escaped(&listing.location);
    writeln!(out, "{location} keeps {}", told(&listing.query))?;
    if listing.partitions.is_empty() {
        writeln!(out, "(no checkpoints yet)")?;
    } else {
        writeln!(out)?;
        grid::write(out, &columns(listing, now))?;
    }
    let problems = listing.partitions.iter().flat_map(|kept| &kept.problems);
    tell_problems(out, problems)?;
    Ok(out.flush()?)
}

fn columns(listing: &Listing, now: DateTime<Utc>) -> Vec<GridColumn> {
    let column = |name: &str, numeric, cell: &dyn Fn(&ListedState) -> String| {
        let cells = listing.partitions.iter().map(|kept| match &kept.newest {
            Some(state) => cell(state),
            None => NONE.to_owned(),
        });
        GridColumn {
            name: name.to_owned(),
            numeric,
            cells: cells.collect(),
        }
    };
    let partitions = listing.partitions.iter();
    vec![
        GridColumn {
            name: "partition".to_owned(),
            numeric: false,
            cells: partitions
                .map(|kept| escaped(&kept.partition.to_string()).into_owned())
                .collect(),
        },
        column("next offset", true, &|state| state.next.to_string()),
        column("watermark", false, &|state| {
            state.watermark.map_or_else(|| NONE.to_owned(), time)
        }),
        column("groups", true, &groups),
        column("size", true, &|state| number::bytes(state.bytes)),
        column("chain", false, &|state| chain(state.deltas)),
        column("age", true, &|state| match state.written {
            // Clocks may differ: the age of a time in the future is 0.
            Some(written) => number::duration((now - written).to_std().unwrap_or(Duration::ZERO)),
            None => NONE.to_owned(),
        }),
    ]
}

/// A partition's line of JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    location: &'a str,
    query: String,
    topics: Option<&'a [String]>,
    aggregate: Option<String>,
    topic: &'a str,
    partition: i32,
    start_offset: Option<i64>,
    next_offset: Option<i64>,
    watermark: Option<String>,
    groups: Option<u64>,
    rows: Option<u64>,
    bytes: Option<u64>,
    deltas: Option<usize>,
    written: Option<String>,
    problems: &'a [String],
}

/// Writes one line of JSON for each partition.
///
/// # Errors
/// Fails if the output cannot be written.
pub fn list_json(out: &mut impl Write, listing: &Listing) -> Result<(), OutputError> {
    let described = listing.query.described.as_ref();
    for kept in &listing.partitions {
        let state = kept.newest.as_ref();
        let written = state.and_then(|state| state.written);
        let line = Line {
            location: &listing.location,
            query: listing.query.fingerprint.to_string(),
            topics: described.map(|described| &*described.topics),
            aggregate: described.map(|described| described.aggregate.to_string()),
            topic: &kept.partition.topic,
            partition: kept.partition.partition,
            start_offset: state.map(|state| state.start.0),
            next_offset: state.map(|state| state.next.0),
            watermark: state.and_then(|state| state.watermark).map(time),
            groups: state.and_then(|state| state.groups),
            rows: state.map(|state| state.rows),
            bytes: state.map(|state| state.bytes),
            deltas: state.map(|state| state.deltas),
            written: written.map(rfc3339),
            problems: &kept.problems,
        };
        write_json(out, &line)?;
        writeln!(out)?;
    }
    Ok(out.flush()?)
}

/// Writes a state as a table of at most `most` rows, and says how many more rows there are.
///
/// # Errors
/// Fails if the output cannot be written, or if a value cannot be shown.
pub fn state_table(
    out: &mut impl Write,
    shown: &ShownState,
    most: usize,
) -> Result<(), OutputError> {
    let state = &shown.state;
    write!(
        out,
        "{} up to offset {} · {}",
        escaped(&shown.partition.to_string()),
        state.next,
        chain(state.deltas)
    )?;
    match state.groups {
        Some(groups) => write!(out, " · {}", counted(groups, "group"))?,
        None => write!(out, " · {}", counted(state.rows, "row"))?,
    }
    writeln!(out)?;
    if state.groups.is_some_and(|groups| groups < state.rows) {
        writeln!(
            out,
            "{}: a group has one in each layer that knows of it, which the query merges",
            counted(state.rows, "row")
        )?;
    }
    match first_rows(&shown.rows, most)? {
        Some(rows) if rows.num_columns() > 0 => {
            writeln!(out)?;
            grid::write(out, &grid::columns(&rows)?)?;
            let more = state.rows - rows.num_rows() as u64;
            if more > 0 {
                writeln!(out, "… and {}", counted(more, "more row"))?;
            }
        }
        _ => writeln!(out, "(no rows)")?,
    }
    tell_problems(out, &shown.problems)?;
    Ok(out.flush()?)
}

/// Writes one line of JSON for each row of a state.
///
/// # Errors
/// Fails if the output cannot be written, or if a value cannot be shown.
pub fn state_json(out: &mut impl Write, shown: &ShownState) -> Result<(), OutputError> {
    let mut line = Vec::new();
    for batch in &shown.rows {
        let rows = StructArray::from(batch.clone());
        for row in 0..rows.len() {
            line.clear();
            write_struct(&mut line, &rows, row)?;
            line.push(b'\n');
            out.write_all(&line)?;
        }
    }
    Ok(out.flush()?)
}

/// Writes one line for each problem with an object that could not be read.
///
/// # Errors
/// Fails if the output cannot be written.
pub fn tell_problems<'a>(
    out: &mut impl Write,
    problems: impl IntoIterator<Item = &'a String>,
) -> Result<(), OutputError> {
    for problem in problems {
        writeln!(out, "cannot be used: {}", escaped(problem))?;
    }
    Ok(())
}

fn told(query: &ListedQuery) -> String {
    let Some(described) = &query.described else {
        return format!(
            "query {}, whose query.json cannot be read",
            query.fingerprint
        );
    };
    let told = format!("{}: {}", described.topics.join(", "), described.aggregate);
    escaped(&told).into_owned()
}

fn groups(state: &ListedState) -> String {
    match state.groups {
        Some(groups) => number::count(groups),
        None => format!("≤ {}", number::count(state.rows)),
    }
}

fn chain(deltas: usize) -> String {
    match deltas {
        0 => "base".to_owned(),
        some => format!("base + {}", counted(some as u64, "delta")),
    }
}

/// Returns the text of an instant in microseconds since 1970, in UTC. An instant outside of the calendar stays a
/// number, with its unit.
fn time(micros: i64) -> String {
    let calendar = || DateTime::from_timestamp_micros(micros).unwrap_or_default();
    micros_beyond_calendar(micros)
        .unwrap_or_else(|| calendar().to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// Returns the first rows of batches that all have the same columns; `None` if there are no batches.
fn first_rows(batches: &[RecordBatch], most: usize) -> Result<Option<RecordBatch>, OutputError> {
    let Some(first) = batches.first() else {
        return Ok(None);
    };
    let mut left = most;
    let mut heads = Vec::new();
    for batch in batches {
        let rows = batch.num_rows().min(left);
        left -= rows;
        if rows > 0 {
            heads.push(batch.slice(0, rows));
        }
    }
    Ok(match heads.is_empty() {
        true => None,
        false => Some(concat_batches(&first.schema(), &heads)?),
    })
}

#[cfg(test)]
mod tests;

//! Draws the picture from a snapshot with its table, the view and the time. All functions are pure, and each file has
//! one widget.
//!
//! There are three layouts: *compact* from 60×16 on (the least needed parts go first), the same with taller charts if
//! there are more rows, and *rich* from 130×34 on, with the charts beside the result.

use chrono::{DateTime, Utc};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

use super::table::ResultTable;
use super::terminal_snapshot::TerminalSnapshot;
use super::theme::Theme;
use super::view::View;
use crate::status::snapshot::Snapshot;

mod columns;
mod durations;
mod events;
mod footer;
mod graph;
mod header;
mod health;
mod help;
mod pane;
mod query;
mod result;
mod rows;
#[cfg(test)]
mod tests;
mod throughput;
mod too_small;
mod waiting;

/// The size of the smallest terminal that has a layout.
pub const SMALLEST: (u16, u16) = (60, 16);

/// The data from which every widget is drawn.
#[derive(Clone, Copy)]
struct Scene<'a> {
    snapshot: &'a Snapshot,
    table: &'a ResultTable,
    view: &'a View,
    theme: &'a Theme,
    now: DateTime<Utc>,
}

/// Draws `shown` at `now`, as `view` looks at it.
pub fn render(frame: &mut Frame<'_>, shown: &TerminalSnapshot, view: &View, now: DateTime<Utc>) {
    let area = frame.area();
    let scene = Scene {
        snapshot: &shown.status,
        table: &shown.table,
        view,
        theme: &view.theme,
        now,
    };
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small::render(frame, area, &scene);
        return;
    }
    let [header, body, footer] = Layout::vertical([
        Constraint::Length(header::height(&scene, area.width)),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    header::render(frame, header, &scene);
    if area.width >= 130 && area.height >= 34 {
        rich(frame, body, &scene);
    } else {
        compact(frame, body, &scene);
    }
    footer::render(frame, footer, &scene);
    if view.help {
        help::render(frame, area, &scene);
    }
}

/// Draws the parts one below the other: query, result, charts side by side, events.
fn compact(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let charts = match area.height {
        ..18 => 0,
        18..30 => 5,
        30..44 => 8,
        _ => 11,
    };
    let events = match area.height {
        ..24 => 4,
        24..44 => 6,
        _ => 10,
    };
    let [query, result, charts, events] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(charts),
        Constraint::Length(events),
    ])
    .areas(area);
    query::line(frame, query, scene);
    result::render(frame, result, scene);
    let [throughput, durations, health] = Layout::horizontal([
        Constraint::Fill(5),
        Constraint::Fill(4),
        Constraint::Length(26 + area.width / 40),
    ])
    .areas(charts);
    throughput::render(frame, throughput, scene);
    durations::render(frame, durations, scene);
    health::render(frame, health, scene);
    events::render(frame, events, scene);
}

/// Draws the result over its throughput on the left, and everything else on the right.
fn rich(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let [left, right] =
        Layout::horizontal([Constraint::Fill(62), Constraint::Fill(38)]).areas(area);
    // A short result leaves its room to the chart. A long one leaves a third to it.
    let rows = u16::try_from(scene.table.rows.len() + 3).unwrap_or(u16::MAX);
    let result = rows.clamp(area.height / 2, area.height * 2 / 3);
    let [result, throughput] =
        Layout::vertical([Constraint::Length(result), Constraint::Fill(1)]).areas(left);
    result::render(frame, result, scene);
    throughput::render(frame, throughput, scene);
    let [query, health, durations, events] = Layout::vertical([
        Constraint::Length(query::height(scene, right.width).min(area.height / 3)),
        Constraint::Length(health::TALL),
        Constraint::Fill(1),
        Constraint::Fill(1),
    ])
    .areas(right);
    query::pane(frame, query, scene);
    health::render(frame, health, scene);
    durations::render(frame, durations, scene);
    events::render(frame, events, scene);
}

//! Draws what may need attention (lag, dead letters), and what the query stores.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::Scene;
use super::graph::columns;
use super::pane::{both_edges, dim, pane};
use crate::event::HeldBack;
use crate::number::{bytes, count, duration};
use crate::width::width;

/// The rows of the pane if there is room for everything.
pub const TALL: u16 = 9;

/// The most columns of the lag's trend: it is a hint, not a chart.
const WIDEST_TREND: u16 = 24;

pub fn render(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    if area.height < 3 {
        return;
    }
    let Scene {
        snapshot, theme, ..
    } = *scene;
    let block = pane(theme, "health", Vec::new(), area);
    let inner = block.inner(area);
    frame.render_widget(block, area);

    let room = usize::from(inner.width);
    let (totals, gauges) = (&snapshot.totals, &snapshot.gauges);
    let dead = if totals.dead_letters > 0 {
        theme.warn
    } else {
        Style::new()
    };
    let mut lines = vec![("lag", count(gauges.lag), Style::new())];
    if let Some(HeldBack { records, since }) = gauges.held_back {
        let open = (scene.now - since).to_std().unwrap_or_default();
        let open = Duration::from_secs(open.as_secs());
        let text = format!("{} · {}", count(records), duration(open));
        // If there is less room, there are fewer words: the reason why nothing is read must not be left out.
        let texts = [("behind a transaction", text.clone()), ("held back", text)];
        let fits = |(label, text): &(&str, String)| width(label) + width(text) < room;
        let (label, text) = texts
            .into_iter()
            .find(fits)
            .unwrap_or(("held back", count(records)));
        lines.push((label, text, theme.warn));
    }
    lines.push(("dead letters", count(totals.dead_letters), dead));
    if totals.tombstones > 0 {
        lines.push(("tombstones", count(totals.tombstones), Style::new()));
    }
    let progress = snapshot.progress.as_deref();
    if let Some(state) = progress.and_then(|progress| progress.state_operators.first()) {
        let (groups, size) = (state.num_rows_total, state.memory_used_bytes);
        lines.push((
            "groups",
            format!("{} · {}", count(groups), bytes(size)),
            Style::new(),
        ));
    }
    lines.push(("records", count(totals.records), Style::new()));
    lines.push(("read", bytes(totals.bytes), Style::new()));
    if let Some(progress) = progress {
        let parts = format!(
            "{} ms + {} ms",
            count(progress.duration_ms.add_batch),
            count(progress.duration_ms.query_execution)
        );
        lines.push(("wait + query", parts, Style::new()));
        lines.push((
            "capacity",
            format!(
                "{}/s",
                count(progress.processed_rows_per_second.round() as u64)
            ),
            Style::new(),
        ));
    }
    // In a narrow pane a line that does not fit is left out, not cut.
    lines.retain(|(label, value, _)| width(label) + width(value) < room);
    for ((label, value, style), row) in lines.into_iter().zip(inner.rows()) {
        let value_width = width(&value) as u16;
        let line = both_edges(
            vec![dim(theme, label)],
            vec![Span::styled(value, style)],
            inner.width,
        );
        frame.render_widget(line, row);
        if label == "lag" {
            trend(frame, row, value_width, scene);
        }
    }
}

/// Draws the lag of the last seconds between its label and its value, if there is room.
fn trend(frame: &mut Frame<'_>, row: Rect, value_width: u16, scene: &Scene<'_>) {
    let width = row.width.saturating_sub(value_width + 7).min(WIDEST_TREND);
    let area = Rect {
        x: row.right() - value_width - 2 - width,
        width,
        ..row
    };
    let lag = &scene.snapshot.history.lag;
    let values: Vec<_> = lag
        .iter()
        .rev()
        .take(usize::from(area.width))
        .rev()
        .map(|lag| (*lag, scene.theme.dim))
        .collect();
    let largest = values.iter().map(|value| value.0).fold(0.0, f64::max);
    if area.width >= 4 {
        columns(frame.buffer_mut(), area, &values, largest);
    }
}

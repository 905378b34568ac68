//! Draws the records per second over time.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::Scene;
use super::graph::{curve, round_up};
use super::pane::{chart, dim, pane};
use crate::number;

pub fn render(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let Scene {
        snapshot, theme, ..
    } = *scene;
    let title = "records/s";
    let inner = pane(theme, title, Vec::new(), area).inner(area);
    if inner.is_empty() {
        return;
    }
    if snapshot.history.throughput.is_empty() {
        frame.render_widget(pane(theme, title, Vec::new(), area), area);
        let text = if snapshot.totals.records == 0 {
            "no records yet"
        } else {
            "measuring"
        };
        frame.render_widget(dim(theme, text), inner);
        return;
    }
    let shown = usize::from(inner.width) * 2;
    let skipped = snapshot.history.throughput.len().saturating_sub(shown);
    let values: Vec<f64> = snapshot
        .history
        .throughput
        .iter()
        .skip(skipped)
        .copied()
        .collect();
    let largest = round_up(values.iter().copied().fold(0.0, f64::max));
    let mean = values.iter().sum::<f64>() / values.len() as f64;

    let now = Span::styled(
        number::count(snapshot.gauges.rate.round() as u64),
        theme.strong,
    );
    let below = format!(
        "last {} s · mean {}",
        values.len(),
        number::count(mean.round() as u64)
    );
    frame.render_widget(
        chart(theme, title, number::short(largest), vec![now], below, area),
        area,
    );
    curve(
        frame.buffer_mut(),
        inner,
        &values,
        largest,
        theme.throughput,
    );
}

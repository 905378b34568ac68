//! Draws how long each of the last batches took, and highlights those that took longer than the interval.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::Scene;
use super::graph::{columns, round_up};
use super::pane::{chart, dim, pane};
use crate::number;

pub fn render(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let Scene {
        snapshot, theme, ..
    } = *scene;
    let title = "batch time";
    let inner = pane(theme, title, Vec::new(), area).inner(area);
    if inner.is_empty() {
        return;
    }
    let Some(last) = snapshot.history.batches.back() else {
        frame.render_widget(pane(theme, title, Vec::new(), area), area);
        frame.render_widget(dim(theme, "no batch yet"), inner);
        return;
    };
    let batches = &snapshot.history.batches;
    let skipped = batches.len().saturating_sub(usize::from(inner.width));
    let shown: Vec<_> = batches.iter().skip(skipped).collect();
    // A batch of 0 ms took some time too, and must be visible.
    let height = |ms: u64| (ms as f64).max(0.5);
    let style = |overran| if overran { theme.warn } else { theme.duration };
    let values: Vec<_> = shown
        .iter()
        .map(|batch| (height(batch.duration_ms), style(batch.overran)))
        .collect();
    let largest = round_up(values.iter().map(|value| value.0).fold(1.0, f64::max));

    let mut sorted: Vec<u64> = shown.iter().map(|batch| batch.duration_ms).collect();
    sorted.sort_unstable();
    let [half, most] = [sorted.len() / 2, sorted.len() * 95 / 100].map(|i| milliseconds(sorted[i]));
    let below = format!("last {} · median {half} · 95 % in {most}", sorted.len());
    let note = vec![Span::styled(milliseconds(last.duration_ms), theme.strong)];
    let scale = milliseconds(largest as u64);
    frame.render_widget(chart(theme, title, scale, note, below, area), area);
    columns(frame.buffer_mut(), inner, &values, largest);
}

fn milliseconds(ms: u64) -> String {
    number::duration(Duration::from_millis(ms))
}

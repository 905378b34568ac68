//! How long each of the last batches took; those that overran the interval are set off.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Scene;
use super::graph::{columns, round_up};
use super::pane::{dim, pane};
use crate::number;

pub fn render(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    if area.height < 3 {
        return;
    }
    let Scene {
        snapshot, theme, ..
    } = *scene;
    let last = match snapshot.batches.back() {
        Some(batch) => vec![Span::styled(milliseconds(batch.duration_ms), theme.strong)],
        None => Vec::new(),
    };
    let block = pane(theme, "batch time", last, area);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if inner.is_empty() {
        return;
    }
    if snapshot.batches.is_empty() {
        frame.render_widget(dim(theme, "no batch yet"), inner);
        return;
    }
    let shown: Vec<_> = snapshot
        .batches
        .iter()
        .rev()
        .take(usize::from(inner.width))
        .rev()
        .collect();
    // A batch of 0 ms took some time too, and is seen.
    let height = |ms: u64| (ms as f64).max(0.5);
    let values: Vec<_> = shown
        .iter()
        .map(|batch| {
            (
                height(batch.duration_ms),
                if batch.overran {
                    theme.warn
                } else {
                    theme.duration
                },
            )
        })
        .collect();
    let largest = round_up(values.iter().map(|value| value.0).fold(1.0, f64::max));
    columns(frame.buffer_mut(), inner, &values, largest);
    frame.render_widget(Line::from(dim(theme, milliseconds(largest as u64))), inner);
    if inner.height > 4 {
        let mut sorted: Vec<u64> = shown.iter().map(|batch| batch.duration_ms).collect();
        sorted.sort_unstable();
        let [median, slow] =
            [sorted.len() / 2, sorted.len() * 95 / 100].map(|i| milliseconds(sorted[i]));
        let note = format!(
            " last {} · half under {median} · 95 % under {slow} ",
            sorted.len()
        );
        let bottom = Rect {
            x: area.x + 1,
            y: area.bottom() - 1,
            width: area.width - 2,
            height: 1,
        };
        frame.render_widget(Line::from(dim(theme, note)).right_aligned(), bottom);
    }
}

fn milliseconds(ms: u64) -> String {
    number::duration(Duration::from_millis(ms))
}

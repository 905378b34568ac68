//! Records per second over time.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Scene;
use super::graph::{curve, round_up};
use super::pane::{dim, pane};
use crate::number;

pub fn render(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    if area.height < 3 {
        return;
    }
    let Scene {
        snapshot, theme, ..
    } = *scene;
    let now = Span::styled(
        number::count(snapshot.reading.rate.round() as u64),
        theme.strong,
    );
    let block = pane(theme, "records/s", vec![now], area);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if inner.is_empty() {
        return;
    }
    if snapshot.throughput.is_empty() {
        frame.render_widget(dim(theme, "no records yet"), inner);
        return;
    }
    let seconds = usize::from(inner.width) * 2;
    let values: Vec<f64> = snapshot
        .throughput
        .iter()
        .rev()
        .take(seconds)
        .rev()
        .copied()
        .collect();
    let largest = round_up(values.iter().copied().fold(0.0, f64::max));
    curve(
        frame.buffer_mut(),
        inner,
        &values,
        largest,
        theme.throughput,
    );
    let scale = Line::from(dim(theme, number::short(largest)));
    frame.render_widget(scale, inner);
    if inner.height > 4 {
        let mean = snapshot.throughput.iter().sum::<f64>() / snapshot.throughput.len() as f64;
        let note = format!(" {} s · mean {} ", values.len(), number::short(mean));
        let bottom = Rect {
            x: area.x + 1,
            y: area.bottom() - 1,
            width: area.width - 2,
            height: 1,
        };
        frame.render_widget(Line::from(dim(theme, note)).right_aligned(), bottom);
    }
}

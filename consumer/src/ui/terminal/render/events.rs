//! What happened last: brokers, rebalances, warnings of the log. The newest is at the bottom.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Scene;
use super::pane::{cut, dim, pane};
use crate::event::Level;

pub fn render(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let Scene {
        snapshot, theme, ..
    } = *scene;
    let block = pane(theme, "events", vec![dim(theme, "UTC")], area);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if snapshot.events.is_empty() {
        frame.render_widget(dim(theme, "none so far"), inner);
        return;
    }
    let skipped = snapshot
        .events
        .len()
        .saturating_sub(usize::from(inner.height));
    for (event, row) in snapshot.events.iter().skip(skipped).zip(inner.rows()) {
        // A sign, so that gravity does not hang on colour alone.
        let (sign, style) = match event.level {
            Level::Info => ("· ", theme.dim),
            Level::Warning => ("! ", theme.warn),
            Level::Error => ("✗ ", theme.bad),
        };
        let text = if event.level == Level::Info {
            ratatui::style::Style::new()
        } else {
            style
        };
        let mut spans = vec![
            dim(theme, event.at.format("%H:%M:%S ").to_string()),
            Span::styled(sign, style),
            Span::styled(event.text.as_str(), text),
        ];
        if event.times > 1 {
            spans.push(dim(theme, format!(" ×{}", event.times)));
        }
        frame.render_widget(Line::from(cut(spans, usize::from(inner.width))), row);
    }
}

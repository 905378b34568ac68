//! Draws the last events: brokers, rebalances, warnings of the log. The newest is at the bottom.

use kafka_access::escape::escaped;
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
    if snapshot.notices.is_empty() {
        frame.render_widget(dim(theme, "none so far"), inner);
        return;
    }
    let skipped = snapshot
        .notices
        .len()
        .saturating_sub(usize::from(inner.height));
    for (notice, row) in snapshot.notices.iter().skip(skipped).zip(inner.rows()) {
        // The sign shows the severity without colour.
        let (sign, style) = match notice.level {
            Level::Info => ("· ", theme.dim),
            Level::Warning => ("! ", theme.warn),
            Level::Error => ("✗ ", theme.bad),
        };
        let text = if notice.level == Level::Info {
            ratatui::style::Style::new()
        } else {
            style
        };
        let mut spans = vec![
            dim(theme, notice.at.format("%H:%M:%S ").to_string()),
            Span::styled(sign, style),
            Span::styled(escaped(&notice.text), text),
        ];
        if notice.times > 1 {
            spans.push(dim(theme, format!(" ×{}", notice.times)));
        }
        frame.render_widget(Line::from(cut(spans, usize::from(inner.width))), row);
    }
}

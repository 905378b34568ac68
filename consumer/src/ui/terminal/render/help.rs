//! Draws the help: every key, what the signs mean, and the query in full.

use kafka_access::escape::escaped;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Wrap};

use super::Scene;
use super::pane::{dim, pane};
use super::query::{self, highlighted};
use crate::ui::terminal::keys::KEYS;

pub fn render(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let Scene {
        snapshot, theme, ..
    } = *scene;
    let mut lines: Vec<Line<'_>> = KEYS
        .iter()
        .map(|(keys, what)| {
            Line::from(vec![
                Span::styled(format!("{keys:<11}"), theme.accent),
                Span::raw(*what),
            ])
        })
        .collect();
    lines.push(Line::default());
    let sign = |sign, style: Style, what| vec![Span::styled(sign, style), dim(theme, what)];
    lines.push(Line::from(
        [
            sign("▲ ▼", theme.good, " changed in the last batch   "),
            sign("+", theme.good, " new row   "),
            sign("Δ", theme.dim, " change in the chosen column"),
        ]
        .concat(),
    ));
    if !snapshot.query.demo.is_empty() {
        lines.push(Line::default());
        lines.extend(
            snapshot
                .query
                .demo
                .iter()
                .map(|line| Line::from(escaped(line))),
        );
    }
    lines.push(Line::default());
    lines.extend(
        query::lines(scene)
            .iter()
            .map(|line| Line::from(highlighted(line, theme))),
    );

    let width = area.width.saturating_sub(2).min(90);
    let columns = usize::from(width.saturating_sub(4)).max(1);
    let rows = |lines: &[Line<'_>]| -> usize {
        lines
            .iter()
            .map(|line| line.width().div_ceil(columns).max(1))
            .sum()
    };
    if rows(&lines) + 2 > usize::from(area.height) {
        lines.retain(|line| line.width() > 0);
    }
    let height = u16::try_from(rows(&lines) + 2)
        .unwrap_or(u16::MAX)
        .min(area.height);
    let popup = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, popup);
    let block =
        pane(theme, "help", vec![dim(theme, "Esc closes")], popup).border_style(theme.accent);
    frame.render_widget(
        Paragraph::new(lines)
            .wrap(Wrap { trim: false })
            .block(block),
        popup,
    );
}

//! Draws a short message on the query's state if the terminal is too small for any layout.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::pane::dim;
use super::{SMALLEST, Scene};

pub fn render(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let Scene {
        snapshot, theme, ..
    } = *scene;
    let batch = match &snapshot.progress {
        Some(progress) => format!("batch {}, the query goes on", progress.batch_id),
        None => "the query goes on".into(),
    };
    let lines = vec![
        Line::styled(
            format!("terminal too small: {}×{}", area.width, area.height),
            theme.strong,
        ),
        Line::from(format!("needs {}×{}", SMALLEST.0, SMALLEST.1)),
        Line::from(dim(theme, batch)),
        Line::from(dim(theme, "q quits")),
    ];
    let height = (lines.len() as u16).min(area.height);
    let middle = Rect {
        y: area.y + (area.height - height) / 2,
        height,
        ..area
    };
    frame.render_widget(
        Paragraph::new(lines)
            .alignment(Alignment::Center)
            .wrap(Wrap { trim: true }),
        middle,
    );
}

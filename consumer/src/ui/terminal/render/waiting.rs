//! Draws what the result is waiting for, and how far that is, in place of the rows.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::Scene;
use super::graph::progress;
use super::pane::dim;
use crate::number;
use crate::status::snapshot::Phase;

pub fn render(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let lines = lines(scene, usize::from(area.width));
    let height = (lines.len() as u16).min(area.height);
    let middle = Rect {
        y: area.y + (area.height - height) / 2,
        height,
        ..area
    };
    frame.render_widget(Paragraph::new(lines).alignment(Alignment::Center), middle);
}

fn lines<'a>(scene: &Scene<'a>, columns: usize) -> Vec<Line<'a>> {
    let Scene {
        snapshot, theme, ..
    } = *scene;
    let (records, lag) = (snapshot.totals.records, snapshot.gauges.lag);
    match snapshot.phase {
        Phase::Starting => vec![
            Line::from("starting"),
            Line::from(dim(
                theme,
                "looking for the topics, the schema and what is kept",
            )),
        ],
        Phase::CatchingUp if records == 0 => vec![
            Line::from("waiting for records"),
            Line::from(dim(theme, "the result appears with the first batch")),
        ],
        Phase::CatchingUp => {
            let all = records + lag;
            // The share is only drawn, so the rounding of a cast does not show.
            let share = records as f64 / all as f64;
            let mut note = format!("{:.0} %", (share * 100.0).floor());
            if snapshot.gauges.rate >= 1.0 && lag > 0 {
                let left =
                    Duration::from_secs_f64((lag as f64 / snapshot.gauges.rate).clamp(1.0, 1e6));
                note += &format!(
                    " · about {} left",
                    number::duration(Duration::from_secs(left.as_secs()))
                );
            }
            vec![
                Line::from(format!(
                    "reading what is there: {} so far",
                    number::counted(records, "record")
                )),
                Line::default(),
                Line::from(progress(share, columns.saturating_sub(4).min(48), theme).to_vec()),
                Line::from(dim(theme, note)),
            ]
        }
        Phase::Running | Phase::Stopped => vec![
            Line::from("no rows"),
            Line::from(dim(
                theme,
                format!(
                    "of {} so far none is in the result",
                    number::counted(records, "record")
                ),
            )),
        ],
    }
}

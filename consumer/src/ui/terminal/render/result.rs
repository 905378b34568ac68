//! Draws the pane of the result: its rows, or what it is waiting for.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::pane::{dim, pane};
use super::{Scene, rows, waiting};
use crate::number::{count, counted};
use crate::output_mode::OutputMode;

pub fn render(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let table = scene.table;
    let inner = pane(scene.theme, "result", Vec::new(), area).inner(area);
    if table.rows.is_empty() {
        frame.render_widget(pane(scene.theme, "result", Vec::new(), area), area);
        waiting::render(frame, inner, scene);
        return;
    }
    let seen = rows::render(frame, inner, scene);
    let mut note: Vec<Span<'_>> = Vec::new();
    if seen.hidden != (0, 0) {
        let (left, right) = seen.hidden;
        let sides = [
            (left > 0).then(|| format!("← {left}")),
            (right > 0).then(|| format!("{right} →")),
        ];
        note.push(dim(
            scene.theme,
            format!(
                "columns {}",
                sides.into_iter().flatten().collect::<Vec<_>>().join("  ")
            ),
        ));
        note.push(dim(scene.theme, " · "));
    }
    let all = table.rows.len();
    if seen.rows.1 - seen.rows.0 + 1 < all {
        note.push(Span::raw(format!(
            "{}–{} of ",
            count(seen.rows.0 as u64),
            count(seen.rows.1 as u64)
        )));
    }
    note.push(Span::raw(counted(table.total_rows, "row")));
    if table.mode == OutputMode::Update {
        note.push(dim(scene.theme, " of the last batch"));
    }
    if (all as u64) < table.total_rows {
        let which = match table.mode {
            OutputMode::Append => "newest",
            OutputMode::Complete | OutputMode::Update => "first",
        };
        note.push(dim(
            scene.theme,
            format!(", the {which} {} kept", count(all as u64)),
        ));
    }
    frame.render_widget(pane(scene.theme, "result", note, area), area);
}

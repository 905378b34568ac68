//! Draws the keys, the most needed first; the help has those that do not fit. If the last key has a note, the note
//! stands in their place.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Scene;
use super::pane::dim;
use crate::number;

pub fn render(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let Scene {
        snapshot,
        view,
        theme,
        ..
    } = *scene;
    if let Some(note) = view.note {
        let note = Span::styled(format!(" {note}"), theme.accent);
        frame.render_widget(Line::from(note), area);
        return;
    }
    let interval = match view.asked {
        Some(asked) if Some(asked) != snapshot.interval => {
            format!("→ {}", number::duration(asked))
        }
        _ => match snapshot.interval {
            Some(interval) => format!("every {}", number::duration(interval)),
            None => "interval".into(),
        },
    };
    let freeze = if view.frozen.is_some() {
        "thaw"
    } else {
        "freeze"
    };
    let keys = [
        ("q", "quit"),
        ("?", "help"),
        ("space", freeze),
        ("↑↓", "rows"),
        ("←→", "column"),
        ("s", "sort"),
        ("+ -", interval.as_str()),
    ];
    let mut spans = vec![Span::raw(" ")];
    let mut room = usize::from(area.width).saturating_sub(1);
    for (key, what) in keys {
        let piece = [
            Span::styled(key.to_owned(), theme.accent),
            dim(theme, format!(" {what}")),
            Span::raw("   "),
        ];
        let width: usize = piece.iter().map(Span::width).sum();
        if width > room + 3 {
            break;
        }
        room = room.saturating_sub(width);
        spans.extend(piece);
    }
    frame.render_widget(Line::from(spans), area);
}

//! The frame around each part of the picture, and how lines are put against both edges of it.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Padding};

use super::Theme;
use crate::width::{truncated, width};

/// A frame with `title` at its upper left and `note`, less important, at its upper right.
///
/// The note goes first where there is no room for both.
pub fn pane<'a>(theme: &Theme, title: &'a str, note: Vec<Span<'a>>, area: Rect) -> Block<'a> {
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.frame)
        .padding(Padding::horizontal(1))
        .title(Line::from(vec![
            Span::raw(" "),
            Span::styled(title, theme.title),
            Span::raw(" "),
        ]));
    if note.is_empty() {
        return block;
    }
    let note = Line::from([vec![Span::raw(" ")], note, vec![Span::raw(" ")]].concat());
    if note.width() + width(title) + 5 > usize::from(area.width) {
        return block;
    }
    block.title(note.right_aligned())
}

/// The frame of a chart: `scale`, what its upper edge stands for, beside the title, `below` on the lower edge.
///
/// The scale goes where there is no room for it, `below` where the chart is low or narrow.
pub fn chart<'a>(
    theme: &Theme,
    title: &'a str,
    scale: String,
    note: Vec<Span<'a>>,
    below: String,
    area: Rect,
) -> Block<'a> {
    let taken = width(title) + note.iter().map(Span::width).sum::<usize>() + width(&scale) + 12;
    let mut block = pane(theme, title, note, area);
    if taken <= usize::from(area.width) {
        block = block.title(Line::from(dim(theme, format!(" ↑ {scale} "))));
    }
    if area.height > 6 && width(&below) + 4 <= usize::from(area.width) {
        block = block.title_bottom(Line::from(dim(theme, format!(" {below} "))).right_aligned());
    }
    block
}

/// `left` and `right` in one line of `columns`; what does not fit is cut from the left part.
pub fn both_edges<'a>(left: Vec<Span<'a>>, right: Vec<Span<'a>>, columns: u16) -> Line<'a> {
    let right_width: usize = right.iter().map(Span::width).sum();
    let room = usize::from(columns).saturating_sub(right_width + 1);
    let mut line = cut(left, room);
    let used: usize = line.iter().map(Span::width).sum();
    line.push(Span::raw(
        " ".repeat(usize::from(columns).saturating_sub(used + right_width)),
    ));
    line.extend(right);
    Line::from(line)
}

/// `spans` in at most `columns`, ended by `…` where something had to go.
pub fn cut(spans: Vec<Span<'_>>, columns: usize) -> Vec<Span<'_>> {
    if spans.iter().map(Span::width).sum::<usize>() <= columns {
        return spans;
    }
    let mut room = columns.saturating_sub(1);
    let mut line = Vec::with_capacity(spans.len() + 2);
    for span in spans {
        let width = span.width();
        if width > room {
            // With one column more than there is, so that the mark comes even where the span just fits.
            let cut = truncated(&format!("{} ", span.content), columns.min(room + 1)).into_owned();
            line.push(Span::styled(cut, span.style));
            break;
        }
        room -= width;
        line.push(span);
    }
    line
}

/// `text` without meaning of its own: what units and labels are.
pub fn dim<'a>(theme: &Theme, text: impl Into<std::borrow::Cow<'a, str>>) -> Span<'a> {
    Span::styled(text, theme.dim)
}

/// `text` in `style`.
pub fn styled<'a>(text: impl Into<std::borrow::Cow<'a, str>>, style: Style) -> Span<'a> {
    Span::styled(text, style)
}

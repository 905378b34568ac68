//! Draws the frame around each part of the picture, and aligns lines with both edges of it.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Padding};

use super::Theme;
use crate::width::{truncated, width};

/// Returns a frame with `title` at its upper left and the less important `note` at its upper right.
///
/// The note is left out first if there is no room for both.
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

/// Returns the frame of a chart: `scale`, the value at its upper edge, beside the title, and `below` on the lower edge.
///
/// The scale is left out if there is no room for it, and `below` if the chart is low or narrow.
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

/// Returns `left` and `right` in one line of `columns`; what does not fit is cut from the left part.
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

/// Returns `spans` in at most `columns`, ended by `…` if something was cut.
pub fn cut(spans: Vec<Span<'_>>, columns: usize) -> Vec<Span<'_>> {
    if spans.iter().map(Span::width).sum::<usize>() <= columns {
        return spans;
    }
    let mut room = columns.saturating_sub(1);
    let mut line = Vec::with_capacity(spans.len() + 2);
    for span in spans {
        let width = span.width();
        if width > room {
            // The text gets one column more than there is, so that the mark comes even if the span just fits.
            let cut = truncated(&format!("{} ", span.content), columns.min(room + 1)).into_owned();
            line.push(Span::styled(cut, span.style));
            break;
        }
        room -= width;
        line.push(span);
    }
    line
}

/// Returns `text` in the style of units and labels.
pub fn dim<'a>(theme: &Theme, text: impl Into<std::borrow::Cow<'a, str>>) -> Span<'a> {
    Span::styled(text, theme.dim)
}

/// Returns `text` in `style`.
pub fn styled<'a>(text: impl Into<std::borrow::Cow<'a, str>>, style: Style) -> Span<'a> {
    Span::styled(text, style)
}

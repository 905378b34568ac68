//! Draws the query's text in one line, or in full in a pane of its own.

use kafka_access::escape::escaped;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::pane::{self, cut, styled};
use super::{Scene, Theme};

/// The words that give a query its shape.
const KEYWORDS: [&str; 28] = [
    "select", "distinct", "from", "where", "group", "by", "having", "order", "limit", "offset",
    "as", "and", "or", "not", "in", "is", "null", "case", "when", "then", "else", "end", "asc",
    "desc", "filter", "over", "between", "like",
];

/// Draws the query in one line.
pub fn line(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let text = lines(scene).join(" ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let inner = Rect {
        x: area.x + 1,
        width: area.width - 2,
        ..area
    };
    let spans = highlighted(&text, scene.theme);
    frame.render_widget(Line::from(cut(spans, usize::from(inner.width))), inner);
}

/// Returns the rows that [`pane`] needs for the whole text in `width` columns.
pub fn height(scene: &Scene<'_>, width: u16) -> u16 {
    let columns = usize::from(width.saturating_sub(4)).max(1);
    let rows: usize = lines(scene)
        .iter()
        .map(|line| crate::width::width(line).div_ceil(columns).max(1))
        .sum();
    u16::try_from(rows.max(1) + 2).unwrap_or(u16::MAX)
}

/// Draws the query in full.
pub fn pane(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let block = pane::pane(scene.theme, "query", Vec::new(), area);
    frame.render_widget(paragraph(scene).block(block), area);
}

/// Returns the whole text as a paragraph, line by line.
pub fn paragraph<'a>(scene: &Scene<'a>) -> Paragraph<'a> {
    let lines = lines(scene);
    let lines = lines
        .iter()
        .map(|line| Line::from(highlighted(line, scene.theme)));
    Paragraph::new(lines.collect::<Vec<_>>()).wrap(Wrap { trim: false })
}

/// Returns the query's text, line by line.
pub fn lines(scene: &Scene<'_>) -> Vec<String> {
    let lines = scene.snapshot.query.text.trim().lines();
    // A tab in the user's own query is not dangerous, only too wide.
    let line = |line: &str| escaped(&line.trim_end().replace('\t', "  ")).into_owned();
    lines.map(line).collect()
}

/// Returns `text` with its keywords highlighted.
pub fn highlighted<'a>(text: &str, theme: &Theme) -> Vec<Span<'a>> {
    let mut spans = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        // A text literal is one piece, so that no word in it counts as a keyword.
        let end = match first {
            '\'' => rest[1..].find('\'').map(|end| end + 2),
            first => rest.find(|c| word(c) != word(first) || c == '\''),
        };
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        let style = match first {
            '\'' => theme.good,
            _ if KEYWORDS
                .iter()
                .any(|keyword| piece.eq_ignore_ascii_case(keyword)) =>
            {
                theme.accent
            }
            first if word(first) => ratatui::style::Style::new(),
            _ => theme.dim,
        };
        spans.push(styled(piece.to_owned(), style));
        rest = after;
    }
    spans
}

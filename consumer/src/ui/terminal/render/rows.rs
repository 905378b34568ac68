//! Draws the rows of the result: texts left, numbers right, changes marked, and the chosen column as bars.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::columns::{ColumnLayout, GAP, MARK, plan};
use super::graph::bar;
use super::pane::styled;
use super::{Scene, Theme};
use crate::number;
use crate::ui::terminal::table::{TableCell, TableRow};
use crate::width::{padded, width};

/// The columns in front of each row, for the mark of a new one.
const FRONT: usize = 2;

/// The visible part of the table, for the pane's title.
pub struct VisiblePart {
    /// The first and the last visible row, counted from 1.
    pub rows: (usize, usize),
    /// The numbers of columns that are not shown, to the left and to the right.
    pub hidden: (usize, usize),
}

/// Draws the table into `area`, the column names first.
pub fn render(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) -> VisiblePart {
    let Scene {
        table, view, theme, ..
    } = *scene;
    let all = view.ordered(table);
    let height = usize::from(area.height.saturating_sub(1));
    let cursor = view.cursor.map(|row| row.min(all.len().saturating_sub(1)));
    // The cursor stands in the middle, except near both ends. So its place determines which rows are visible.
    let first = cursor
        .unwrap_or(0)
        .saturating_sub(height / 2)
        .min(all.len().saturating_sub(height));
    let rows = &all[first..(first + height).min(all.len())];

    let chosen = view.chosen(table).unwrap_or(0);
    let bars = table
        .columns
        .get(chosen)
        .is_some_and(|column| column.numeric);
    let changes: Vec<String> = rows.iter().map(|row| change(row, chosen, scene)).collect();
    let change_width = changes.iter().map(|text| width(text)).max().unwrap_or(0);
    let room = usize::from(area.width).saturating_sub(FRONT);
    let plan = plan(table, chosen, bars, change_width, room);
    let largest = all
        .iter()
        .filter_map(|row| row.cells[chosen].value)
        .map(f64::abs)
        .fold(0.0, f64::max);

    let mut lines = vec![names(scene, &plan, chosen, change_width)];
    for (i, (row, change)) in rows.iter().zip(&changes).enumerate() {
        let under_cursor = cursor == Some(first + i);
        let front = match (under_cursor, row.new) {
            (true, _) => styled("▸ ", theme.accent),
            (false, true) => styled("+ ", theme.good),
            (false, false) => Span::raw("  "),
        };
        let mut spans = vec![front];
        for (column, width) in &plan.columns {
            cell(
                &mut spans,
                &row.cells[*column],
                *width,
                table.columns[*column].numeric,
                theme,
            );
        }
        if bars {
            if change_width > 0 {
                let falls = row.cells[chosen].change.is_some_and(|change| change < 0.0);
                let style = if falls { theme.bad } else { theme.good };
                spans.push(styled(padded(change, change_width, true), style));
                spans.push(Span::raw(" ".repeat(GAP)));
            }
            let value = row.cells[chosen].value.unwrap_or(0.0);
            let style = if value < 0.0 { theme.bad } else { theme.bar };
            spans.push(styled(bar(value, largest, plan.bar), style));
        }
        let line = Line::from(spans);
        lines.push(if under_cursor {
            line.patch_style(theme.cursor)
        } else {
            line
        });
    }
    for (line, row) in lines.into_iter().zip(area.rows()) {
        frame.render_widget(line, row);
    }
    VisiblePart {
        rows: (first + 1, first + rows.len()),
        hidden: plan.hidden,
    }
}

/// Returns the names of the columns. The chosen one is highlighted, and the sorted one has an arrow.
fn names<'a>(
    scene: &Scene<'a>,
    plan: &ColumnLayout,
    chosen: usize,
    change_width: usize,
) -> Line<'a> {
    let Scene {
        table, view, theme, ..
    } = *scene;
    let mut spans = vec![Span::raw(" ".repeat(FRONT))];
    for (i, width) in &plan.columns {
        let column = &table.columns[*i];
        let sort = view.sort.filter(|sort| sort.column == *i);
        let arrow = match sort {
            Some(sort) if sort.descending => "↓",
            Some(_) => "↑",
            None => "",
        };
        let style = if *i == chosen {
            theme.chosen
        } else {
            theme.dim
        };
        let name = format!("{}{arrow}", column.name);
        // A name without an arrow stands over the digits. With an arrow, the arrow stands over the marks.
        let text = match column.numeric {
            true if arrow.is_empty() => padded(&name, width - MARK, true),
            true => padded(&name, *width, true),
            false => padded(&name, *width, false),
        };
        let padding = text.len() - text.trim_start().len();
        spans.push(Span::raw(" ".repeat(padding)));
        let name = text.trim().to_owned();
        let used = padding + crate::width::width(&name);
        spans.push(styled(name, style));
        spans.push(Span::raw(" ".repeat((width + GAP).saturating_sub(used))));
    }
    if plan.bar > 0 && change_width > 0 {
        spans.push(styled(padded("Δ", change_width, true), theme.dim));
    }
    Line::from(spans)
}

fn cell<'a>(
    spans: &mut Vec<Span<'a>>,
    cell: &TableCell,
    width: usize,
    numeric: bool,
    theme: &Theme,
) {
    let style = if cell.null { theme.dim } else { Style::new() };
    let gap = " ".repeat(GAP);
    if !numeric {
        spans.push(styled(padded(&cell.text, width, false) + &gap, style));
        return;
    }
    let (mark, mark_style) = match cell.change {
        Some(change) if change > 0.0 => ("▲", theme.good),
        Some(change) if change < 0.0 => ("▼", theme.bad),
        _ => (" ", Style::new()),
    };
    spans.push(styled(padded(&cell.text, width - MARK, true), style));
    spans.push(styled(mark, mark_style));
    spans.push(Span::raw(gap));
}

/// Returns the change in the chosen column of `row`, with its sign.
fn change(row: &TableRow, chosen: usize, scene: &Scene<'_>) -> String {
    let scale = scene.table.columns[chosen].scale;
    row.cells[chosen]
        .change
        .map_or_else(String::new, |change| number::change(change, scale))
}

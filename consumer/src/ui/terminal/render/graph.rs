//! Draws charts with characters: filled curves of braille dots, columns and bars of eighth blocks.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::{RenderDirection, Sparkline, SparklineBar, Widget};

use super::{Theme, pane::styled};

/// The blocks that are filled from the left, in eighths.
const LEFT: [&str; 8] = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// The braille dots of the left and right half of a cell, from below.
const DOTS: [[u32; 4]; 2] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]];

/// Returns a bar for `value`, in eighths of a column; `largest` takes all of `columns`.
pub fn bar(value: f64, largest: f64, columns: usize) -> String {
    let share = if largest > 0.0 {
        (value.abs() / largest).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let mut eighths = (share * columns as f64 * 8.0).round() as usize;
    if share > 0.0 {
        // A value above zero must be visible.
        eighths = eighths.max(1);
    }
    let mut filled = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        filled.push_str(LEFT[eighths % 8]);
    }
    filled
}

/// Returns a thin line of `columns`, of which `share` is done.
pub fn progress<'a>(share: f64, columns: usize, theme: &Theme) -> [Span<'a>; 2] {
    // The number is rounded down, so that the line is full only when all is done.
    let done = (share.clamp(0.0, 1.0) * columns as f64) as usize;
    [
        styled("━".repeat(done), theme.accent),
        styled("╌".repeat(columns - done), theme.track),
    ]
}

/// Fills `area` with the curve of `values`, two in each column, the last at the right edge, with `largest` at the top.
pub fn curve(buffer: &mut Buffer, area: Rect, values: &[f64], largest: f64, style: Style) {
    let dots = usize::from(area.height) * 4;
    let points = usize::from(area.width) * 2;
    for point in 0..points.min(values.len()) {
        let value = values[values.len() - 1 - point];
        let height = scaled(value, largest, dots);
        let x = points - 1 - point;
        for dot in 0..height {
            let column = area.x + (x / 2) as u16;
            let row = area.bottom() - 1 - (dot / 4) as u16;
            let cell = &mut buffer[(column, row)];
            let before = cell.symbol().chars().next().map_or(0, u32::from);
            let before = if (0x2800..0x2900).contains(&before) {
                before
            } else {
                0x2800
            };
            let symbol = char::from_u32(before | DOTS[x % 2][dot % 4]).unwrap_or(' ');
            cell.set_char(symbol).set_style(style);
        }
    }
}

/// Fills `area` with one column for each of `values`, in its style, the last at the right edge.
pub fn columns(buffer: &mut Buffer, area: Rect, values: &[(f64, Style)], largest: f64) {
    let eighths = usize::from(area.height) * 8;
    // The sparkline would round a small value to nothing, so the value is scaled here.
    let bar = |(value, style): &(f64, Style)| {
        let height = scaled(*value, largest, eighths) as u64;
        SparklineBar::from(height).style(*style)
    };
    Sparkline::default()
        .data(values.iter().rev().map(bar))
        .max(eighths as u64)
        .direction(RenderDirection::RightToLeft)
        .render(area, buffer);
}

/// Returns `value` in steps of which `largest` takes `steps`; at least one step if the value is not zero.
fn scaled(value: f64, largest: f64, steps: usize) -> usize {
    if value <= 0.0 || largest <= 0.0 {
        return 0;
    }
    ((value / largest * steps as f64).round() as usize).clamp(1, steps)
}

/// Returns the next number, not below `x`, that reads well at the end of a scale.
pub fn round_up(x: f64) -> f64 {
    const STEPS: [f64; 9] = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    if x <= 0.0 || !x.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(x.log10().floor());
    // The limit is slightly less than `x`, so that 30 does not become 40 because of an error in its last bit.
    STEPS
        .map(|step| step * power)
        .into_iter()
        .find(|step| *step >= x * 0.999_999)
        .unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(draw: impl Fn(&mut Buffer, Rect)) -> Vec<String> {
        let area = Rect::new(0, 0, 4, 2);
        let mut buffer = Buffer::empty(area);
        draw(&mut buffer, area);
        (0..2)
            .map(|y| (0..4).map(|x| buffer[(x, y)].symbol()).collect())
            .collect()
    }

    #[test]
    fn curve_ends_at_the_right_edge() {
        let lines =
            drawn(|buffer, area| curve(buffer, area, &[8.0, 4.0, 0.0, 1.0], 8.0, Style::new()));
        assert_eq!(lines, ["  ⡇ ", "  ⣿⢀"]);
    }

    #[test]
    fn columns_grow_in_eighths() {
        let values = [1.0, 8.0, 12.0, 16.0, 99.0].map(|value| (value, Style::new()));
        let lines = drawn(|buffer, area| columns(buffer, area, &values[..4], 16.0));
        assert_eq!(lines, ["  ▄█", "▁███"]);
        assert_eq!(
            drawn(|buffer, area| columns(buffer, area, &values, 16.0))[0],
            " ▄██"
        );
    }

    #[test]
    fn bars_are_exact_to_an_eighth_and_never_empty() {
        let text = |value| bar(value, 8.0, 4);
        assert_eq!(text(8.0), "████");
        assert_eq!(text(3.0), "█▌");
        assert_eq!(text(0.001), "▏");
        assert_eq!(text(0.0), "");
    }

    #[test]
    fn scales_end_at_round_numbers() {
        for (x, expected) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (11.0, 15.0),
            (43_000.0, 50_000.0),
            (50_100.0, 60_000.0),
        ] {
            assert_eq!(round_up(x), expected);
        }
    }
}

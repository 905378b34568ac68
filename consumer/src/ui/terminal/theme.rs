//! All colours of the dashboard.
//!
//! Each colour is of middle brightness, so that it can be read on a dark and on a light background. Text has the
//! terminal's own foreground, and only badges have a painted background. No meaning depends on colour alone: with
//! [`Theme::plain`] (`NO_COLOR`, see <https://no-color.org>) everything can still be read.

use ratatui::style::{Color, Modifier, Style};

/// The style of each kind of thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Theme {
    /// The most important texts.
    pub strong: Style,
    /// The least important texts: labels, units, separators.
    pub dim: Style,
    /// Frames of panes.
    pub frame: Style,
    /// Titles of panes.
    pub title: Style,
    /// The program's name, and keys.
    pub accent: Style,
    /// Values that are good, or grew.
    pub good: Style,
    /// Values that need attention.
    pub warn: Style,
    /// Values that are wrong, or fell.
    pub bad: Style,
    /// The chart of records per second.
    pub throughput: Style,
    /// The chart of durations.
    pub duration: Style,
    /// Bars in the result.
    pub bar: Style,
    /// The part of a progress line that is not done yet.
    pub track: Style,
    /// The column that is sorted or drawn as bars.
    pub chosen: Style,
    /// The row under the cursor.
    pub cursor: Style,
}

const BLUE: Color = Color::Indexed(32);
const GREEN: Color = Color::Indexed(35);
const ORANGE: Color = Color::Indexed(172);
const RED: Color = Color::Indexed(167);
const VIOLET: Color = Color::Indexed(98);

impl Theme {
    /// Returns the theme with colours.
    pub fn coloured() -> Self {
        let colour = |colour| Style::new().fg(colour);
        Self {
            accent: colour(BLUE).add_modifier(Modifier::BOLD),
            good: colour(GREEN),
            warn: colour(ORANGE),
            bad: colour(RED),
            throughput: colour(BLUE),
            duration: colour(VIOLET),
            bar: colour(BLUE),
            chosen: colour(BLUE).add_modifier(Modifier::BOLD),
            ..Self::plain()
        }
    }

    /// Returns the theme without any colour: it has only bold, dim and reversed text.
    pub fn plain() -> Self {
        let plain = Style::new();
        // Bold text may stand on a dim frame, and must not become dim there.
        let bold = plain
            .add_modifier(Modifier::BOLD)
            .remove_modifier(Modifier::DIM);
        let dim = plain.add_modifier(Modifier::DIM);
        Self {
            strong: bold,
            dim,
            frame: dim,
            title: bold,
            accent: bold,
            good: plain,
            warn: bold,
            bad: bold,
            throughput: plain,
            duration: plain,
            bar: plain,
            track: dim,
            chosen: bold.add_modifier(Modifier::UNDERLINED),
            cursor: bold,
        }
    }

    /// Returns the style of a short word on a ground of the colour of `style`.
    pub fn badge(style: Style) -> Style {
        style.add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }
}

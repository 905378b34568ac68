//! The colours, all of them.
//!
//! Each is of middle brightness, so that it reads on a dark and on a light background alike; the terminal's
//! own foreground is used for text, and no background is painted but behind badges. No meaning is carried
//! by colour alone: with [`Theme::plain`] (`NO_COLOR`, see <https://no-color.org>) everything still reads.

use ratatui::style::{Color, Modifier, Style};

/// How each kind of thing looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Theme {
    /// What matters most.
    pub strong: Style,
    /// What matters least: labels, units, separators.
    pub dim: Style,
    /// Frames of panes.
    pub frame: Style,
    /// Titles of panes.
    pub title: Style,
    /// The program's name, and keys.
    pub accent: Style,
    /// What is well, or grew.
    pub good: Style,
    /// What one should look at.
    pub warn: Style,
    /// What is wrong, or fell.
    pub bad: Style,
    /// The chart of records per second.
    pub throughput: Style,
    /// The chart of durations.
    pub duration: Style,
    /// Bars in the result.
    pub bar: Style,
    /// The unfilled rest of what is under way.
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
    /// With colours.
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

    /// Without any colour: bold, dim and reversed text only.
    pub fn plain() -> Self {
        let plain = Style::new();
        // Bold text may stand on a dim frame, and is not to become dim there.
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

    /// A short word on a ground of the colour of `style`.
    pub fn badge(style: Style) -> Style {
        style.add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }
}

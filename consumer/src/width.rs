//! Measures how many columns of a terminal a text takes, which is not the number of its bytes or characters.
//!
//! `日本` takes four columns, and `é` takes one even if it is written as two code points. All code that aligns text
//! measures and cuts it here, so that tables stay straight with any script in them.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Returns the columns that `text` takes.
pub fn width(text: &str) -> usize {
    // The text is measured grapheme by grapheme, as ratatui lays it out: a joined emoji is one picture.
    if text.is_ascii() {
        text.len()
    } else {
        text.graphemes(true).map(UnicodeWidthStr::width).sum()
    }
}

/// Returns `text` in at most `columns`, ended by `…` if something was cut.
pub fn truncated(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else {
        return Cow::Borrowed("");
    };
    let mut used = 0;
    let kept = text.graphemes(true).take_while(|grapheme| {
        used += grapheme.width();
        used <= room
    });
    Cow::Owned(kept.chain(["…"]).collect())
}

/// Returns `text` cut or filled up with spaces to exactly `columns`, aligned right if `right`.
pub fn padded(text: &str, columns: usize, right: bool) -> String {
    let text = truncated(text, columns);
    let fill = " ".repeat(columns - width(&text));
    if right {
        fill + &text
    } else {
        text.into_owned() + &fill
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_counts_columns() {
        assert_eq!(width("Visa"), 4);
        assert_eq!(width("日本"), 4);
        assert_eq!(width("e\u{301}"), 1);
        assert_eq!(width("👩\u{200d}💻"), 2);
    }

    #[test]
    fn cut_text_ends_in_an_ellipsis_and_fits() {
        assert_eq!(truncated("American Express", 9), "American…");
        assert_eq!(truncated("Visa", 4), "Visa");
        assert_eq!(truncated("日本語", 4), "日…");
        assert_eq!(truncated("Visa", 0), "");
    }

    #[test]
    fn padding_is_exact_even_where_half_a_character_would_fit() {
        assert_eq!(padded("日本語", 4, false), "日… ");
        assert_eq!(padded("12", 5, true), "   12");
    }
}

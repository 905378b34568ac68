//! Makes text from outside harmless to show.
//!
//! What a record holds may end up in a terminal, where a control character is a command: it moves the cursor, changes
//! the title, or turns the direction of writing around. Whatever comes from records, brokers or log lines passes
//! through [`escaped`] once, on its way into an output for people. JSON has its own escapes; whoever writes JSON has to
//! use them for every character for which [`steers`] returns true.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns `text` with an escape in place of every character that could steer a terminal: `\n`, `\t`, `\r`, and for
/// others a form such as `\u{1b}`.
///
/// Such characters are the control characters (C0, DEL, C1), those that change the direction of writing, line and
/// paragraph separators, and invisible ones that only serve to deceive. Scripts and emoji stay as they are, with the
/// joiners that they need. A backslash stays too: the result is for reading, not for parsing.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(steers) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if steers(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Returns whether a terminal could take `c` for more than a character to draw.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'                        // soft hyphen: drawn by some terminals only
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
            | '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(
            escaped("Visa 4111 café 日本 👍"),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn controls_are_written_out() {
        assert_eq!(escaped("a\nb\tc\rd"), "a\\nb\\tc\\rd");
        assert_eq!(escaped("\x1b[2J\x07\x7f"), "\\u{1b}[2J\\u{7}\\u{7f}");
        assert_eq!(escaped("c1 \u{9b}31m"), "c1 \\u{9b}31m");
    }

    #[test]
    fn direction_of_writing_cannot_be_turned() {
        assert_eq!(escaped("\u{202e}asiV\u{2066}"), "\\u{202e}asiV\\u{2066}");
        assert_eq!(escaped("\u{200f}x\u{feff}"), "\\u{200f}x\\u{feff}");
    }

    #[test]
    fn scripts_and_joined_emoji_stay() {
        for text in ["שלום", "می\u{200c}خواهم", "👩\u{200d}💻", "e\u{301}"] {
            assert_eq!(escaped(text), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_steers_is_left(text: String) {
            proptest::prop_assert!(!escaped(&text).contains(steers));
        }
    }
}

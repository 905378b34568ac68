//! The text of JSON strings.

use std::ops::Range;

/// Returns the text at `range` of a record that the scanner has accepted, and which is therefore UTF-8.
///
/// The bytes are checked once more, since safe Rust has no other way from bytes to text. The check never fails, so the
/// text is never empty for that reason.
#[inline]
pub(super) fn checked_text(record: &[u8], range: Range<usize>) -> &str {
    let bytes = record.get(range).unwrap_or_default();
    str::from_utf8(bytes).unwrap_or_default()
}

/// Appends the text of a string, whose bytes between the quotes are `inside`, to `text`. The string's syntax has been
/// checked. Half of a surrogate pair without the other half becomes U+FFFD: JSON's grammar accepts it, and no text can
/// hold it.
pub(super) fn unescape(inside: &str, text: &mut String) {
    let mut rest = inside;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut letters = escaped.chars();
        let letter = match letters.next() {
            Some('u') => {
                let first = unit(&mut letters);
                let pair = match first {
                    0xD800..0xDC00 => low_half(letters.as_str()),
                    _ => None,
                };
                match pair {
                    Some((second, behind)) => {
                        letters = behind.chars();
                        char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))
                    }
                    None => char::from_u32(first),
                }
                .unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some(itself) => itself,
            None => break,
        };
        text.push(letter);
        rest = letters.as_str();
    }
    text.push_str(rest);
}

/// Returns the second half of a surrogate pair, if `text` begins with one, and the text after it.
fn low_half(text: &str) -> Option<(u32, &str)> {
    let mut letters = text.strip_prefix("\\u")?.chars();
    let second = unit(&mut letters);
    (0xDC00..0xE000)
        .contains(&second)
        .then_some((second, letters.as_str()))
}

/// Returns the UTF-16 unit that the next four hex digits stand for.
fn unit(letters: &mut std::str::Chars<'_>) -> u32 {
    letters
        .take(4)
        .filter_map(|digit| digit.to_digit(16))
        .fold(0, |unit, digit| unit << 4 | digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(inside: &str) -> String {
        let mut text = String::new();
        unescape(inside, &mut text);
        text
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(text(r#"a\"b\\c\/\b\f\n\r\t"#), "a\"b\\c/\u{8}\u{c}\n\r\t");
        assert_eq!(text(r"caf\u00e9 \u20AC\u0041"), "café €A");
    }

    #[test]
    fn surrogate_pair_is_one_character() {
        assert_eq!(text(r"\ud83d\uDE00!"), "😀!");
    }

    #[test]
    fn each_half_surrogate_becomes_a_replacement_character_and_nothing_behind_it_is_lost() {
        for (inside, expected) in [
            (r"\ud83d", "\u{fffd}"),
            (r"\ud83dx", "\u{fffd}x"),
            (r"\ud83d\n", "\u{fffd}\n"),
            (r"\ud83d\u0041", "\u{fffd}A"),
            (r"\ude00", "\u{fffd}"),
            (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
        ] {
            assert_eq!(text(inside), expected, "{inside}");
        }
    }
}

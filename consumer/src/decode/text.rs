//! The text of JSON strings.

use std::ops::Range;

/// The text at `range` of a record that the scanner has let pass, hence UTF-8.
///
/// Looked at once more, since safe Rust has no other way from bytes to text; never empty for that reason.
#[inline]
pub(super) fn checked_text(record: &[u8], range: Range<usize>) -> &str {
    let bytes = record.get(range).unwrap_or_default();
    str::from_utf8(bytes).unwrap_or_default()
}

/// Half of a surrogate pair without the other: JSON's grammar lets it pass, no text can hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LoneSurrogate;

/// Appends to `text` what the string `inside` its quotes stands for. Its syntax has been checked.
pub(super) fn unescape(inside: &str, text: &mut String) -> Result<(), LoneSurrogate> {
    let mut rest = inside;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut letters = escaped.chars();
        let letter = match letters.next() {
            Some('u') => {
                let first = unit(&mut letters);
                match first {
                    0xD800..0xDC00 => {
                        let second = match (letters.next(), letters.next()) {
                            (Some('\\'), Some('u')) => unit(&mut letters),
                            _ => return Err(LoneSurrogate),
                        };
                        if !(0xDC00..0xE000).contains(&second) {
                            return Err(LoneSurrogate);
                        }
                        char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))
                    }
                    _ => char::from_u32(first),
                }
                .ok_or(LoneSurrogate)?
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
    Ok(())
}

/// The UTF-16 unit that the next four hex digits stand for.
fn unit(letters: &mut std::str::Chars<'_>) -> u32 {
    letters
        .take(4)
        .filter_map(|digit| digit.to_digit(16))
        .fold(0, |unit, digit| unit << 4 | digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(inside: &str) -> Result<String, LoneSurrogate> {
        let mut text = String::new();
        unescape(inside, &mut text).map(|()| text)
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(
            text(r#"a\"b\\c\/\b\f\n\r\t"#).as_deref(),
            Ok("a\"b\\c/\u{8}\u{c}\n\r\t")
        );
        assert_eq!(text(r"caf\u00e9 \u20AC\u0041").as_deref(), Ok("café €A"));
    }

    #[test]
    fn surrogate_pair_is_one_character() {
        assert_eq!(text(r"\ud83d\uDE00!").as_deref(), Ok("😀!"));
    }

    #[test]
    fn lone_surrogate_is_refused() {
        for inside in [
            r"\ud83d",
            r"\ud83dx",
            r"\ud83d\n",
            r"\ud83d\u0041",
            r"\ude00",
            r"\ude00\ud83d",
        ] {
            assert_eq!(text(inside), Err(LoneSurrogate), "{inside}");
        }
    }
}

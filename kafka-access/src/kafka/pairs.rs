//! Splits KAFKA_PROPERTIES, a text of `key=value` pairs that are separated by `;` or line breaks.
//!
//! A value that contains either stands in quotes, `'…'` or `"…"`. Within them the escapes of a JAAS file (of Java's
//! StreamTokenizer) are read: `\n`, `\t`, `\r`, `\b`, `\f`, `\a`, `\v`, up to three octal digits, and a backslash
//! before any other character for that character. Unlike in a JAAS file, a value in quotes may contain line breaks, so
//! that a PEM file can be a value.

use std::borrow::Cow;
use std::str::Chars;

/// One pair, as it was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    pub(super) key: &'a str,
    pub(super) value: Value<'a>,
}

/// What follows a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A value without quotes, as it was written.
    Plain(&'a str),
    /// A value in quotes, without the quotes and with its escapes read.
    Quoted(Cow<'a, str>),
    /// There is no value, not even a `=`.
    Missing,
    /// The quote that begins the value is not closed.
    Unclosed,
    /// Something follows the value's closing quote before the end of the pair.
    Behind,
}

/// The pairs of a text. A quote that is not closed extends to the end of the text.
pub(super) struct Pairs<'a> {
    rest: &'a str,
}

impl<'a> Pairs<'a> {
    /// Makes an iterator over the pairs of `text`.
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            // Some editors begin a file with a byte order mark.
            rest: text.trim_start_matches('\u{feff}'),
        }
    }

    /// Returns the text before the next separator, and moves behind that text.
    fn until_separator(&mut self) -> &'a str {
        let end = self.rest.find(separates).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        text.trim()
    }
}

fn separates(c: char) -> bool {
    matches!(c, ';' | '\n')
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        self.rest = self
            .rest
            .trim_start_matches(|c: char| separates(c) || c.is_whitespace());
        if self.rest.is_empty() {
            return None;
        }
        let ends = |c: char| separates(c) || c == '=';
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (key, behind) = self.rest.split_at(end);
        let key = key.trim();
        let Some(value) = behind.strip_prefix('=') else {
            self.rest = behind;
            let value = Value::Missing;
            return Some(Pair { key, value });
        };
        let blank = |c: char| c.is_whitespace() && c != '\n';
        self.rest = value.trim_start_matches(blank);
        let value = match self.rest.chars().next() {
            Some(quote @ ('\'' | '"')) => match quoted(&self.rest[1..], quote) {
                Some((value, behind)) => {
                    self.rest = behind;
                    match self.until_separator() {
                        "" => Value::Quoted(value),
                        _ => Value::Behind,
                    }
                }
                None => {
                    self.rest = "";
                    Value::Unclosed
                }
            },
            _ => Value::Plain(self.until_separator()),
        };
        Some(Pair { key, value })
    }
}

/// Reads `text` up to its closing `quote`. Returns the value and the text behind the quote, or `None` when the quote is
/// not closed.
fn quoted(text: &str, quote: char) -> Option<(Cow<'_, str>, &str)> {
    let special = |c: char| c == quote || c == '\\';
    let first = text.find(special)?;
    if text[first..].starts_with(quote) {
        return Some((Cow::Borrowed(&text[..first]), &text[first + 1..]));
    }
    let mut value = text[..first].to_owned();
    let mut letters = text[first..].chars();
    loop {
        match letters.next()? {
            '\\' => value.push(escape(&mut letters)?),
            letter if letter == quote => return Some((Cow::Owned(value), letters.as_str())),
            letter => value.push(letter),
        }
    }
}

/// Returns the character that the letters behind a backslash stand for.
fn escape(letters: &mut Chars<'_>) -> Option<char> {
    Some(match letters.next()? {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        digit @ '0'..='7' => {
            let mut code = digit.to_digit(8)?;
            // Three octal digits stand for a character up to \377.
            let more = if digit <= '3' { 2 } else { 1 };
            for _ in 0..more {
                let Some(digit) = letters.clone().next().and_then(|c| c.to_digit(8)) else {
                    break;
                };
                letters.next();
                code = code * 8 + digit;
            }
            char::from_u32(code)?
        }
        itself => itself,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(&str, Value<'_>)> {
        Pairs::of(text).map(|pair| (pair.key, pair.value)).collect()
    }

    fn value(text: &str) -> String {
        match Pairs::of(&format!("key={text};next=1"))
            .map(|pair| pair.value)
            .collect::<Vec<_>>()
            .as_slice()
        {
            [Value::Quoted(value), Value::Plain("1")] => value.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn pairs_are_separated_by_semicolons_or_line_breaks() {
        assert_eq!(
            pairs("\u{feff}a=1; b = 2 \r\n\n ;c=;d=x=y"),
            [
                ("a", Value::Plain("1")),
                ("b", Value::Plain("2")),
                ("c", Value::Plain("")),
                ("d", Value::Plain("x=y")),
            ]
        );
    }

    #[test]
    fn a_value_in_quotes_may_hold_a_separator() {
        for (text, expected) in [
            ("'a;b=c'", "a;b=c"),
            ("\"a;b'c\"", "a;b'c"),
            ("'a\nb'", "a\nb"),
            (" 'a;b' ", "a;b"),
            ("''", ""),
            ("' a '", " a "),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn escapes_in_quotes_are_those_of_jaas() {
        for (text, expected) in [
            (r#""a\"b""#, "a\"b"),
            (r"'it\'s'", "it's"),
            (r"'\\'", "\\"),
            (r"'\a\b\f\n\r\t\v'", "\u{7}\u{8}\u{c}\n\r\t\u{b}"),
            (r"'\101\60\0'", "A0\0"),
            // Octal escapes end at \377: after a first digit 4, only one more digit belongs to the character.
            (r"'\477'", "\u{27}7"),
            (r"'\3771'", "ÿ1"),
            (r"'\p\;'", "p;"),
            (r"'é\é'", "éé"),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_pair_is_told_apart() {
        assert_eq!(pairs("a"), [("a", Value::Missing)]);
        assert_eq!(
            pairs("a;=1"),
            [("a", Value::Missing), ("", Value::Plain("1"))]
        );
        assert_eq!(pairs("a='b;c"), [("a", Value::Unclosed)]);
        assert_eq!(pairs(r"a='b\'"), [("a", Value::Unclosed)]);
        assert_eq!(
            pairs("a='b'c;d=1"),
            [("a", Value::Behind), ("d", Value::Plain("1"))]
        );
    }
}

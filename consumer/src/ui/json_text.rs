//! Writes JSON that is harmless in a terminal too.
//!
//! JSON needs no escape for DEL, C1 controls or characters that change the writing direction, but a terminal may take
//! them for commands. They are written as `\u009b`, for instance, which is the same text to every parser.

use std::io::{self, Write};

use kafka_access::escape::steers;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// Writes `value` as JSON in one line.
///
/// # Errors
/// Fails if the output cannot be written.
pub fn write_json(out: &mut impl Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Harmless);
    Ok(value.serialize(&mut serializer)?)
}

struct Harmless;

impl Formatter for Harmless {
    /// Writes a part of a text without quotes, backslashes and C0 controls, which are escaped elsewhere.
    fn write_string_fragment<W>(&mut self, out: &mut W, mut text: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let plain = |byte: u8| byte < 0x7f;
        if text.bytes().all(plain) {
            return out.write_all(text.as_bytes());
        }
        while let Some((at, c)) = text.char_indices().find(|(_, c)| steers(*c)) {
            out.write_all(&text.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            text = &text[at + c.len_utf8()..];
        }
        out.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(text: &str) -> String {
        let mut out = Vec::new();
        write_json(&mut out, text).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        assert_eq!(json("\u{9b}2J\x7f"), r#""\u009b2J\u007f""#);
        assert_eq!(json("\u{202e}asiV\u{feff}"), r#""\u202easiV\ufeff""#);
        // Characters beyond 16 bits are written as two surrogates (RFC 8259, 7).
        assert_eq!(
            json("a\u{e0041}\u{e0042}b"),
            r#""a\udb40\udc41\udb40\udc42b""#
        );
    }

    #[test]
    fn all_else_stands_as_it_is() {
        assert_eq!(
            json("café 日本 👩\u{200d}💻 \"\\\n"),
            r#""café 日本 👩‍💻 \"\\\n""#
        );
    }

    fn character() -> impl Strategy<Value = char> {
        prop_oneof![
            any::<char>(),
            prop::char::range('\0', '\u{ff}'),
            prop::char::range('\u{2000}', '\u{2070}'),
            prop::char::range('\u{e0000}', '\u{e0080}'),
        ]
    }

    proptest! {
        #[test]
        fn it_is_the_same_text_and_harmless(text in prop::collection::vec(character(), 0..20)) {
            let text = String::from_iter(text);
            let json = json(&text);
            prop_assert!(!json.contains(steers), "{json:?}");
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}

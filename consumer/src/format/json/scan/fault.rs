//! The faults that a record's syntax can have.

/// The reason why a record is not JSON. The scanner stands at the place of the fault, which is after the record's last
/// byte if the record ends too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format::json) enum Fault {
    /// JSON requires something else here.
    Expected(Expected),
    /// The record has more than [`MAX_DEPTH`](super::MAX_DEPTH) levels.
    TooDeep,
    /// A string is not UTF-8.
    NotUtf8,
}

/// What JSON would allow at the place of a fault. It is one byte long, so that a result is returned in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format::json) enum Expected {
    Value,
    Object,
    Array,
    Key,
    Colon,
    CommaOrBrace,
    CommaOrBracket,
    Digit,
    HexDigits,
    Escape,
    NoControlCharacter,
}

impl Expected {
    pub(in crate::format::json) fn words(self) -> &'static str {
        match self {
            Self::Value => "a value",
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Key => "a key in quotes",
            Self::Colon => "`:`",
            Self::CommaOrBrace => "`,` or `}`",
            Self::CommaOrBracket => "`,` or `]`",
            Self::Digit => "a digit",
            Self::HexDigits => "four hex digits after `\\u`",
            Self::Escape => "an escape that JSON knows",
            Self::NoControlCharacter => "no bare control character in a string",
        }
    }
}

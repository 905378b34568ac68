//! What can be wrong with a record's syntax.

/// Why a record is not JSON. Where is where the scanner stands then: behind the record's last byte if
/// that came too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format::json) enum Fault {
    /// Something else was needed.
    Expected(Expected),
    /// More than [`MAX_DEPTH`](super::MAX_DEPTH) levels.
    TooDeep,
    /// A string is not UTF-8.
    NotUtf8,
}

/// What could have stood there. A byte long, so that a result comes back in a register.
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

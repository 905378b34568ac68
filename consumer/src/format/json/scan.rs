//! Checks JSON's grammar (RFC 8259) in one pass over a record's bytes. It also accepts three words for floats that JSON
//! has no number for, which Python, DuckDB and Ruby write without quotes.
//!
//! The scanner finds where values begin and end and of what kind they are. It converts nothing, allocates nothing and
//! does not recurse. Every record that it accepts is JSON to its last byte, except for these words, is UTF-8, and is at
//! most [`MAX_DEPTH`] deep. Only strings can hold bytes that are not ASCII, so only strings that do are checked for
//! UTF-8.

mod fault;
mod nested;

pub(super) use fault::{Expected, Fault};

/// The most objects and arrays that may stand inside one another, including the record itself.
pub(super) const MAX_DEPTH: u32 = 128;

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// The kind of JSON value at a [`Span`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpanKind {
    /// There is no value, because the record has no such field.
    Missing,
    Null,
    True,
    False,
    Number,
    /// `NaN`, `Infinity` or `-Infinity`, without quotes.
    NotFinite,
    /// A string without escapes, whose text is the bytes between the quotes.
    Text,
    /// A string with escapes.
    EscapedText,
    Object,
    Array,
}

/// A value's place in the record, including quotes and brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: SpanKind,
}

impl Span {
    pub(super) const MISSING: Self = Self {
        start: 0,
        end: 0,
        kind: SpanKind::Missing,
    };

    /// Returns the place of a string's bytes between its quotes.
    pub(super) fn inside(self) -> std::ops::Range<usize> {
        self.start + 1..self.end.saturating_sub(1)
    }
}

/// A place in a record from which reading goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Passes over `text` if it stands here, and returns whether it does.
    #[inline]
    pub(super) fn take(&mut self, text: &[u8]) -> bool {
        let there = self.rest().starts_with(text);
        if there {
            self.at += text.len();
        }
        there
    }

    /// Passes over this many bytes, which are known to be right.
    #[inline]
    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Returns whether only blanks are left.
    pub(super) fn is_done(&mut self) -> bool {
        self.blank();
        self.at >= self.bytes.len()
    }

    /// Returns the whole record.
    pub(super) fn record(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the bytes that have not been read yet.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Returns the next byte that is not blank.
    #[inline]
    pub(super) fn peek_past_blank(&mut self) -> Option<u8> {
        self.blank();
        self.peek()
    }

    #[inline]
    pub(super) fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Passes over one value and the blanks before it. `depth` is the number of objects and arrays around the value.
    #[inline(always)]
    pub(super) fn value(&mut self, depth: u32) -> Result<Span, Fault> {
        self.blank();
        let start = self.at;
        let kind = match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.nested(depth).map(|()| SpanKind::Object),
            Some(b'[') => self.nested(depth).map(|()| SpanKind::Array),
            _ => self.bare(),
        }?;
        let end = self.at;
        Ok(Span { start, end, kind })
    }

    /// Passes over a number or a word, which have no quotes or brackets.
    #[inline]
    fn bare(&mut self) -> Result<SpanKind, Fault> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => {
                let start = self.at;
                self.number()
                    .or_else(|fault| self.negative_infinity(start, fault))
            }
            _ => self.word(),
        }
    }

    /// Passes over `true`, `false` or `null`.
    #[inline(always)]
    fn word(&mut self) -> Result<SpanKind, Fault> {
        if self.take(b"null") {
            Ok(SpanKind::Null)
        } else if self.take(b"true") {
            Ok(SpanKind::True)
        } else if self.take(b"false") {
            Ok(SpanKind::False)
        } else {
            self.no_word()
        }
    }

    /// Passes over `NaN` or `Infinity`. If the record ends within a word, it goes to the record's end before it fails.
    #[cold]
    fn no_word(&mut self) -> Result<SpanKind, Fault> {
        if self.take(b"NaN") || self.take(b"Infinity") {
            return Ok(SpanKind::NotFinite);
        }
        if self.breaks_off_in(&["null", "true", "false", "NaN", "Infinity"]) {
            self.at = self.bytes.len();
        }
        Err(Fault::Expected(Expected::Value))
    }

    /// Passes over `-Infinity` if it begins at `start`. Otherwise the value there is not a number, and `fault` is the
    /// reason.
    #[cold]
    fn negative_infinity(&mut self, start: usize, fault: Fault) -> Result<SpanKind, Fault> {
        if self.at != start + 1 {
            return Err(fault);
        }
        if self.take(b"Infinity") {
            return Ok(SpanKind::NotFinite);
        }
        if self.breaks_off_in(&["Infinity"]) {
            self.at = self.bytes.len();
        }
        Err(fault)
    }

    /// Returns whether the record ends here in the middle of one of these words.
    fn breaks_off_in(&self, words: &[&str]) -> bool {
        let rest = self.rest();
        !rest.is_empty() && words.iter().any(|word| word.as_bytes().starts_with(rest))
    }

    /// Passes over a string, from its opening quote to the byte after its closing quote.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<SpanKind, Fault> {
        let start = self.at + 1;
        let mut kind = SpanKind::Text;
        let mut ascii = true;
        self.at = start;
        loop {
            ascii &= self.plain_text();
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.escape()?;
                    kind = SpanKind::EscapedText;
                }
                _ => return Err(Fault::Expected(Expected::NoControlCharacter)),
            }
        }
        if !ascii {
            self.utf8(start)?;
        }
        self.at += 1;
        Ok(kind)
    }

    /// Checks that the text from `start` to here is UTF-8.
    #[inline(never)]
    fn utf8(&mut self, start: usize) -> Result<(), Fault> {
        let text = self.bytes.get(start..self.at).unwrap_or_default();
        str::from_utf8(text).map(drop).map_err(|error| {
            self.at = start + error.valid_up_to();
            Fault::NotUtf8
        })
    }

    /// Passes over a string's plain text, up to a quote, a backslash, a control character or the record's end. Returns
    /// whether the text is known to be ASCII.
    ///
    /// It takes eight bytes in each step: `(x - n…) & !x & 0x80…` has the highest bit set of each byte of `x` that is
    /// less than n (at most 0x80). It may also set the bit of bytes above such a byte, which the search for the lowest
    /// set bit does not reach (H. S. Warren, Hacker's Delight, 6-1). With one bit turned, a quote (0x22) directly
    /// follows the control characters (0 to 0x1f), and no other byte comes below it.
    #[inline(always)]
    fn plain_text(&mut self) -> bool {
        let mut seen = 0;
        while let Some(eight) = self.rest().first_chunk::<8>() {
            let word = u64::from_le_bytes(*eight);
            let control_or_quote = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
            let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
            let ends = (control_or_quote | backslash) & !word & HIGHS;
            seen |= word;
            if ends != 0 {
                self.at += (ends.trailing_zeros() / 8) as usize;
                return seen & HIGHS == 0;
            }
            self.at += 8;
        }
        while let Some(byte) = self.peek() {
            if matches!(byte, b'"' | b'\\' | 0..0x20) {
                break;
            }
            seen |= u64::from(byte);
            self.at += 1;
        }
        seen & HIGHS == 0
    }

    /// Passes over a backslash and the characters of its escape. The syntax does not require a surrogate's other half.
    #[cold]
    fn escape(&mut self) -> Result<(), Fault> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    match self.peek() {
                        Some(digit) if digit.is_ascii_hexdigit() => self.at += 1,
                        _ => return Err(Fault::Expected(Expected::HexDigits)),
                    }
                }
            }
            _ => return Err(Fault::Expected(Expected::Escape)),
        }
        Ok(())
    }

    /// Passes over a number in JSON's grammar, such as `-12.5e+3`, without leading zeros or a plus.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Result<SpanKind, Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(SpanKind::Number)
    }

    #[inline(always)]
    fn digits(&mut self) -> Result<(), Fault> {
        let first = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == first {
            return Err(Fault::Expected(Expected::Digit));
        }
        Ok(())
    }
}

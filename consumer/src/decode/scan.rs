//! JSON's grammar (RFC 8259), checked in one pass over a record's bytes.
//!
//! The scanner finds where values begin and end and of what kind they are; it converts nothing and
//! allocates nothing. Whatever it lets pass is JSON to the last byte, at most [`MAX_DEPTH`] deep,
//! without recursion. UTF-8 is not its concern: the record is checked for it as a whole beforehand.

/// How many objects and arrays may stand in one another, the record itself included.
pub(super) const MAX_DEPTH: u32 = 128;

/// What kind of JSON value stands in a [`Span`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No value: the record has no such field.
    Missing,
    Null,
    True,
    False,
    Number,
    /// A string without escapes: its text is what stands between the quotes.
    Text,
    /// A string with escapes.
    EscapedText,
    Object,
    Array,
}

/// A value's place in the record, quotes and brackets included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
}

impl Span {
    pub(super) const MISSING: Self = Self {
        start: 0,
        end: 0,
        kind: Kind::Missing,
    };

    /// What stands between a string's quotes.
    pub(super) fn inside(self) -> std::ops::Range<usize> {
        self.start + 1..self.end.saturating_sub(1)
    }
}

/// Where and why a record is not JSON. `at` counts bytes from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Syntax { at: usize, expected: &'static str },
    Truncated,
    TooDeep { at: usize },
}

/// A place in a record, and what is read from there on.
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

    /// Whether `text` stands here; it is passed over then.
    #[inline]
    pub(super) fn take(&mut self, text: &[u8]) -> bool {
        let there = self.rest().starts_with(text);
        if there {
            self.at += text.len();
        }
        there
    }

    /// Whether nothing but blanks is left.
    pub(super) fn is_done(&mut self) -> bool {
        self.blank();
        self.at >= self.bytes.len()
    }

    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next byte that is not blank.
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

    /// One value, with the blanks before it; `depth` is how many objects and arrays it stands in.
    #[inline]
    pub(super) fn value(&mut self, depth: u32) -> Result<Span, Fault> {
        if matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.blank();
        }
        let start = self.at;
        let kind = match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'{') => {
                self.nested(depth)?;
                Kind::Object
            }
            Some(b'[') => {
                self.nested(depth)?;
                Kind::Array
            }
            _ => self.word()?,
        };
        Ok(Span {
            start,
            end: self.at,
            kind,
        })
    }

    /// `true`, `false` or `null`.
    fn word(&mut self) -> Result<Kind, Fault> {
        let (word, kind) = match self.peek() {
            Some(b't') => ("true", Kind::True),
            Some(b'f') => ("false", Kind::False),
            Some(b'n') => ("null", Kind::Null),
            _ => return Err(self.expected("a value")),
        };
        if self.take(word.as_bytes()) {
            Ok(kind)
        } else if word.as_bytes().starts_with(self.rest()) {
            Err(Fault::Truncated)
        } else {
            Err(self.expected("a value"))
        }
    }

    /// A string, from its opening quote to behind its closing one.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Kind, Fault> {
        let mut kind = Kind::Text;
        let mut at = self.at + 1;
        loop {
            at = plain_text_end(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(kind);
                }
                Some(b'\\') => {
                    self.at = at;
                    self.escape()?;
                    at = self.at;
                    kind = Kind::EscapedText;
                }
                Some(_) => {
                    let expected = "no bare control character in a string";
                    return Err(Fault::Syntax { at, expected });
                }
                None => return Err(Fault::Truncated),
            }
        }
    }

    /// A backslash and what belongs to it. Whether surrogates have their other half is not syntax.
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
                        _ => return Err(self.expected("four hex digits after \\u")),
                    }
                }
            }
            _ => return Err(self.expected("an escape that JSON knows")),
        }
        Ok(())
    }

    /// `-12.5e+3`: a number as JSON has them, without leading zeros or a plus.
    #[inline]
    pub(super) fn number(&mut self) -> Result<Kind, Fault> {
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
        Ok(Kind::Number)
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Fault> {
        let first = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == first {
            return Err(self.expected("a digit"));
        }
        Ok(())
    }

    /// An object or array and all that is in it, without recursion: one bit a level says which it is.
    fn nested(&mut self, depth: u32) -> Result<(), Fault> {
        let mut objects: u128 = 0;
        let mut levels = 0;
        loop {
            let opened = match self.peek_past_blank() {
                Some(open @ (b'{' | b'[')) => {
                    if depth + levels >= MAX_DEPTH {
                        return Err(Fault::TooDeep { at: self.at });
                    }
                    self.at += 1;
                    levels += 1;
                    objects = objects << 1 | u128::from(open == b'{');
                    true
                }
                _ => {
                    self.value(depth)?;
                    false
                }
            };
            if opened {
                let empty = match self.peek_past_blank() {
                    Some(b'}') => objects & 1 == 1,
                    Some(b']') => objects & 1 == 0,
                    _ => false,
                };
                if !empty {
                    if objects & 1 == 1 {
                        self.key()?;
                    }
                    continue;
                }
            } else if self.next_in(objects & 1 == 1)? {
                continue;
            }
            // Here a bracket closes; more may, one behind the other.
            loop {
                self.at += 1;
                objects >>= 1;
                levels -= 1;
                if levels == 0 {
                    return Ok(());
                }
                if self.next_in(objects & 1 == 1)? {
                    break;
                }
            }
        }
    }

    /// Behind an element: passes over a comma, and the key behind it, and says true; or stays before
    /// the closing bracket and says false.
    fn next_in(&mut self, object: bool) -> Result<bool, Fault> {
        match (self.peek_past_blank(), object) {
            (Some(b','), true) => {
                self.at += 1;
                self.key()?;
                Ok(true)
            }
            (Some(b','), false) => {
                self.at += 1;
                Ok(true)
            }
            (Some(b'}'), true) | (Some(b']'), false) => Ok(false),
            (_, true) => Err(self.expected("`,` or `}`")),
            (_, false) => Err(self.expected("`,` or `]`")),
        }
    }

    /// A key and its colon, with the blanks before each of them.
    pub(super) fn key(&mut self) -> Result<Span, Fault> {
        if self.peek_past_blank() != Some(b'"') {
            return Err(self.expected("a key in quotes"));
        }
        let start = self.at;
        let kind = self.string()?;
        let end = self.at;
        if self.peek_past_blank() != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.at += 1;
        Ok(Span { start, end, kind })
    }

    /// Into an object that begins here, or on to its next member: the key, or `None` behind its end.
    /// `first` says which.
    pub(super) fn member(&mut self, first: bool) -> Result<Option<Span>, Fault> {
        if first {
            if self.peek_past_blank() != Some(b'{') {
                return Err(self.expected("an object"));
            }
            self.at += 1;
            if self.peek_past_blank() != Some(b'}') {
                return self.key().map(Some);
            }
        } else if self.peek_past_blank() == Some(b',') {
            self.at += 1;
            return self.key().map(Some);
        } else if self.peek() != Some(b'}') {
            return Err(self.expected("`,` or `}`"));
        }
        self.at += 1;
        Ok(None)
    }

    /// Into an array that begins here, or on to its next element: whether there is one.
    pub(super) fn element(&mut self, first: bool) -> Result<bool, Fault> {
        if first {
            if self.peek_past_blank() != Some(b'[') {
                return Err(self.expected("an array"));
            }
            self.at += 1;
            if self.peek_past_blank() != Some(b']') {
                return Ok(true);
            }
        } else if self.next_in(false)? {
            return Ok(true);
        }
        self.at += 1;
        Ok(false)
    }

    #[cold]
    pub(super) fn expected(&self, expected: &'static str) -> Fault {
        if self.at >= self.bytes.len() {
            Fault::Truncated
        } else {
            Fault::Syntax {
                at: self.at,
                expected,
            }
        }
    }
}

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// The first byte from `at` on that ends plain text in a string: a quote, a backslash or a control
/// character; the record's end if there is none.
///
/// Eight bytes at a time. `(x - 0x01…) & !x & 0x80…` has the highest bit of each byte of `x` set that
/// is zero, and perhaps of bytes above such a one, which the search for the lowest does not see (H. S.
/// Warren, Hacker's Delight, 6-1).
#[inline]
fn plain_text_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*eight);
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let ends = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let ends = ends & HIGHS;
        if ends != 0 {
            return at + (ends.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..0x20) {
            break;
        }
        at += 1;
    }
    at
}

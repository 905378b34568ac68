//! Passes over objects and arrays as a whole, or goes into them, one member or element after the other.

use super::{Expected, Fault, MAX_DEPTH, Scanner, Span};

impl Scanner<'_> {
    /// Passes over an object or array with all its content. It does not recurse: one bit for each level stores whether
    /// that level is an object.
    pub(super) fn nested(&mut self, depth: u32) -> Result<(), Fault> {
        let mut objects: u128 = 0;
        let mut levels = 0;
        loop {
            let opened = match self.peek_past_blank() {
                Some(open @ (b'{' | b'[')) => {
                    if depth + levels >= MAX_DEPTH {
                        return Err(Fault::TooDeep);
                    }
                    self.at += 1;
                    levels += 1;
                    objects = objects << 1 | u128::from(open == b'{');
                    true
                }
                Some(b'"') => {
                    self.string()?;
                    false
                }
                _ => {
                    self.bare()?;
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
            // One bracket closes here. More may close directly after it.
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

    /// Passes over a comma after an element, and in an object over the key after it, and returns true. If the closing
    /// bracket follows the element, stays before it and returns false.
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
            (_, true) => Err(Fault::Expected(Expected::CommaOrBrace)),
            (_, false) => Err(Fault::Expected(Expected::CommaOrBracket)),
        }
    }

    /// Passes over a key and its colon, with the blanks before each of them.
    pub(in crate::format::json) fn key(&mut self) -> Result<Span, Fault> {
        if self.peek_past_blank() != Some(b'"') {
            return Err(Fault::Expected(Expected::Key));
        }
        let start = self.at;
        let kind = self.string()?;
        let end = self.at;
        if self.peek_past_blank() != Some(b':') {
            return Err(Fault::Expected(Expected::Colon));
        }
        self.at += 1;
        Ok(Span { start, end, kind })
    }

    /// Goes into an object that begins here if `first` is true, or else on to the next member. Returns the key, or
    /// `None` after the object's end.
    pub(in crate::format::json) fn member(&mut self, first: bool) -> Result<Option<Span>, Fault> {
        if first {
            if self.peek_past_blank() != Some(b'{') {
                return Err(Fault::Expected(Expected::Object));
            }
            self.at += 1;
            if self.peek_past_blank() != Some(b'}') {
                return self.key().map(Some);
            }
        } else if self.peek_past_blank() == Some(b',') {
            self.at += 1;
            return self.key().map(Some);
        } else if self.peek() != Some(b'}') {
            return Err(Fault::Expected(Expected::CommaOrBrace));
        }
        self.at += 1;
        Ok(None)
    }

    /// Goes into an array that begins here if `first` is true, or else on to the next element. Returns whether there is
    /// one.
    pub(in crate::format::json) fn element(&mut self, first: bool) -> Result<bool, Fault> {
        if first {
            if self.peek_past_blank() != Some(b'[') {
                return Err(Fault::Expected(Expected::Array));
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
}

//! Guesses the next key from the records before: a producer writes its keys in the same order.
//!
//! What stands between two values (`,"amount": `, blanks and all) is called a lead here. Each lead
//! seen is kept together with the column that it leads to and the lead that came next last time. If the
//! record goes on with the very bytes of that one, its syntax is known to be good and its column found,
//! by one comparison. If not, the lead is read byte by byte and remembered.
//!
//! A wrong guess costs time, never a wrong value.

use std::collections::HashMap;

use super::quotes::Quotes;
use super::scan::{Fault, Scanner, Span, SpanKind};
use super::text;

/// The place of a record's column among those read.
pub(super) type Slot = usize;

/// Leads kept, of all kinds of records in the topic. Records whose keys never repeat would fill any table: a full one is
/// begun anew.
const MOST_LEADS: usize = 1024;

/// Longer ones are read byte by byte each time: keys that long are data, and a table of them would take any memory.
const LONGEST_LEAD: usize = 256;

/// The lead with which each record begins to be read: the empty one.
const START: usize = 0;

/// No lead is known to follow.
const NONE: usize = usize::MAX;

/// The columns read by name, and the order in which the last records had them.
#[derive(Debug)]
pub(super) struct Order {
    slots: HashMap<Box<str>, Slot>,
    unread: Slot,
    leads: Vec<Lead>,
    /// Which lead has these bytes.
    known: HashMap<Box<[u8]>, usize>,
    /// The lead behind which the record is now.
    current: usize,
    /// For keys with escapes.
    key: String,
}

/// What stood between two values once.
#[derive(Debug)]
struct Lead {
    bytes: Box<[u8]>,
    slot: Slot,
    /// The lead that followed last time.
    next: usize,
}

impl Lead {
    fn new(bytes: &[u8], slot: Slot) -> Self {
        Self {
            bytes: bytes.into(),
            slot,
            next: NONE,
        }
    }

    /// What follows this lead in `rest`, if that begins with it.
    #[inline(always)]
    fn lead_off<'r>(&self, rest: &'r [u8]) -> Option<&'r [u8]> {
        let (here, behind) = rest.split_at_checked(self.bytes.len())?;
        equal(here, &self.bytes).then_some(behind)
    }
}

/// Whether two texts of the same length are equal. By their first and last bytes, which may overlap, if that is all of
/// them: calls of `memcmp` took a fifth of the decoder's time.
#[inline(always)]
fn equal(a: &[u8], b: &[u8]) -> bool {
    match a.len() {
        8..16 => a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk(),
        16..=32 => {
            a.first_chunk::<16>() == b.first_chunk() && a.last_chunk::<16>() == b.last_chunk()
        }
        _ => a == b,
    }
}

impl Order {
    /// `names` in the order of their slots. What leads to none of them gets the slot behind the last.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let slots: HashMap<Box<str>, Slot> = names.map(Box::from).zip(0..).collect();
        let mut order = Self {
            unread: slots.len(),
            slots,
            leads: Vec::new(),
            known: HashMap::new(),
            current: START,
            key: String::new(),
        };
        order.forget();
        order
    }

    /// To be called at a record's first byte.
    #[inline]
    pub(super) fn restart(&mut self) {
        self.current = START;
    }

    /// Passes over the lead to the next value and says where that belongs; `None` behind the object's
    /// end.
    #[inline]
    pub(super) fn next(&mut self, scanner: &mut Scanner<'_>) -> Result<Option<Slot>, Fault> {
        let guess = self.leads.get(self.current).map_or(NONE, |lead| lead.next);
        if let Some(lead) = self.leads.get(guess)
            && lead.lead_off(scanner.rest()).is_some()
        {
            scanner.skip(lead.bytes.len());
            self.current = guess;
            return Ok(Some(lead.slot));
        }
        self.learn(scanner)
    }

    /// Goes on as long as the record has the leads that are guessed, and says where their values stand. `quotes`
    /// are the record's, which is plain. Whether the object ends there; if not, [`Self::next`] knows why.
    #[inline(always)]
    pub(super) fn follow(
        &mut self,
        scanner: &mut Scanner<'_>,
        quotes: &Quotes,
        spans: &mut [Span],
    ) -> bool {
        let record = scanner.record();
        let mut at = scanner.at();
        let mut ends = false;
        while let Some(rest) = record.get(at..) {
            let guess = self.leads.get(self.current).map_or(NONE, |lead| lead.next);
            let Some((lead, behind)) = self
                .leads
                .get(guess)
                .and_then(|lead| Some((lead, lead.lead_off(rest)?)))
            else {
                ends = rest == b"}" && self.current != START;
                break;
            };
            let start = record.len() - behind.len();
            let value = if behind.first() == Some(&b'"') {
                quotes.next(start + 1).map(|quote| Span {
                    start,
                    end: quote + 1,
                    kind: SpanKind::Text,
                })
            } else {
                Scanner::new(record, start).value(1).ok()
            };
            let Some(value) = value else {
                break;
            };
            if let Some(span) = spans.get_mut(lead.slot) {
                *span = value;
            }
            at = value.end;
            self.current = guess;
        }
        scanner.skip(at - scanner.at() + usize::from(ends));
        ends
    }

    /// As [`Self::next`], byte by byte.
    #[inline(never)]
    fn learn(&mut self, scanner: &mut Scanner<'_>) -> Result<Option<Slot>, Fault> {
        let before = scanner.rest();
        let start = scanner.at();
        let Some(key) = scanner.member(self.current == START)? else {
            return Ok(None);
        };
        scanner.blank();
        let bytes = before.get(..scanner.at() - start).unwrap_or_default();
        let inside = before.get(key.start + 1 - start..key.end - 1 - start);
        let inside = inside.unwrap_or_default();
        if bytes.len() > LONGEST_LEAD {
            self.current = NONE;
            return Ok(Some(self.find(inside, key.kind)));
        }
        let next = match self.known.get(bytes) {
            Some(known) => *known,
            None => {
                if self.leads.len() == MOST_LEADS {
                    self.forget();
                }
                let slot = self.find(inside, key.kind);
                self.known.insert(bytes.into(), self.leads.len());
                self.leads.push(Lead::new(bytes, slot));
                self.leads.len() - 1
            }
        };
        if let Some(lead) = self.leads.get_mut(self.current) {
            lead.next = next;
        }
        self.current = next;
        Ok(self.leads.get(next).map(|lead| lead.slot))
    }

    fn find(&mut self, key: &[u8], kind: SpanKind) -> Slot {
        let Ok(mut key) = str::from_utf8(key) else {
            return self.unread;
        };
        if kind == SpanKind::EscapedText {
            self.key.clear();
            text::unescape(key, &mut self.key);
            key = &self.key;
        }
        self.slots.get(key).copied().unwrap_or(self.unread)
    }

    fn forget(&mut self) {
        self.leads.clear();
        self.known.clear();
        self.leads.push(Lead::new(b"", self.unread));
        // What comes next must not be taken for a record's beginning.
        self.current = NONE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::json::members;

    #[test]
    fn long_keys_are_read_and_not_remembered() {
        let mut order = Order::new(["amount"].into_iter());
        let mut spans = [Span::MISSING];
        let mut quotes = Quotes::default();
        for i in 0..3 {
            let long = format!("{i}{}", "x".repeat(LONGEST_LEAD));
            let record = format!(r#"{{"{long}": 1, "amount": {i}, "{long}": 2}}"#);
            let mut scanner = Scanner::new(record.as_bytes(), 0);
            order.restart();
            let found = quotes.find(record.as_bytes());
            members(&mut scanner, &mut order, found, &mut spans).unwrap();
            let value = &record[spans[0].start..spans[0].end];
            assert_eq!(value, i.to_string());
        }
        // The column's alone, beside the one with which each record begins.
        assert_eq!((order.leads.len(), order.known.len()), (2, 1));
    }
}

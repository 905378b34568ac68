//! Guesses the next key from earlier records, since a producer writes its keys in the same order.
//!
//! The bytes between two values (`,"amount": `, including blanks) are called a lead here. The table stores each lead
//! that was seen, the column that it leads to, and the lead that followed it last time. If the record continues with
//! exactly the bytes of that following lead, a single comparison shows that the syntax is right and which column comes
//! next. If not, the lead is read byte by byte and stored in the table.
//!
//! A wrong guess costs time, and never gives a wrong value.

use std::collections::HashMap;

use super::quotes::Quotes;
use super::scan::{Fault, Scanner, Span, SpanKind};
use super::text;

/// The place of a column among those that are read.
pub(super) type Slot = usize;

/// The most leads that the table stores, for all kinds of records in the topic. Records whose keys never repeat would
/// fill any table, so a full table is cleared and begun anew.
const MOST_LEADS: usize = 1024;

/// The most bytes of a lead that is stored. Longer leads are read byte by byte each time: keys of that length are data,
/// and a table of them would have no limit.
const LONGEST_LEAD: usize = 256;

/// The index of the empty lead, with which the reading of each record begins.
const START: usize = 0;

/// Stands for the index of a lead if none is known to follow.
const NONE: usize = usize::MAX;

/// The columns read by name, and the order in which the last records had them.
#[derive(Debug)]
pub(super) struct Order {
    slots: HashMap<Box<str>, Slot>,
    unread: Slot,
    leads: Vec<Lead>,
    /// The index of the lead that has these bytes.
    known: HashMap<Box<[u8]>, usize>,
    /// The index of the lead after which the record is being read.
    current: usize,
    /// The text of a key that had escapes.
    key: String,
}

/// The bytes that once stood between two values.
#[derive(Debug)]
struct Lead {
    bytes: Box<[u8]>,
    slot: Slot,
    /// The index of the lead that followed last time.
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

    /// Returns the bytes after this lead in `rest`, if `rest` begins with the lead.
    #[inline(always)]
    fn lead_off<'r>(&self, rest: &'r [u8]) -> Option<&'r [u8]> {
        let (here, behind) = rest.split_at_checked(self.bytes.len())?;
        equal(here, &self.bytes).then_some(behind)
    }
}

/// Returns whether two texts of the same length are equal. If their first and last bytes, which may overlap, make up
/// the whole text, only these are compared: calls of `memcmp` took a fifth of the decoder's time.
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
    /// Makes an order for `names`, which are given in the order of their slots. A lead to any other name gets the slot
    /// after the last.
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

    /// Begins a record. It must be called at the record's first byte.
    #[inline]
    pub(super) fn restart(&mut self) {
        self.current = START;
    }

    /// Passes over the lead to the next value and returns that value's slot, or `None` after the object's end.
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

    /// Goes on as long as the record has the leads that are guessed, and stores the places of their values in `spans`.
    /// `quotes` are the quotes of the record, which is plain. Returns whether the object ends there; if it does not,
    /// [`Self::next`] finds out why.
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

    /// Does what [`Self::next`] does, byte by byte, and stores the lead.
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
        // The next lead must not be taken for the beginning of a record.
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
        // The table has the lead to the column and the empty lead with which each record begins, and no other.
        assert_eq!((order.leads.len(), order.known.len()), (2, 1));
    }
}

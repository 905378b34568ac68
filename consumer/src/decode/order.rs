//! Guesses the next key from the records before: a producer writes its keys in the same order.
//!
//! What stands between two values (`,"amount": `, blanks and all) is called a lead here. Each lead
//! seen is kept together with the column that it leads to and the lead that came next last time. If the
//! record goes on with the very bytes of that one, its syntax is known to be good and its column found,
//! by one comparison. If not, the lead is read byte by byte and remembered.
//!
//! A wrong guess costs time, never a wrong value.

use std::collections::HashMap;

use super::scan::{Fault, Kind, Scanner};
use super::text;

/// The place of a record's column among those read.
pub(super) type Slot = usize;

/// Leads kept. Records whose keys never repeat would fill any table: a full one is begun anew.
const MOST_LEADS: usize = 64;

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
    /// The lead behind which the record is now.
    current: usize,
    /// For keys with escapes.
    key: String,
}

/// As wide as nearly every key with its quotes and signs.
const WIDE: usize = 32;

/// What stood between two values once.
#[derive(Debug)]
struct Lead {
    bytes: Box<[u8]>,
    /// The first bytes, padded with zeros, and ones for those that count. Comparing a fixed width takes
    /// a few vector instructions; calls of `memcmp` took a fifth of the decoder's time.
    wide: [u8; WIDE],
    mask: [u8; WIDE],
    slot: Slot,
    /// The lead that followed last time.
    next: usize,
}

impl Lead {
    fn new(bytes: &[u8], slot: Slot) -> Self {
        let mut wide = [0; WIDE];
        let mut mask = [0; WIDE];
        for ((wide, mask), byte) in wide.iter_mut().zip(&mut mask).zip(bytes) {
            *wide = *byte;
            *mask = u8::MAX;
        }
        Self {
            bytes: bytes.into(),
            wide,
            mask,
            slot,
            next: NONE,
        }
    }

    /// Whether `rest` begins with this lead.
    #[inline]
    fn leads(&self, rest: &[u8]) -> bool {
        match rest.first_chunk::<WIDE>() {
            Some(here) if self.bytes.len() <= WIDE => {
                let bytes = here.iter().zip(&self.wide).zip(&self.mask);
                bytes.fold(0, |differ, ((here, wide), mask)| {
                    differ | ((here ^ wide) & mask)
                }) == 0
            }
            _ => rest.starts_with(&self.bytes),
        }
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
            && lead.leads(scanner.rest())
        {
            scanner.skip(lead.bytes.len());
            self.current = guess;
            return Ok(Some(lead.slot));
        }
        self.learn(scanner)
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
        let next = match self.leads.iter().position(|lead| *lead.bytes == *bytes) {
            Some(known) => known,
            None => {
                if self.leads.len() == MOST_LEADS {
                    self.forget();
                }
                let inside = before.get(key.start + 1 - start..key.end - 1 - start);
                let slot = self.find(inside.unwrap_or_default(), key.kind);
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

    fn find(&mut self, key: &[u8], kind: Kind) -> Slot {
        let Ok(mut key) = str::from_utf8(key) else {
            return self.unread;
        };
        if kind == Kind::EscapedText {
            self.key.clear();
            // No column has half a surrogate pair in its name.
            if text::unescape(key, &mut self.key).is_err() {
                return self.unread;
            }
            key = &self.key;
        }
        self.slots.get(key).copied().unwrap_or(self.unread)
    }

    fn forget(&mut self) {
        self.leads.clear();
        self.leads.push(Lead::new(b"", self.unread));
        // What comes next must not be taken for a record's beginning.
        self.current = NONE;
    }
}

//! Makes the sequence of records that a seed stands for.
//!
//! The same settings with the same seed give the same records to the byte on every machine; this includes late,
//! shuffled, bad and suspicious records. So a test can run its own generator to know what a program published. Without
//! a seed the random choices differ from run to run and event time is the real clock. Nothing is allocated per record:
//! each burst is planned into a buffer that is reused.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::bursts::Bursts;
use crate::cards::Pool;
use crate::damage::Damage;
use crate::dice::{Dice, Ratio};
use crate::merchants::{Merchants, Purchase};
use crate::places::COUNTRIES;
use crate::prepared::Prepared;
use crate::transaction::{Channel, Status, Transaction};

/// The event time over which a burst extends, in milliseconds.
const SPREAD_MS: i64 = 2_000;
/// One burst in this many contains a suspicious run.
const SUSPICIOUS_ONE_IN: u32 = 12;
/// The fewest and the most payments of a suspicious run. The burst's size limits the run further.
const SUSPICIOUS_RUN: (u32, u32) = (6, 15);
/// How far the event time of a late record lies back, in milliseconds: a terminal without a connection hands its
/// payments in later.
const LATE_MS: (u32, u32) = (60_000, 900_000);
/// The most places by which a shuffled record moves back within its burst.
const MAX_SHIFT: u32 = 8;
/// One payment in this many is declined; in a suspicious run it is one in [`SUSPICIOUS_DECLINED_ONE_IN`].
const DECLINED_ONE_IN: u32 = 18;
const SUSPICIOUS_DECLINED_ONE_IN: u32 = 4;
/// The time 9999-12-31T23:59:59.999Z, in milliseconds since 1970. RFC 3339 has no later time.
const END_OF_TIME_MS: i64 = 253_402_300_799_999;

/// The settings that decide the records.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratorSettings {
    /// The seed that makes the records repeatable; `None` for other records in each run.
    pub seed: Option<u64>,
    /// The event time of the first burst when there is a seed.
    pub event_time_start: DateTime<Utc>,
    /// The sizes of bursts and the pauses between them.
    pub bursts: Bursts,
    /// The share of the records whose event time lies 1 to 15 minutes back.
    pub late_ratio: Ratio,
    /// The share of the records that come up to eight places after their turn. They stay within their burst, and
    /// therefore within two seconds of event time.
    pub out_of_order: Ratio,
    /// The share of the records that are damaged.
    pub bad_ratio: Ratio,
    /// The number of cards in the pool; each brand has at least one.
    pub cards: u32,
}

impl Default for GeneratorSettings {
    fn default() -> Self {
        Self {
            seed: None,
            event_time_start: default_event_time_start(),
            bursts: Bursts::default(),
            late_ratio: Ratio::NONE,
            out_of_order: Ratio::NONE,
            bad_ratio: Ratio::NONE,
            cards: 2_000,
        }
    }
}

/// Returns 2020-01-01T00:00:00Z. Simulated time runs far ahead of a load's real duration. From this start it takes
/// years until simulated time reaches the present and would be taken for the future.
fn default_event_time_start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + chrono::TimeDelta::days(18_262)
}

/// One record to publish, borrowed from the generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The masked card number. It is stable and unique in the pool, so that all records of a card go to one partition.
    pub key: &'a [u8],
    /// The transaction's JSON, or the bytes that the damage left.
    pub payload: &'a [u8],
    /// The transaction, unless the record is bad.
    pub transaction: Option<Transaction<'a>>,
    /// What is wrong with the record, if it is bad.
    pub damage: Option<Damage>,
    /// Whether the event time was set back by `late_ratio`.
    pub late: bool,
    /// Whether the payment belongs to a suspicious run.
    pub suspicious: bool,
    /// The pause after this record, when it is the last of its burst.
    pub pause: Option<Duration>,
}

/// A planned transaction that refers to its card and merchant by index instead of borrowing their text.
#[derive(Debug, Clone, Copy)]
struct Planned {
    id: u128,
    at_ms: i64,
    card: u32,
    purchase: Purchase,
    status: Status,
    late: bool,
    suspicious: bool,
}

/// The source of event time.
#[derive(Debug)]
enum Clock {
    /// Event time is simulated: the next burst starts at this time, in milliseconds since 1970.
    Simulated { next_ms: i64 },
    /// Event time is the real clock: a burst ends now, but no payment lies before the end of the last burst (`last_ms`,
    /// in milliseconds since 1970).
    Real { last_ms: i64 },
}

/// An endless sequence of records.
#[derive(Debug)]
pub struct Generator {
    settings: GeneratorSettings,
    dice: Dice,
    cards: Pool,
    merchants: Merchants,
    prepared: Prepared,
    clock: Clock,
    burst: Vec<Planned>,
    next: usize,
    pause: Duration,
    payload: Vec<u8>,
}

impl Generator {
    /// Makes a generator that stands before its first record.
    pub fn new(settings: GeneratorSettings) -> Self {
        let mut dice = Dice::new(settings.seed.unwrap_or_else(rand::random));
        let cards = Pool::new(settings.cards, &mut dice);
        let merchants = Merchants::new(&mut dice);
        let clock = match settings.seed {
            Some(_) => Clock::Simulated {
                next_ms: settings.event_time_start.timestamp_millis(),
            },
            None => Clock::Real { last_ms: i64::MIN },
        };
        Self {
            settings,
            dice,
            prepared: Prepared::new(&cards, &merchants),
            cards,
            merchants,
            clock,
            burst: Vec::new(),
            next: 0,
            pause: Duration::ZERO,
            payload: Vec::with_capacity(512),
        }
    }

    /// Makes the next record. It is valid until the next call.
    pub fn next_record(&mut self) -> Record<'_> {
        if self.next == self.burst.len() {
            self.plan_burst();
        }
        let planned = self.burst[self.next];
        self.next += 1;
        let transaction = transaction(&planned, &self.cards, &self.merchants);
        self.payload.clear();
        transaction.write_json_with(
            self.prepared.card(planned.card),
            self.prepared.merchant(planned.purchase.merchant),
            &mut self.payload,
        );
        let damage = match self.dice.chance(self.settings.bad_ratio) {
            true => Some(Damage::draw(&mut self.dice)),
            false => None,
        };
        if let Some(damage) = damage {
            damage.apply(&mut self.payload, &mut self.dice);
        }
        Record {
            key: transaction.card_number.as_bytes(),
            payload: &self.payload,
            transaction: damage.is_none().then_some(transaction),
            damage,
            late: planned.late,
            suspicious: planned.suspicious,
            pause: (self.next == self.burst.len()).then_some(self.pause),
        }
    }

    /// Plans the next burst: its transactions in the order of sending, and the pause after it.
    fn plan_burst(&mut self) {
        let size = self.settings.bursts.size(&mut self.dice);
        self.pause = self.settings.bursts.pause(&mut self.dice);
        let start_ms = match self.clock {
            Clock::Simulated { next_ms } => next_ms,
            Clock::Real { .. } => Utc::now().timestamp_millis() - SPREAD_MS,
        };
        let run = self.suspicious_run(size);
        let suspect = run.as_ref().map(|_| self.cards.draw(&mut self.dice));
        self.burst.clear();
        self.next = 0;
        let mut last_ms = start_ms;
        for place in 0..size {
            last_ms = self.event_time(start_ms, place, size);
            let suspect = suspect.filter(|_| run.as_ref().is_some_and(|run| run.contains(&place)));
            let planned = self.plan(last_ms, suspect);
            self.burst.push(planned);
        }
        match &mut self.clock {
            Clock::Simulated { next_ms } => {
                let next = last_ms.saturating_add(self.pause.as_millis() as i64);
                *next_ms = next.min(END_OF_TIME_MS - SPREAD_MS);
            }
            Clock::Real { last_ms: previous } => *previous = last_ms,
        }
        self.set_some_back();
        self.shuffle_some();
    }

    /// Draws whether a burst of `size` has a suspicious run, and returns the places that the run takes; few bursts have
    /// one.
    fn suspicious_run(&mut self, size: u32) -> Option<std::ops::Range<u32>> {
        let length = self
            .dice
            .between(SUSPICIOUS_RUN.0, SUSPICIOUS_RUN.1)
            .min(size);
        if !self.dice.one_in(SUSPICIOUS_ONE_IN) || length < SUSPICIOUS_RUN.0 {
            return None;
        }
        let first = self.dice.between(0, size - length);
        Some(first..first + length)
    }

    /// Returns the event time of one place in a burst, in milliseconds since 1970. Times rise with the place and spread
    /// over [`SPREAD_MS`].
    fn event_time(&mut self, start_ms: i64, place: u32, size: u32) -> i64 {
        let (place, size) = (i64::from(place), i64::from(size));
        let jitter = self.dice.below((SPREAD_MS / size) as u32);
        let at_ms = start_ms + SPREAD_MS * place / size + i64::from(jitter);
        match self.clock {
            Clock::Simulated { .. } => at_ms,
            Clock::Real { last_ms } => at_ms.max(last_ms),
        }
    }

    fn plan(&mut self, at_ms: i64, suspect: Option<u32>) -> Planned {
        let card = suspect.unwrap_or_else(|| self.cards.draw(&mut self.dice));
        let home = self.cards.get(card);
        let purchase = match suspect {
            Some(_) => self.merchants.trial(home.country, &mut self.dice),
            None => self
                .merchants
                .purchase(home.country, home.city, &mut self.dice),
        };
        let declined_one_in = match suspect {
            Some(_) => SUSPICIOUS_DECLINED_ONE_IN,
            None => DECLINED_ONE_IN,
        };
        let status = match self.dice.one_in(declined_one_in) {
            true => Status::Declined(decline_reason(purchase.channel, &mut self.dice)),
            false => Status::Approved,
        };
        Planned {
            id: self.dice.bits(),
            at_ms,
            card,
            purchase,
            status,
            late: false,
            suspicious: suspect.is_some(),
        }
    }

    /// Makes some records late: sets their event time back.
    fn set_some_back(&mut self) {
        for planned in &mut self.burst {
            if self.dice.chance(self.settings.late_ratio) {
                planned.at_ms -= i64::from(self.dice.between(LATE_MS.0, LATE_MS.1));
                planned.late = true;
            }
        }
    }

    /// Moves some records back, so that each of these, and no other record, is out of order.
    fn shuffle_some(&mut self) {
        let last = self.burst.len() - 1;
        for place in 0..last {
            if self.dice.chance(self.settings.out_of_order) {
                let shift = self.dice.between(1, MAX_SHIFT) as usize;
                self.burst[place..=(place + shift).min(last)].rotate_left(1);
            }
        }
    }
}

fn transaction<'a>(
    planned: &Planned,
    cards: &'a Pool,
    merchants: &'a Merchants,
) -> Transaction<'a> {
    let card = cards.get(planned.card);
    let merchant = merchants.get(planned.purchase.merchant);
    let country = &COUNTRIES[merchant.country];
    Transaction {
        id: planned.id,
        timestamp: DateTime::from_timestamp_millis(planned.at_ms).unwrap_or_default(),
        card_number: &card.masked,
        card_brand: card.brand,
        card_holder: &card.holder,
        amount: planned.purchase.amount,
        currency: country.currency,
        merchant: &merchant.name,
        category: merchant.category,
        city: merchant.city,
        country: country.code,
        channel: planned.purchase.channel,
        status: planned.status,
    }
}

/// Draws the reason for which a payment is declined. Some reasons exist only where a PIN or a security code is asked
/// for.
fn decline_reason(channel: Channel, dice: &mut Dice) -> &'static str {
    match dice.below(100) {
        0..45 => "insufficient_funds",
        45..65 => "do_not_honor",
        65..80 => "limit_exceeded",
        80..88 => "suspected_fraud",
        88..92 => "issuer_unavailable",
        _ => match channel {
            Channel::Pos | Channel::Atm => "incorrect_pin",
            Channel::Online => "incorrect_security_code",
            Channel::Contactless => "pin_required",
        },
    }
}

#[cfg(test)]
mod tests;

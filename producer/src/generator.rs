//! The sequence of records that a seed stands for.
//!
//! Guarantees that the same settings with the same seed give the same records to the byte, late,
//! shuffled, bad and suspicious ones included, on every machine; a test can run its own generator
//! to know what a program published. Without a seed chance is fresh and event time is the real
//! clock. Nothing is allocated per record: bursts are planned into a buffer that is kept.

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

/// Event time that a burst extends over.
const SPREAD_MS: i64 = 2_000;
/// One burst in so many contains a suspicious run.
const SUSPICIOUS_ONE_IN: u32 = 12;
/// Payments of a suspicious run, as far as the burst has room.
const SUSPICIOUS_RUN: (u32, u32) = (6, 15);
/// How far late records lie back: what a terminal without connection hands in afterwards.
const LATE_MS: (u32, u32) = (60_000, 900_000);
/// Places that a shuffled record is moved back, at most, within its burst.
const MAX_SHIFT: u32 = 8;
/// One payment in so many is declined; of a suspicious run, one in [`SUSPICIOUS_DECLINED_ONE_IN`].
const DECLINED_ONE_IN: u32 = 18;
const SUSPICIOUS_DECLINED_ONE_IN: u32 = 4;
/// 9999-12-31T23:59:59.999Z: RFC 3339 has no later time.
const END_OF_TIME_MS: i64 = 253_402_300_799_999;

/// What decides the records.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratorSettings {
    /// Makes the records repeatable.
    pub seed: Option<u64>,
    /// Where event time starts when there is a seed.
    pub event_time_start: DateTime<Utc>,
    /// Sizes and pauses.
    pub bursts: Bursts,
    /// Records whose event time lies 1 to 15 minutes back.
    pub late_ratio: Ratio,
    /// Records that come up to eight places after their turn, within their burst and therefore
    /// within two seconds of event time.
    pub out_of_order: Ratio,
    /// Records that are damaged.
    pub bad_ratio: Ratio,
    /// Size of the pool of cards; each brand has at least one.
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

/// 2020-01-01T00:00:00Z. Simulated time runs far ahead of a load's real duration; from there it
/// has years until it would reach the present and be taken for the future.
fn default_event_time_start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + chrono::TimeDelta::days(18_262)
}

/// One record to publish, borrowed from the generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The masked card number: stable and unique in the pool, so that a card keeps its partition.
    pub key: &'a [u8],
    /// The transaction's JSON, or what damage left of it.
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

/// A planned transaction, in indexes in place of borrowed text.
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

/// Where event time comes from.
#[derive(Debug)]
enum Clock {
    /// The next burst starts at this time.
    Simulated { next_ms: i64 },
    /// Bursts end now, but never before the last one ended.
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
    /// A generator at its first record.
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

    /// The next record.
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

    /// The places of a burst of `size` that a suspicious run takes, in a few bursts.
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

    /// The time of one place in a burst: in order, spread over [`SPREAD_MS`].
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

    fn set_some_back(&mut self) {
        for planned in &mut self.burst {
            if self.dice.chance(self.settings.late_ratio) {
                planned.at_ms -= i64::from(self.dice.between(LATE_MS.0, LATE_MS.1));
                planned.late = true;
            }
        }
    }

    /// Moves some records back, so that each of them, and no other, is out of order.
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

/// Why a payment is declined; some reasons exist only where a PIN or a security code is asked.
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

//! Writes one card transaction as JSON.
//!
//! The consumer's schema is written for these fields, their order and their form. Amounts are whole cents and are
//! written with exactly two decimals. Writing allocates nothing beyond the buffer that it is given.

use std::fmt;

use chrono::{DateTime, Datelike, Timelike, Utc};

use crate::cards::Brand;

/// An amount of money in hundredths of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cents(i64);

impl Cents {
    /// Makes an amount of `cents` hundredths.
    pub const fn new(cents: i64) -> Self {
        Self(cents)
    }

    /// Returns the number of hundredths.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

/// How the card was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The card was used with chip and PIN at a terminal.
    Pos,
    /// The card was held to a terminal.
    Contactless,
    /// The card was used without being there.
    Online,
    /// The card was used to withdraw cash.
    Atm,
}

impl Channel {
    /// Returns the name as it stands in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pos => "pos",
            Self::Contactless => "contactless",
            Self::Online => "online",
            Self::Atm => "atm",
        }
    }
}

/// Whether the issuer approved the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The issuer approved it.
    Approved,
    /// The issuer declined it, for this reason as it stands in records, for instance `insufficient_funds`.
    Declined(&'static str),
}

impl Status {
    /// Returns the name as it stands in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Declined(_) => "declined",
        }
    }
}

/// One card transaction, borrowed from the generator that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transaction<'a> {
    /// The id. It is written in the form of a version 4 UUID, which replaces six of the bits.
    pub id: u128,
    /// Event time: when the card was used.
    pub timestamp: DateTime<Utc>,
    /// The masked number: the first six and the last four digits. The full number is stored nowhere.
    pub card_number: &'a str,
    /// The card's network.
    pub card_brand: Brand,
    /// The holder's first and last name.
    pub card_holder: &'a str,
    /// The amount in hundredths of `currency`.
    pub amount: Cents,
    /// The currency's ISO 4217 code.
    pub currency: &'a str,
    /// The merchant's name.
    pub merchant: &'a str,
    /// What the merchant sells.
    pub category: &'a str,
    /// The city in which the merchant is.
    pub city: &'a str,
    /// The ISO 3166-1 alpha-2 code of the country in which the merchant is.
    pub country: &'a str,
    /// How the card was used.
    pub channel: Channel,
    /// Whether the issuer approved the payment.
    pub status: Status,
}

impl Transaction<'_> {
    /// Appends the transaction to `out` as one JSON object without a line break, about 340 bytes.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        write_start(out, self.id, self.timestamp);
        write_card(out, self.card_number, self.card_brand, self.card_holder);
        write_amount(out, self.amount);
        write_merchant(
            out,
            self.currency,
            self.merchant,
            self.category,
            self.city,
            self.country,
        );
        write_end(out, self.channel, self.status);
    }

    /// Appends the same JSON as [`write_json`](Self::write_json), but copies the fields that [`write_card`] and
    /// [`write_merchant`] wrote before. These are two thirds of the object and the same for each payment.
    pub(crate) fn write_json_with(&self, card: &[u8], merchant: &[u8], out: &mut Vec<u8>) {
        write_start(out, self.id, self.timestamp);
        out.extend_from_slice(card);
        write_amount(out, self.amount);
        out.extend_from_slice(merchant);
        write_end(out, self.channel, self.status);
    }
}

fn write_start(out: &mut Vec<u8>, id: u128, timestamp: DateTime<Utc>) {
    out.extend_from_slice(br#"{"transaction_id":""#);
    out.extend_from_slice(&uuid(id));
    out.extend_from_slice(br#"","timestamp":""#);
    out.extend_from_slice(&rfc3339(timestamp));
    out.push(b'"');
}

/// Appends the fields from the card's number to its holder.
pub(crate) fn write_card(out: &mut Vec<u8>, number: &str, brand: Brand, holder: &str) {
    write_text(out, br#","card_number":"#, number);
    write_text(out, br#","card_brand":"#, brand.name());
    write_text(out, br#","card_holder":"#, holder);
}

/// Appends the fields from the currency to the country.
pub(crate) fn write_merchant(
    out: &mut Vec<u8>,
    currency: &str,
    merchant: &str,
    category: &str,
    city: &str,
    country: &str,
) {
    write_text(out, br#","currency":"#, currency);
    write_text(out, br#","merchant":"#, merchant);
    write_text(out, br#","category":"#, category);
    write_text(out, br#","city":"#, city);
    write_text(out, br#","country":"#, country);
}

fn write_end(out: &mut Vec<u8>, channel: Channel, status: Status) {
    write_text(out, br#","channel":"#, channel.name());
    write_text(out, br#","status":"#, status.name());
    match status {
        Status::Approved => out.extend_from_slice(br#","decline_reason":null"#),
        Status::Declined(reason) => write_text(out, br#","decline_reason":"#, reason),
    }
    out.push(b'}');
}

fn write_text(out: &mut Vec<u8>, field: &[u8], text: &str) {
    out.extend_from_slice(field);
    out.push(b'"');
    let escaped = |byte: u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    // Nearly all text needs no escape and is copied as it is.
    if !text.bytes().any(escaped) {
        out.extend_from_slice(text.as_bytes());
    } else {
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                0..0x20 => {
                    out.extend_from_slice(b"\\u00");
                    out.extend_from_slice(&[hex(byte >> 4), hex(byte & 15)]);
                }
                _ => out.push(byte),
            }
        }
    }
    out.push(b'"');
}

fn write_amount(out: &mut Vec<u8>, amount: Cents) {
    out.extend_from_slice(br#","amount":"#);
    if amount.0 < 0 {
        out.push(b'-');
    }
    let cents = amount.0.unsigned_abs();
    // The buffer holds the 18 digits that the largest amount has before the point, the point, and two digits after it.
    let mut text = [b'0'; 21];
    text[18] = b'.';
    put_digits(&mut text[19..], cents % 100);
    let (mut first, mut whole) = (18, cents / 100);
    while whole > 0 || first == 18 {
        first -= 1;
        text[first] = b'0' + (whole % 10) as u8;
        whole /= 10;
    }
    out.extend_from_slice(&text[first..]);
}

/// Fills `out` with the last digits of `number`.
fn put_digits(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Returns the time in the form of RFC 3339 with milliseconds, in UTC.
fn rfc3339(time: DateTime<Utc>) -> [u8; 24] {
    let mut out = *b"0000-00-00T00:00:00.000Z";
    // The time zone is dropped once: each getter of a time with a zone would look the zone up again.
    let time = time.naive_utc();
    let (date, time) = (time.date(), time.time());
    put_digits(&mut out[..4], date.year().clamp(0, 9999) as u64);
    put_digits(&mut out[5..7], u64::from(date.month()));
    put_digits(&mut out[8..10], u64::from(date.day()));
    put_digits(&mut out[11..13], u64::from(time.hour()));
    put_digits(&mut out[14..16], u64::from(time.minute()));
    put_digits(&mut out[17..19], u64::from(time.second()));
    // During a leap second chrono counts the nanoseconds past 999,999,999; they are cut to 999 milliseconds.
    put_digits(
        &mut out[20..23],
        u64::from(time.nanosecond() / 1_000_000).min(999),
    );
    out
}

/// Returns the text of a version 4 UUID (RFC 9562): 122 bits come from `bits`, the others are fixed.
fn uuid(bits: u128) -> [u8; 36] {
    let version = bits & !(0xf << 76) | 4 << 76;
    let uuid = version & !(0b11 << 62) | 0b10 << 62;
    let mut out = [b'-'; 36];
    let mut place = 0;
    for (index, byte) in uuid.to_be_bytes().into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            place += 1;
        }
        out[place] = hex(byte >> 4);
        out[place + 1] = hex(byte & 15);
        place += 2;
    }
    out
}

const fn hex(nibble: u8) -> u8 {
    b"0123456789abcdef"[nibble as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction() -> Transaction<'static> {
        Transaction {
            id: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef,
            timestamp: "2026-03-04T05:06:07.089Z".parse().unwrap(),
            card_number: "453201******1234",
            card_brand: Brand::Visa,
            card_holder: "Zoë \"Z\" O'Hara\\\u{1}",
            amount: Cents::new(1250),
            currency: "EUR",
            merchant: "Martin Bakery",
            category: "coffee",
            city: "Köln",
            country: "DE",
            channel: Channel::Contactless,
            status: Status::Approved,
        }
    }

    fn json(transaction: &Transaction<'_>) -> String {
        let mut out = Vec::new();
        transaction.write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_has_all_fields_in_order() {
        assert_eq!(
            json(&Transaction {
                card_holder: "Zoë Hara",
                ..transaction()
            }),
            r#"{"transaction_id":"01234567-89ab-4def-8123-456789abcdef","timestamp":"2026-03-04T05:06:07.089Z","card_number":"453201******1234","card_brand":"Visa","card_holder":"Zoë Hara","amount":12.50,"currency":"EUR","merchant":"Martin Bakery","category":"coffee","city":"Köln","country":"DE","channel":"contactless","status":"approved","decline_reason":null}"#
        );
    }

    #[test]
    fn text_is_escaped() {
        let value: serde_json::Value = serde_json::from_str(&json(&transaction())).unwrap();
        assert_eq!(value["card_holder"], "Zoë \"Z\" O'Hara\\\u{1}");
    }

    #[test]
    fn a_decline_names_its_reason() {
        let declined = Transaction {
            status: Status::Declined("do_not_honor"),
            ..transaction()
        };
        let value: serde_json::Value = serde_json::from_str(&json(&declined)).unwrap();
        assert_eq!(value["status"], "declined");
        assert_eq!(value["decline_reason"], "do_not_honor");
    }

    #[test]
    fn amounts_have_exactly_two_decimals() {
        for (cents, text) in [
            (0, "0.00"),
            (5, "0.05"),
            (50, "0.50"),
            (100, "1.00"),
            (123_456, "1234.56"),
            (-5, "-0.05"),
        ] {
            let mut out = Vec::new();
            write_amount(&mut out, Cents::new(cents));
            assert_eq!(out, format!(",\"amount\":{text}").as_bytes());
            assert_eq!(Cents::new(cents).to_string(), text);
        }
    }
}

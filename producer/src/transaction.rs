//! One card transaction and its JSON.
//!
//! The fields, their order and their form are what the consumer's schema is written for. Amounts
//! are whole cents and are written with exactly two decimals. Writing allocates nothing beyond the
//! buffer it is given.

use std::fmt;

use chrono::{DateTime, Datelike, Timelike, Utc};

use crate::cards::Brand;

/// An amount of money in hundredths of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cents(i64);

impl Cents {
    /// An amount of `cents` hundredths.
    pub const fn new(cents: i64) -> Self {
        Self(cents)
    }

    /// The number of hundredths.
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
    /// Chip and PIN at a terminal.
    Pos,
    /// Held to a terminal.
    Contactless,
    /// Without the card being there.
    Online,
    /// Cash withdrawn.
    Atm,
}

impl Channel {
    /// The name as records carry it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pos => "pos",
            Self::Contactless => "contactless",
            Self::Online => "online",
            Self::Atm => "atm",
        }
    }
}

/// Whether the issuer agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It did.
    Approved,
    /// It did not, with the reason as records carry it, for instance `insufficient_funds`.
    Declined(&'static str),
}

impl Status {
    /// The name as records carry it.
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
    /// Written in the form of a version 4 UUID, which replaces six of the bits.
    pub id: u128,
    /// Event time: when the card was used.
    pub timestamp: DateTime<Utc>,
    /// First six and last four digits; the full number is not kept anywhere.
    pub card_number: &'a str,
    /// The card's network.
    pub card_brand: Brand,
    /// First and last name.
    pub card_holder: &'a str,
    /// In `currency`.
    pub amount: Cents,
    /// ISO 4217 code.
    pub currency: &'a str,
    /// The merchant's name.
    pub merchant: &'a str,
    /// What the merchant sells.
    pub category: &'a str,
    /// Where the merchant is.
    pub city: &'a str,
    /// ISO 3166-1 alpha-2 code of where the merchant is.
    pub country: &'a str,
    /// How the card was used.
    pub channel: Channel,
    /// Whether the issuer agreed.
    pub status: Status,
}

impl Transaction<'_> {
    /// Appends the transaction to `out` as one JSON object without line break, about 340 bytes.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"transaction_id":""#);
        write_uuid(out, self.id);
        out.extend_from_slice(br#"","timestamp":""#);
        write_timestamp(out, self.timestamp);
        out.push(b'"');
        write_text(out, br#","card_number":"#, self.card_number);
        write_text(out, br#","card_brand":"#, self.card_brand.name());
        write_text(out, br#","card_holder":"#, self.card_holder);
        out.extend_from_slice(br#","amount":"#);
        write_amount(out, self.amount);
        write_text(out, br#","currency":"#, self.currency);
        write_text(out, br#","merchant":"#, self.merchant);
        write_text(out, br#","category":"#, self.category);
        write_text(out, br#","city":"#, self.city);
        write_text(out, br#","country":"#, self.country);
        write_text(out, br#","channel":"#, self.channel.name());
        write_text(out, br#","status":"#, self.status.name());
        match self.status {
            Status::Approved => out.extend_from_slice(br#","decline_reason":null"#),
            Status::Declined(reason) => write_text(out, br#","decline_reason":"#, reason),
        }
        out.push(b'}');
    }
}

fn write_text(out: &mut Vec<u8>, field: &[u8], text: &str) {
    out.extend_from_slice(field);
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[hex(byte >> 4), hex(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// A number of at most 20 digits, with at least `width` of them.
fn write_number(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    while number > 0 {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits[first.min(digits.len() - width)..]);
}

fn write_amount(out: &mut Vec<u8>, amount: Cents) {
    if amount.0 < 0 {
        out.push(b'-');
    }
    let cents = amount.0.unsigned_abs();
    write_number(out, cents / 100, 1);
    out.push(b'.');
    write_number(out, cents % 100, 2);
}

/// RFC 3339 with milliseconds, in UTC.
fn write_timestamp(out: &mut Vec<u8>, time: DateTime<Utc>) {
    let year = time.year().clamp(0, 9999) as u64;
    let parts = [
        (year, 4, b'-'),
        (u64::from(time.month()), 2, b'-'),
        (u64::from(time.day()), 2, b'T'),
        (u64::from(time.hour()), 2, b':'),
        (u64::from(time.minute()), 2, b':'),
        (u64::from(time.second()), 2, b'.'),
        (u64::from(time.timestamp_subsec_millis()), 3, b'Z'),
    ];
    for (number, width, end) in parts {
        write_number(out, number, width);
        out.push(end);
    }
}

/// RFC 9562, version 4: 122 of the bits are free.
fn write_uuid(out: &mut Vec<u8>, bits: u128) {
    let version = bits & !(0xf << 76) | 4 << 76;
    let uuid = version & !(0b11 << 62) | 0b10 << 62;
    for (place, byte) in uuid.to_be_bytes().into_iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend_from_slice(&[hex(byte >> 4), hex(byte & 15)]);
    }
}

const fn hex(nibble: u8) -> u8 {
    match nibble {
        0..10 => b'0' + nibble,
        _ => b'a' + nibble - 10,
    }
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
            assert_eq!(out, text.as_bytes());
            assert_eq!(Cents::new(cents).to_string(), text);
        }
    }
}

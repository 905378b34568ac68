//! Makes bad records like those that happen in production.
//!
//! A damaged payload is never one valid transaction: a consumer that reads the damaged field has to notice every kind
//! of damage.

use crate::dice::Dice;

/// What is wrong with a bad record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Damage {
    /// The JSON object is cut off in the middle.
    Truncated,
    /// The payload is some other text, not JSON.
    NotJson,
    /// The amount is a string that includes the currency. The payload is still JSON, and a query that does not read the
    /// amount reads it without an error.
    AmountAsText,
    /// The payload has no bytes. It is an empty value, not a null one, so the record is no tombstone.
    Empty,
    /// The payload is the object twice, without anything between.
    TwoObjects,
    /// The holder's name contains a byte that never occurs in UTF-8.
    InvalidUtf8,
}

const STRAY: [&[u8]; 4] = [
    b"upstream connect error or disconnect/reset before headers",
    b"<transaction><amount>12.50</amount></transaction>",
    b"4a8f,2026-03-04 05:06:07,12.50,EUR,approved",
    b"[object Object]",
];

impl Damage {
    /// All kinds of damage.
    pub const ALL: [Self; 6] = [
        Self::Truncated,
        Self::NotJson,
        Self::AmountAsText,
        Self::Empty,
        Self::TwoObjects,
        Self::InvalidUtf8,
    ];

    pub(crate) fn draw(dice: &mut Dice) -> Self {
        dice.pick(&Self::ALL)
    }

    /// Damages `payload`, which holds the JSON of one transaction.
    pub(crate) fn apply(self, payload: &mut Vec<u8>, dice: &mut Dice) {
        match self {
            Self::Truncated => {
                let keep = dice.between(1, payload.len().max(2) as u32 - 1);
                payload.truncate(keep as usize);
            }
            Self::NotJson => {
                payload.clear();
                payload.extend_from_slice(dice.pick(&STRAY));
            }
            Self::AmountAsText => {
                if let Some(start) = after(payload, br#""amount":"#) {
                    let digits = payload[start..]
                        .iter()
                        .take_while(|&&byte| byte != b',')
                        .count();
                    payload.splice(start + digits..start + digits, *b" EUR\"");
                    payload.insert(start, b'"');
                }
            }
            Self::Empty => payload.clear(),
            Self::TwoObjects => payload.extend_from_within(..),
            Self::InvalidUtf8 => {
                // The byte 0xFF occurs in no UTF-8 text, whatever surrounds it.
                if let Some(start) = after(payload, br#""card_holder":""#) {
                    payload[start] = 0xff;
                }
            }
        }
    }
}

/// Returns the position after the first `needle` in `haystack`.
fn after(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let at = haystack
        .windows(needle.len())
        .position(|window| window == needle)?;
    Some(at + needle.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = br#"{"card_holder":"Ann Lee","amount":12.50,"currency":"EUR"}"#;

    fn damaged(damage: Damage, seed: u64) -> Vec<u8> {
        let mut payload = GOOD.to_vec();
        damage.apply(&mut payload, &mut Dice::new(seed));
        payload
    }

    #[test]
    fn all_but_the_amounts_type_is_no_json() {
        for damage in Damage::ALL {
            for seed in 0..100 {
                let payload = damaged(damage, seed);
                let parsed = serde_json::from_slice::<serde_json::Value>(&payload);
                assert_eq!(parsed.is_ok(), damage == Damage::AmountAsText, "{damage:?}");
            }
        }
    }

    #[test]
    fn amount_becomes_a_string() {
        let text = String::from_utf8(damaged(Damage::AmountAsText, 1)).unwrap();
        assert_eq!(
            text,
            r#"{"card_holder":"Ann Lee","amount":"12.50 EUR","currency":"EUR"}"#
        );
    }

    #[test]
    fn invalid_utf8_is_invalid() {
        assert!(String::from_utf8(damaged(Damage::InvalidUtf8, 1)).is_err());
    }
}

//! Prepares the parts of a record's JSON that are the same for all payments of a card or at a merchant.
//!
//! These parts are two thirds of a record. They are written once and then copied into each record.

use crate::cards::{Card, Pool};
use crate::merchants::{Merchant, Merchants};
use crate::places::COUNTRIES;
use crate::transaction::{write_card, write_merchant};

/// The JSON fields of all cards and merchants, by their indexes.
#[derive(Debug)]
pub(crate) struct Prepared {
    cards: Box<[Box<[u8]>]>,
    merchants: Box<[Box<[u8]>]>,
}

impl Prepared {
    pub(crate) fn new(cards: &Pool, merchants: &Merchants) -> Self {
        let card = |card: &Card| {
            let mut out = Vec::new();
            write_card(&mut out, &card.masked, card.brand, &card.holder);
            out.into_boxed_slice()
        };
        let merchant = |merchant: &Merchant| {
            let country = &COUNTRIES[merchant.country];
            let mut out = Vec::new();
            write_merchant(
                &mut out,
                country.currency,
                &merchant.name,
                merchant.category,
                merchant.city,
                country.code,
            );
            out.into_boxed_slice()
        };
        Self {
            cards: cards.cards().iter().map(card).collect(),
            merchants: merchants.all().iter().map(merchant).collect(),
        }
    }

    /// Returns the fields of the card with this index.
    pub(crate) fn card(&self, index: u32) -> &[u8] {
        &self.cards[index as usize]
    }

    /// Returns the fields of the merchant with this index.
    pub(crate) fn merchant(&self, index: u32) -> &[u8] {
        &self.merchants[index as usize]
    }
}

//! The parts of a record's JSON that each payment of a card, or at a merchant, repeats.
//!
//! They are two thirds of a record, written once and then copied.

use crate::cards::{Card, Pool};
use crate::merchants::{Merchant, Merchants};
use crate::places::COUNTRIES;
use crate::transaction::{write_card, write_merchant};

/// JSON fields of all cards and merchants, by their indexes.
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

    pub(crate) fn card(&self, index: u32) -> &[u8] {
        &self.cards[index as usize]
    }

    pub(crate) fn merchant(&self, index: u32) -> &[u8] {
        &self.merchants[index as usize]
    }
}

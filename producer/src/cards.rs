//! Makes card holders and their cards.
//!
//! Each brand appears with its share of the world's purchase transactions. Card numbers have the brand's real prefixes
//! and lengths and a valid check digit. The full number exists only inside the function that draws it: the program
//! stores and writes only the masked number (the first six and the last four digits). The masked number is unique
//! within the pool, so it serves as the record's key.

use std::collections::HashSet;

use crate::dice::Dice;
use crate::places::{CITIES, COUNTRIES};

/// A card network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Brand {
    /// Visa.
    Visa,
    /// China UnionPay.
    UnionPay,
    /// Mastercard.
    Mastercard,
    /// American Express.
    AmericanExpress,
    /// JCB.
    Jcb,
    /// Discover.
    Discover,
    /// Diners Club.
    DinersClub,
}

impl Brand {
    /// All brands, the most used one first.
    pub const ALL: [Self; 7] = [
        Self::Visa,
        Self::UnionPay,
        Self::Mastercard,
        Self::AmericanExpress,
        Self::Jcb,
        Self::Discover,
        Self::DinersClub,
    ];

    /// Returns the name as it stands in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Visa => "Visa",
            Self::UnionPay => "UnionPay",
            Self::Mastercard => "Mastercard",
            Self::AmericanExpress => "American Express",
            Self::Jcb => "JCB",
            Self::Discover => "Discover",
            Self::DinersClub => "Diners Club",
        }
    }

    /// Returns the brand's share of the transactions, in tenths of a percent.
    ///
    /// Visa, UnionPay and Mastercard have their share of purchase transactions worldwide in 2022 (Nilson Report 1241).
    /// The report gives 3 % to all other brands together. These are divided as in the report for 2015, which is the
    /// last with a figure for each; Diners Club gets a fifth of the figure that it shares with Discover.
    pub const fn share_per_mille(self) -> u32 {
        match self {
            Self::Visa => 390,
            Self::UnionPay => 340,
            Self::Mastercard => 240,
            Self::AmericanExpress => 18,
            Self::Jcb => 7,
            Self::Discover => 4,
            Self::DinersClub => 1,
        }
    }

    /// Returns how many digits a card number has.
    const fn length(self) -> usize {
        match self {
            Self::AmericanExpress => 15,
            Self::DinersClub => 14,
            _ => 16,
        }
    }

    /// Returns the issuer prefixes (ISO/IEC 7812 ranges as the networks publish them), each as first prefix, last
    /// prefix and weight.
    const fn prefixes(self) -> &'static [(u32, u32, u32)] {
        match self {
            Self::Visa => &[(4, 4, 1)],
            // The range 622126 to 622925 is shared with Discover, so it is left out.
            Self::UnionPay => &[(620, 621, 1), (623, 626, 3)],
            Self::Mastercard => &[(51, 55, 4), (2221, 2720, 1)],
            Self::AmericanExpress => &[(34, 34, 1), (37, 37, 3)],
            Self::Jcb => &[(3528, 3589, 1)],
            Self::Discover => &[(6011, 6011, 2), (644, 649, 1), (65, 65, 1)],
            Self::DinersClub => &[(300, 305, 1), (36, 36, 2), (38, 39, 1)],
        }
    }

    /// Returns, for each of [`COUNTRIES`], the weight with which the brand's cards are issued there.
    #[rustfmt::skip]
    const fn issued_in(self) -> [u32; COUNTRIES.len()] {
        match self {
            //                         US  GB  DE  FR  IT NL PT CH  CA AU SG  CN
            Self::Visa =>             [45, 15,  5,  8,  5, 2, 3, 2,  8, 5, 2,  0],
            Self::Mastercard =>       [35, 10, 12,  9,  7, 7, 2, 4,  7, 5, 2,  0],
            Self::UnionPay =>         [ 0,  0,  0,  0,  0, 0, 0, 0,  0, 0, 4, 96],
            Self::AmericanExpress =>  [70,  8,  3,  3,  3, 1, 0, 1,  5, 5, 1,  0],
            Self::Jcb =>              [10,  0,  0,  0,  0, 0, 0, 0,  0, 10, 60, 20],
            Self::Discover =>         [100, 0,  0,  0,  0, 0, 0, 0,  0, 0, 0,  0],
            Self::DinersClub =>       [30, 10, 10,  5, 20, 0, 5, 10, 5, 0, 5,  0],
        }
    }
}

/// A card and its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) masked: String,
    pub(crate) holder: String,
    pub(crate) brand: Brand,
    /// Index into [`COUNTRIES`].
    pub(crate) country: usize,
    /// Index into the country's cities.
    pub(crate) city: usize,
}

/// All cards of a run, grouped by brand.
#[derive(Debug)]
pub(crate) struct Pool {
    cards: Vec<Card>,
    /// For each brand of [`Brand::ALL`]: the index of its first card, and how many cards it has.
    brands: Vec<(u32, u32)>,
}

impl Pool {
    /// Makes about `size` cards, divided among the brands by their shares. Each brand gets at least one card.
    pub(crate) fn new(size: u32, dice: &mut Dice) -> Self {
        let mut cards = Vec::with_capacity(size as usize + Brand::ALL.len());
        let mut brands = Vec::with_capacity(Brand::ALL.len());
        let mut masks = HashSet::with_capacity(cards.capacity());
        for brand in Brand::ALL {
            let first = cards.len() as u32;
            let share = u64::from(size) * u64::from(brand.share_per_mille()) / 1000;
            let count = (share as u32).max(1);
            for _ in 0..count {
                cards.push(card(brand, &mut masks, dice));
            }
            brands.push((first, count));
        }
        Self { cards, brands }
    }

    pub(crate) fn get(&self, index: u32) -> &Card {
        &self.cards[index as usize]
    }

    /// Draws a card and returns its index: first the brand by its share, then one of the brand's cards. Cards of
    /// regular customers come more often.
    pub(crate) fn draw(&self, dice: &mut Dice) -> u32 {
        let brand = dice.weighted(Brand::ALL.map(Brand::share_per_mille));
        let (first, count) = self.brands[brand];
        first + dice.low_below(count)
    }

    pub(crate) fn cards(&self) -> &[Card] {
        &self.cards
    }
}

fn card(brand: Brand, masks: &mut HashSet<String>, dice: &mut Dice) -> Card {
    let country = dice.weighted(brand.issued_in());
    let first = COUNTRIES[country].first_name(dice);
    let last = COUNTRIES[country].last_name(dice);
    let masked = loop {
        let masked = mask(&number(brand, dice));
        if masks.insert(masked.clone()) {
            break masked;
        }
    };
    Card {
        masked,
        holder: format!("{first} {last}"),
        brand,
        country,
        city: dice.below(CITIES as u32) as usize,
    }
}

/// Draws a full card number and returns its decimal digits, each from 0 to 9.
fn number(brand: Brand, dice: &mut Dice) -> Vec<u8> {
    let prefixes = brand.prefixes();
    let (low, high, _) = prefixes[dice.weighted(prefixes.iter().map(|prefix| prefix.2))];
    let mut digits: Vec<u8> = dice
        .between(low, high)
        .to_string()
        .bytes()
        .map(|digit| digit - b'0')
        .collect();
    while digits.len() < brand.length() - 1 {
        digits.push(dice.below(10) as u8);
    }
    digits.push(check_digit(&digits));
    digits
}

/// Returns the Luhn check digit (ISO/IEC 7812-1, annex B) that follows `digits`.
fn check_digit(digits: &[u8]) -> u8 {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, u32::from(digit) * 2) {
            (0, doubled) => doubled / 10 + doubled % 10,
            _ => u32::from(digit),
        })
        .sum();
    ((10 - sum % 10) % 10) as u8
}

/// Returns the first six and the last four digits, with stars between them.
fn mask(digits: &[u8]) -> String {
    let hidden = 6..digits.len() - 4;
    let show = |(place, digit): (usize, &u8)| match hidden.contains(&place) {
        true => '*',
        false => char::from(b'0' + digit),
    };
    digits.iter().enumerate().map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether the number's weighted digit sum, computed from the left, is a multiple of ten.
    fn luhn_valid(digits: &[u8]) -> bool {
        let doubled_parity = digits.len() % 2;
        let sum: u32 = (0..digits.len())
            .map(|place| {
                let digit = u32::from(digits[place]);
                if place % 2 != doubled_parity {
                    digit
                } else if digit > 4 {
                    digit * 2 - 9
                } else {
                    digit * 2
                }
            })
            .sum();
        sum.is_multiple_of(10)
    }

    #[test]
    fn check_digit_of_the_textbook_number_is_right() {
        assert_eq!(check_digit(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1]), 3);
    }

    #[test]
    fn numbers_are_luhn_valid_for_every_brand() {
        let mut dice = Dice::new(1);
        for brand in Brand::ALL {
            for _ in 0..500 {
                let digits = number(brand, &mut dice);
                assert!(luhn_valid(&digits), "{brand:?} {digits:?}");
            }
        }
    }

    #[test]
    fn numbers_have_their_brands_prefix_and_length() {
        let mut dice = Dice::new(1);
        for brand in Brand::ALL {
            for _ in 0..500 {
                let digits = number(brand, &mut dice);
                let lead = |n: usize| {
                    digits[..n]
                        .iter()
                        .fold(0, |sum, &d| sum * 10 + u32::from(d))
                };
                let (prefix, length) = match brand {
                    Brand::Visa => (lead(1) == 4, 16),
                    Brand::UnionPay => (lead(2) == 62, 16),
                    Brand::Mastercard => (
                        (51..=55).contains(&lead(2)) || (2221..=2720).contains(&lead(4)),
                        16,
                    ),
                    Brand::AmericanExpress => (matches!(lead(2), 34 | 37), 15),
                    Brand::Jcb => ((3528..=3589).contains(&lead(4)), 16),
                    Brand::Discover => (
                        lead(4) == 6011 || (644..=649).contains(&lead(3)) || lead(2) == 65,
                        16,
                    ),
                    Brand::DinersClub => (
                        (300..=305).contains(&lead(3)) || matches!(lead(2), 36 | 38 | 39),
                        14,
                    ),
                };
                assert!(prefix && digits.len() == length, "{brand:?} {digits:?}");
            }
        }
    }

    #[test]
    fn mask_shows_first_six_and_last_four() {
        let digits = [4, 5, 3, 2, 0, 1, 9, 9, 9, 9, 9, 9, 1, 2, 3, 4];
        assert_eq!(mask(&digits), "453201******1234");
    }

    #[test]
    fn masked_numbers_are_unique_in_the_pool() {
        let pool = Pool::new(20_000, &mut Dice::new(1));
        let masks: HashSet<&str> = pool
            .cards()
            .iter()
            .map(|card| card.masked.as_str())
            .collect();
        assert_eq!(masks.len(), pool.cards().len());
    }

    #[test]
    fn shares_add_up_to_the_whole() {
        let total: u32 = Brand::ALL.into_iter().map(Brand::share_per_mille).sum();
        assert_eq!(total, 1000);
    }

    #[test]
    fn the_same_card_comes_back() {
        let mut dice = Dice::new(1);
        let pool = Pool::new(2_000, &mut dice);
        let drawn: HashSet<u32> = (0..1_000).map(|_| pool.draw(&mut dice)).collect();
        assert!(
            drawn.len() < 850,
            "{} different cards in 1,000 draws",
            drawn.len()
        );
    }
}

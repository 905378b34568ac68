//! Decides what is bought where, and for how much.
//!
//! A category says how its payments are made and how their amounts are distributed. The distribution is skewed to the
//! right, as purchases are: there are many small amounts and few large ones. Amounts are whole cents from the first
//! draw on; no float is involved.

use crate::dice::Dice;
use crate::places::{CITIES, COUNTRIES};
use crate::transaction::{Cents, Channel};

/// The number of merchants of one category in one city.
const SHOPS: usize = 3;

/// The percentiles, in per mille, for which a category's amounts are given. Amounts between two percentiles are linear.
const PER_MILLE: [u32; 7] = [0, 250, 500, 750, 900, 980, 1000];

/// A kind of merchant.
#[derive(Debug)]
pub(crate) struct Category {
    pub(crate) name: &'static str,
    /// How often a payment is in this category, relative to the others.
    weight: u32,
    /// Amounts in US cents at [`PER_MILLE`].
    amounts: [u32; 7],
    /// How often, relative to each other, its payments are by chip, contactless, online and at a cash machine.
    channels: [u32; 4],
    /// The words that follow a family name in its merchants' names.
    titles: [&'static str; 3],
}

/// All categories. A seed's records depend on their order.
#[rustfmt::skip]
static CATEGORIES: [Category; 14] = [
    category("groceries", 240, [150, 1200, 2900, 6200, 11500, 19500, 32000], [35, 60, 5, 0], ["Market", "Fine Foods", "Grocers"]),
    category("restaurants", 150, [350, 1400, 2600, 4800, 8500, 16000, 42000], [35, 60, 5, 0], ["Bistro", "Kitchen", "Grill"]),
    category("coffee", 120, [180, 340, 480, 760, 1250, 1900, 3200], [10, 88, 2, 0], ["Coffee", "Bakery", "Espresso Bar"]),
    category("fuel", 70, [800, 2800, 4200, 5800, 7600, 10500, 16000], [60, 40, 0, 0], ["Fuel", "Service Station", "Petrol"]),
    category("transport", 90, [120, 260, 480, 1500, 3200, 7000, 18000], [10, 65, 25, 0], ["Transit", "Taxi", "Mobility"]),
    category("fashion", 60, [900, 2400, 4500, 8200, 15500, 32000, 90000], [35, 25, 40, 0], ["Fashion", "Shoes", "Tailors"]),
    category("electronics", 30, [700, 2900, 8900, 24000, 69000, 159000, 420000], [30, 10, 60, 0], ["Electronics", "Computers", "Hi-Fi"]),
    category("home", 40, [400, 1900, 4400, 10500, 27000, 72000, 260000], [45, 20, 35, 0], ["Home", "Hardware", "Furniture"]),
    category("health", 55, [300, 1100, 2300, 4800, 11000, 29000, 85000], [50, 45, 5, 0], ["Pharmacy", "Dental", "Opticians"]),
    category("travel", 25, [1900, 8500, 19500, 43000, 96000, 210000, 640000], [20, 5, 75, 0], ["Hotels", "Travel", "Airways"]),
    category("entertainment", 45, [300, 1100, 1900, 3800, 7800, 17000, 52000], [20, 40, 40, 0], ["Cinema", "Theatre", "Tickets"]),
    category("subscriptions", 50, [199, 699, 1099, 1599, 2999, 9900, 24000], [0, 0, 100, 0], ["Streaming", "Cloud", "News"]),
    category("gaming", 35, [99, 299, 699, 1999, 4999, 7999, 19900], [0, 0, 100, 0], ["Games", "Studios", "Play"]),
    category("cash", 20, [1000, 4000, 6000, 12000, 20000, 40000, 60000], [0, 0, 0, 100], ["Bank", "Savings Bank", "Credit Union"]),
];

/// The index of the category in which stolen card numbers are tried out: online, small amounts, no delivery.
const TRIED_OUT_IN: usize = 12;

const fn category(
    name: &'static str,
    weight: u32,
    amounts: [u32; 7],
    channels: [u32; 4],
    titles: [&'static str; 3],
) -> Category {
    Category {
        name,
        weight,
        amounts,
        channels,
        titles,
    }
}

impl Category {
    fn channel(&self, dice: &mut Dice) -> Channel {
        match dice.weighted(self.channels) {
            0 => Channel::Pos,
            1 => Channel::Contactless,
            2 => Channel::Online,
            _ => Channel::Atm,
        }
    }

    /// Draws the amount of a purchase at a price level of `percent`.
    fn amount(&self, percent: u32, dice: &mut Dice) -> Cents {
        let per_mille = dice.below(1000);
        let upper = PER_MILLE
            .iter()
            .position(|&point| point > per_mille)
            .unwrap_or(6)
            .max(1);
        let amount = dice.between(self.amounts[upper - 1], self.amounts[upper]);
        let local = u64::from(amount) * u64::from(percent) / 100;
        Cents::new(priced(local, self.channels[3] > 0, dice) as i64)
    }
}

/// Returns the amount as merchants set prices: cash comes in notes, a quarter of the prices ends in 99, and some prices
/// are whole.
fn priced(cents: u64, cash: bool, dice: &mut Dice) -> u64 {
    if cash {
        return (cents / 1000).max(1) * 1000;
    }
    match dice.below(100) {
        0..25 => cents / 100 * 100 + 99,
        25..40 => (cents / 100).max(1) * 100,
        40..50 => cents / 50 * 50 + 50,
        _ => cents.max(10),
    }
}

/// A merchant at which cards are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merchant {
    pub(crate) name: String,
    pub(crate) category: &'static str,
    pub(crate) city: &'static str,
    /// Index into [`COUNTRIES`].
    pub(crate) country: usize,
}

/// A purchase: the merchant, what is paid there and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purchase {
    pub(crate) merchant: u32,
    pub(crate) amount: Cents,
    pub(crate) channel: Channel,
}

/// All merchants: [`SHOPS`] for each country, category and city.
#[derive(Debug)]
pub(crate) struct Merchants(Vec<Merchant>);

impl Merchants {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let mut merchants = Vec::with_capacity(COUNTRIES.len() * CATEGORIES.len() * CITIES * SHOPS);
        for (index, country) in COUNTRIES.iter().enumerate() {
            for category in &CATEGORIES {
                for city in country.cities {
                    for title in category.titles {
                        merchants.push(Merchant {
                            name: format!("{} {title}", country.last_name(dice)),
                            category: category.name,
                            city,
                            country: index,
                        });
                    }
                }
            }
        }
        Self(merchants)
    }

    pub(crate) fn get(&self, index: u32) -> &Merchant {
        &self.0[index as usize]
    }

    pub(crate) fn all(&self) -> &[Merchant] {
        &self.0
    }

    /// Draws a purchase by someone who lives in `city` of `country`. Most purchases are in that city, some elsewhere in
    /// the country and few abroad. An online purchase is anywhere in the country.
    pub(crate) fn purchase(&self, country: usize, city: usize, dice: &mut Dice) -> Purchase {
        let category = dice.weighted(CATEGORIES.iter().map(|category| category.weight));
        let channel = CATEGORIES[category].channel(dice);
        let country = match dice.one_in(30) {
            true => dice.below(COUNTRIES.len() as u32) as usize,
            false => country,
        };
        let city = match channel != Channel::Online && !dice.one_in(7) {
            true => city,
            false => dice.below(CITIES as u32) as usize,
        };
        Purchase {
            merchant: place(country, category, city, dice),
            amount: CATEGORIES[category].amount(COUNTRIES[country].price_percent, dice),
            channel,
        }
    }

    /// Draws one of the many small online payments by which a stolen card is tried out.
    pub(crate) fn trial(&self, country: usize, dice: &mut Dice) -> Purchase {
        let city = dice.below(CITIES as u32) as usize;
        Purchase {
            merchant: place(country, TRIED_OUT_IN, city, dice),
            amount: Cents::new(i64::from(dice.between(50, 499))),
            channel: Channel::Online,
        }
    }
}

/// Draws a merchant of the given country, category and city, and returns its index in the order of [`Merchants::new`].
fn place(country: usize, category: usize, city: usize, dice: &mut Dice) -> u32 {
    let shelf = (country * CATEGORIES.len() + category) * CITIES + city;
    (shelf * SHOPS) as u32 + dice.below(SHOPS as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_rise_in_every_category() {
        for category in &CATEGORIES {
            assert!(category.amounts.is_sorted(), "{}", category.name);
        }
    }

    #[test]
    fn cards_are_tried_out_where_nothing_is_delivered() {
        assert_eq!(CATEGORIES[TRIED_OUT_IN].name, "gaming");
    }

    #[test]
    fn a_merchant_stands_where_it_was_looked_for() {
        let mut dice = Dice::new(1);
        let merchants = Merchants::new(&mut dice);
        let merchant = merchants.get(place(3, 2, 1, &mut dice));
        assert_eq!(
            (merchant.country, merchant.category, merchant.city),
            (3, "coffee", COUNTRIES[3].cities[1])
        );
    }

    #[test]
    fn amounts_are_skewed_to_the_right() {
        let mut dice = Dice::new(1);
        let merchants = Merchants::new(&mut dice);
        let mut cents: Vec<i64> = (0..20_001)
            .map(|_| merchants.purchase(0, 0, &mut dice).amount.get())
            .collect();
        cents.sort_unstable();
        let median = cents[10_000];
        let mean = cents.iter().sum::<i64>() / 20_001;
        assert!(
            median > 500 && mean > median * 2,
            "median {median}, mean {mean}"
        );
    }

    #[test]
    fn cash_comes_in_notes() {
        let mut dice = Dice::new(1);
        for cents in [1, 999, 1_001, 12_345] {
            assert_eq!(priced(cents, true, &mut dice) % 1000, 0);
        }
    }
}

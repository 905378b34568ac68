//! Computes the expected result of the default query by plain arithmetic on whole cents. No code of the consumer takes
//! part.

use std::collections::BTreeMap;

use producer::{Generator, GeneratorSettings};

/// The digits after the decimal point of an amount.
pub const CENT_SCALE: i8 = 2;
/// The digits after the decimal point of an average of amounts.
pub const AVERAGE_SCALE: i8 = 6;

/// The totals of one brand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// The number of transactions.
    pub count: i64,
    /// The sum of the amounts in cents.
    pub sum: i128,
    /// The average amount in millionths, rounded to the nearest.
    pub average: i128,
    /// The smallest amount in cents.
    pub smallest: i128,
    /// The largest amount in cents.
    pub largest: i128,
}

/// The totals of each brand, by its name.
pub type ByBrand = BTreeMap<String, Totals>;

/// Collects amounts by brand, to add them up.
#[derive(Clone, Debug, Default)]
pub struct Adder(BTreeMap<String, Vec<i128>>);

impl Adder {
    /// Adds one amount.
    pub fn add(&mut self, brand: &str, cents: i128) {
        match self.0.get_mut(brand) {
            Some(amounts) => amounts.push(cents),
            None => {
                self.0.insert(brand.to_owned(), vec![cents]);
            }
        }
    }

    /// Adds all amounts of `other`.
    pub fn add_all(&mut self, other: &Self) {
        for (brand, amounts) in &other.0 {
            for cents in amounts {
                self.add(brand, *cents);
            }
        }
    }

    /// Adds the good records among the first `count` records that `settings` stand for.
    pub fn generated(&mut self, settings: &GeneratorSettings, count: u64) {
        let mut generator = Generator::new(settings.clone());
        for _ in 0..count {
            if let Some(transaction) = generator.next_record().transaction {
                self.add(
                    transaction.card_brand.name(),
                    transaction.amount.get().into(),
                );
            }
        }
    }

    /// Returns the totals of all amounts that were added.
    pub fn totals(&self) -> ByBrand {
        self.0
            .iter()
            .map(|(brand, amounts)| {
                let count = amounts.len() as i128;
                let sum: i128 = amounts.iter().sum();
                let totals = Totals {
                    count: amounts.len() as i64,
                    sum,
                    average: half_up(sum * 10_000, count),
                    smallest: *amounts.iter().min().unwrap(),
                    largest: *amounts.iter().max().unwrap(),
                };
                (brand.clone(), totals)
            })
            .collect()
    }
}

/// Returns `sum` / `count`, rounded to the nearest. If two numbers are equally near, the result is the one farther from
/// zero.
fn half_up(sum: i128, count: i128) -> i128 {
    let rounded = (2 * sum.abs() + count) / (2 * count);
    rounded * sum.signum()
}

/// Returns the totals of the good records among the first `count` records that `settings` stand for.
pub fn generated(settings: &GeneratorSettings, count: u64) -> ByBrand {
    let mut adder = Adder::default();
    adder.generated(settings, count);
    adder.totals()
}

//! What the default query has to result in, by plain arithmetic on whole cents. Nothing of the consumer takes part.

use std::collections::BTreeMap;

use producer::{Generator, GeneratorSettings};

/// Digits behind the point of an amount.
pub const CENT_SCALE: i8 = 2;
/// Digits behind the point of an average of amounts.
pub const AVERAGE_SCALE: i8 = 6;

/// One brand's totals: amounts in cents, the average in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// How many transactions.
    pub count: i64,
    /// Cents in all.
    pub sum: i128,
    /// Millionths, rounded to the nearest.
    pub average: i128,
    /// The smallest amount in cents.
    pub smallest: i128,
    /// The largest amount in cents.
    pub largest: i128,
}

/// Totals by brand.
pub type ByBrand = BTreeMap<String, Totals>;

/// Adds amounts up by brand.
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

    /// Adds all that another has added up.
    pub fn add_all(&mut self, other: &Self) {
        for (brand, amounts) in &other.0 {
            for cents in amounts {
                self.add(brand, *cents);
            }
        }
    }

    /// Adds the good ones of the first `count` records that `settings` stand for.
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

    /// The totals of all that was added.
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

/// `sum` / `count`, rounded to the nearest, and away from zero if two are equally near.
fn half_up(sum: i128, count: i128) -> i128 {
    let rounded = (2 * sum.abs() + count) / (2 * count);
    rounded * sum.signum()
}

/// Totals of the good ones of the first `count` records that `settings` stand for.
pub fn generated(settings: &GeneratorSettings, count: u64) -> ByBrand {
    let mut adder = Adder::default();
    adder.generated(settings, count);
    adder.totals()
}

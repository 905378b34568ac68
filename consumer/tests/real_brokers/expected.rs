//! What a query has to result in, by plain arithmetic on whole cents, and what it did result in.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use producer::{Generator, GeneratorSettings};

/// Digits behind the point of an average of cents.
const AVERAGE_SCALE: i8 = 6;
const CENT_SCALE: i8 = 2;

/// One brand's totals: amounts in cents, the average in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    pub count: i64,
    pub sum: i128,
    pub average: i128,
    pub smallest: i128,
    pub largest: i128,
}

/// Totals by brand.
pub type ByBrand = BTreeMap<String, Totals>;

/// Adds amounts up by brand.
#[derive(Clone, Debug, Default)]
pub struct Adder(BTreeMap<String, Vec<i128>>);

impl Adder {
    pub fn add(&mut self, brand: &str, cents: i128) {
        match self.0.get_mut(brand) {
            Some(amounts) => amounts.push(cents),
            None => {
                self.0.insert(brand.to_owned(), vec![cents]);
            }
        }
    }

    /// All that another has added up.
    pub fn add_all(&mut self, other: &Self) {
        for (brand, amounts) in &other.0 {
            for cents in amounts {
                self.add(brand, *cents);
            }
        }
    }

    /// The first `count` records that `settings` stand for.
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

/// Totals of the records that a seed stands for.
pub fn generated(settings: &GeneratorSettings, count: u64) -> ByBrand {
    let mut adder = Adder::default();
    adder.generated(settings, count);
    adder.totals()
}

/// The result of [`consumer::config::DEFAULT_QUERY`].
pub fn resulted(rows: &RecordBatch) -> ByBrand {
    let brands = texts(rows, "card_brand");
    let counts = integers(rows, "transactions");
    let decimals = |name, scale| decimals(rows, name, scale);
    let sums = decimals("total", CENT_SCALE);
    let averages = decimals("average", AVERAGE_SCALE);
    let smallest = decimals("smallest", CENT_SCALE);
    let largest = decimals("largest", CENT_SCALE);
    let totals: ByBrand = (0..rows.num_rows())
        .map(|row| {
            let totals = Totals {
                count: counts[row],
                sum: sums[row],
                average: averages[row],
                smallest: smallest[row],
                largest: largest[row],
            };
            (brands[row].clone(), totals)
        })
        .collect();
    assert_eq!(totals.len(), rows.num_rows(), "a brand comes twice");
    totals
}

/// A column of text.
pub fn texts(rows: &RecordBatch, name: &str) -> Vec<String> {
    let column = rows.column_by_name(name).expect(name);
    let column = cast(column, &DataType::Utf8).unwrap();
    let values = column.as_string::<i32>().iter();
    values
        .map(|text| text.unwrap_or("NULL").to_owned())
        .collect()
}

/// A column of whole numbers.
pub fn integers(rows: &RecordBatch, name: &str) -> Vec<i64> {
    let column = rows.column_by_name(name).expect(name);
    let column = cast(column, &DataType::Int64).unwrap();
    assert_eq!(column.null_count(), 0, "{name}");
    column.as_primitive::<Int64Type>().values().to_vec()
}

/// A column of decimals as whole numbers of 10^-`scale`, which is its own scale.
pub fn decimals(rows: &RecordBatch, name: &str, scale: i8) -> Vec<i128> {
    let column = rows.column_by_name(name).expect(name);
    let DataType::Decimal128(_, own) = column.data_type() else {
        panic!("{name} is {}", column.data_type());
    };
    assert_eq!((*own, column.null_count()), (scale, 0), "{name}");
    column.as_primitive::<Decimal128Type>().values().to_vec()
}

//! Lists the countries in which cards are issued and merchants stand.
//!
//! Each country has four cities, a currency, a price level and the names of its people. The price level turns a
//! category's usual amount in US dollars into the amount that is asked in the country's currency. It is a rough level
//! of prices, not an exchange rate.

use fake::Fake;
use fake::faker::name::raw::{FirstName, LastName};
use fake::locales::{DE_DE, EN, FR_FR, IT_IT, NL_NL, PT_PT};

use crate::dice::Dice;

/// How many cities each country has.
pub(crate) const CITIES: usize = 4;

/// The language of the names that a country's people have.
#[derive(Debug, Clone, Copy)]
enum Names {
    English,
    French,
    German,
    Italian,
    Dutch,
    Portuguese,
    /// Chinese names in pinyin, as they stand on cards. The `fake` crate has them in Chinese characters only.
    Pinyin,
}

/// A country of the generated world.
#[derive(Debug)]
pub(crate) struct Country {
    /// The ISO 3166-1 alpha-2 code.
    pub(crate) code: &'static str,
    /// The ISO 4217 code.
    pub(crate) currency: &'static str,
    pub(crate) cities: [&'static str; CITIES],
    /// The price level, in percent of the amount in US dollars.
    pub(crate) price_percent: u32,
    names: Names,
}

/// All countries. A seed's records depend on their order.
#[rustfmt::skip]
pub(crate) static COUNTRIES: [Country; 12] = [
    country("US", "USD", ["New York", "Chicago", "Austin", "Seattle"], 100, Names::English),
    country("GB", "GBP", ["London", "Manchester", "Edinburgh", "Bristol"], 80, Names::English),
    country("DE", "EUR", ["Berlin", "Hamburg", "München", "Köln"], 90, Names::German),
    country("FR", "EUR", ["Paris", "Lyon", "Marseille", "Nantes"], 92, Names::French),
    country("IT", "EUR", ["Roma", "Milano", "Torino", "Bologna"], 85, Names::Italian),
    country("NL", "EUR", ["Amsterdam", "Rotterdam", "Utrecht", "Eindhoven"], 95, Names::Dutch),
    country("PT", "EUR", ["Lisboa", "Porto", "Braga", "Coimbra"], 70, Names::Portuguese),
    country("CH", "CHF", ["Zürich", "Genève", "Basel", "Bern"], 120, Names::German),
    country("CA", "CAD", ["Toronto", "Vancouver", "Montréal", "Calgary"], 130, Names::English),
    country("AU", "AUD", ["Sydney", "Melbourne", "Brisbane", "Perth"], 140, Names::English),
    country("SG", "SGD", ["Orchard", "Tampines", "Jurong East", "Woodlands"], 125, Names::English),
    country("CN", "CNY", ["Shanghai", "Beijing", "Shenzhen", "Chengdu"], 320, Names::Pinyin),
];

const PINYIN_FIRST: [&str; 24] = [
    "Wei", "Fang", "Na", "Min", "Jing", "Li", "Qiang", "Lei", "Jun", "Yang", "Yong", "Yan", "Jie",
    "Juan", "Tao", "Ming", "Chao", "Xiuying", "Xia", "Ping", "Gang", "Haoran", "Zihan", "Yutong",
];
const PINYIN_LAST: [&str; 24] = [
    "Wang", "Li", "Zhang", "Liu", "Chen", "Yang", "Huang", "Zhao", "Wu", "Zhou", "Xu", "Sun", "Ma",
    "Zhu", "Hu", "Guo", "He", "Lin", "Gao", "Luo", "Zheng", "Liang", "Xie", "Tang",
];

const fn country(
    code: &'static str,
    currency: &'static str,
    cities: [&'static str; CITIES],
    price_percent: u32,
    names: Names,
) -> Country {
    Country {
        code,
        currency,
        cities,
        price_percent,
        names,
    }
}

impl Country {
    /// Draws a given name that is usual in this country.
    pub(crate) fn first_name(&self, dice: &mut Dice) -> &'static str {
        let rng = dice.rng();
        match self.names {
            Names::English => FirstName(EN).fake_with_rng(rng),
            Names::French => FirstName(FR_FR).fake_with_rng(rng),
            Names::German => FirstName(DE_DE).fake_with_rng(rng),
            Names::Italian => FirstName(IT_IT).fake_with_rng(rng),
            Names::Dutch => FirstName(NL_NL).fake_with_rng(rng),
            Names::Portuguese => FirstName(PT_PT).fake_with_rng(rng),
            Names::Pinyin => dice.pick(&PINYIN_FIRST),
        }
    }

    /// Draws a family name that is usual in this country.
    pub(crate) fn last_name(&self, dice: &mut Dice) -> &'static str {
        let rng = dice.rng();
        match self.names {
            Names::English => LastName(EN).fake_with_rng(rng),
            Names::French => LastName(FR_FR).fake_with_rng(rng),
            Names::German => LastName(DE_DE).fake_with_rng(rng),
            Names::Italian => LastName(IT_IT).fake_with_rng(rng),
            Names::Dutch => LastName(NL_NL).fake_with_rng(rng),
            Names::Portuguese => LastName(PT_PT).fake_with_rng(rng),
            Names::Pinyin => dice.pick(&PINYIN_LAST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_names_its_people() {
        let mut dice = Dice::new(1);
        for country in &COUNTRIES {
            assert!(
                !country.first_name(&mut dice).is_empty(),
                "{}",
                country.code
            );
            assert!(!country.last_name(&mut dice).is_empty(), "{}", country.code);
        }
    }
}

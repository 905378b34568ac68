//! Converts between days and calendar dates, for any 64-bit count of days. chrono's calendar ends at the year 262142,
//! and 64-bit microseconds reach further.
//!
//! Source: [chrono-compatible low-level date algorithms](https://howardhinnant.github.io/date_algorithms.html).

/// The days from 0000-03-01, the first day of an era, to 1970-01-01.
const SHIFT: i64 = 719_468;

/// The days in 400 years, which are an era.
const ERA: i64 = 146_097;

/// Returns the year, month and day of the month of a day that is counted from 1970-01-01.
pub(super) fn date_of(day: i64) -> (i64, i64, i64) {
    let shifted = day.saturating_add(SHIFT);
    let (era, of_era) = (shifted.div_euclid(ERA), shifted.rem_euclid(ERA));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // March is the first month, so that a leap day is the last day of a year.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Returns the day of a date, counted from 1970-01-01.
pub(super) fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * month + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * ERA + of_era - SHIFT
}

/// Returns the number of days in a month.
pub(super) fn days_in(year: i64, month: i64) -> i64 {
    match month {
        12 => 31,
        month => day_of(year, month + 1, 1) - day_of(year, month, 1),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};

    use super::{date_of, day_of, days_in};

    #[test]
    fn it_is_chronos_calendar_where_that_reaches() {
        let (first, last) = (day_of(-4000, 1, 1), day_of(12_000, 12, 31));
        for day in (first..last).step_by(11) {
            let date = NaiveDate::from_epoch_days(i32::try_from(day).unwrap()).unwrap();
            let expected = (
                i64::from(date.year()),
                i64::from(date.month()),
                i64::from(date.day()),
            );
            assert_eq!(date_of(day), expected, "{day}");
            assert_eq!(day_of(expected.0, expected.1, expected.2), day);
            let last = i64::from(date.num_days_in_month());
            assert_eq!(days_in(expected.0, expected.1), last, "{date}");
        }
    }
}

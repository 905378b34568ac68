//! Points in time against chrono.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};
use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn date_times_are_what_chrono_says(
        year in 0..=9999u32, month in 0..=13u32, day in 0..=32u32,
        hour in 0..=24u32, minute in 0..=60u32, second in 0..=61u32,
        fraction in "|\\.[0-9]{1,12}",
        offset in "[Zz]|[+-]([01][0-9]|2[0-4]):([0-5][0-9]|60)",
        t in "[Tt ]",
    ) {
        let text = format!(
            "{year:04}-{month:02}-{day:02}{t}{hour:02}:{minute:02}:{second:02}{fraction}{offset}"
        );
        let expected = DateTime::parse_from_rfc3339(&text).ok().map(|time| time.timestamp_micros());
        let read = moment(&text).map(|read| {
            assert_eq!(read.form, Form::Instant);
            read.micros
        });
        prop_assert_eq!(read, expected, "{}", text);
    }

    #[test]
    fn wall_clocks_are_what_chrono_says(
        date in "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
        clock in "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?",
    ) {
        let text = format!("{date}T{clock}");
        let expected = NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").ok();
        let expected = expected.map(|time| Moment {
            micros: time.and_utc().timestamp_micros(),
            form: Form::Wall,
        });
        prop_assert_eq!(moment(&text), expected, "{}", text);
    }

    #[test]
    fn nothing_makes_it_panic(text in "\\PC{0,40}|[0-9TZtz:.+ -]{10,40}") {
        let _ = (moment(&text), date(&text));
    }
}

#[test]
fn every_day_of_ten_thousand_years_is_what_chrono_says() {
    let mut day = NaiveDate::from_ymd_opt(0, 1, 1).unwrap();
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
    while day.year() < 10_000 {
        let text = format!("{:04}-{:02}-{:02}", day.year(), day.month(), day.day());
        let days = i32::try_from((day - epoch).num_days()).unwrap();
        assert_eq!(date(&text), Some(days), "{text}");
        day = day.succ_opt().unwrap();
    }
}

#[test]
fn other_forms_are_refused() {
    for text in [
        "",
        "2026",
        "2026-1-31",
        "2026-02-30",
        "2026-01-31T",
        "2026-01-31T12",
        "2026-01-31T12:34",
        "2026-01-31_12:34:56",
        "2026-01-31T12:34:56+01",
        "2026-01-31T12:34:56+01:00Z",
        "2026-01-31T12:34:56,5Z",
        "20260131T123456Z",
        "+02026-01-31",
        "2026-01-31T12:34:56.5é",
        "2026\u{2010}01-31",
    ] {
        assert_eq!(moment(text), None, "{text}");
    }
}

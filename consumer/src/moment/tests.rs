//! Tests points in time against chrono.

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
        let read = rfc3339(&text).map(|read| {
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
        prop_assert_eq!(moment(&text).ok(), expected, "{}", text);
    }

    #[test]
    fn nothing_makes_it_panic(
        text in "\\PC{0,40}|[0-9TZtz:.+ -]{10,40}|[0-9]{4,8}[-/T][0-9]{1,2}[-/T ][0-9:TZ+,.]{0,12}\\PC{0,6}(\\[[A-Z/+0-9]*\\])?",
    ) {
        let _ = (moment(&text), date(&text));
    }

    #[test]
    fn an_offset_is_the_same_however_it_is_written(
        time in "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]",
        (sign, hours) in ("[+-]", 0..=23u32),
        minutes in 0..=59u32,
        seconds in 0..=59u32,
    ) {
        let micros = |offset: String| moment(&format!("{time}{offset}")).map(|read| read.micros);
        let whole = micros(format!("{sign}{hours:02}:00")).unwrap();
        let east = i64::from(minutes * 60 + seconds) * if sign == "+" { 1_000_000 } else { -1_000_000 };
        for (offset, expected) in [
            (format!("{sign}{hours}"), whole),
            (format!("{sign}{hours:02}"), whole),
            (format!(" {sign}{hours:02}00"), whole),
            (format!(" UTC{sign}{hours}"), whole),
            (format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"), whole - east),
            (format!("{sign}{hours}:{minutes:02}:{seconds:02}"), whole - east),
            (format!("{sign}{hours:02}{minutes:02}{seconds:02}"), whole - east),
        ] {
            prop_assert_eq!(micros(offset.clone()), Ok(expected), "{}{}", time, offset);
        }
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

/// Reads a text. Shows an instant with Z, a local time without it, and a date as a date.
fn read(text: &str) -> Result<String, NoMoment> {
    moment(text).map(|moment| {
        let time = DateTime::from_timestamp_micros(moment.micros).unwrap();
        let form = match moment.form {
            Form::Date => "%F",
            Form::Wall => "%FT%T%.f",
            Form::Instant => "%FT%T%.fZ",
        };
        time.format(form).to_string()
    })
}

#[test]
fn what_others_write_is_read() {
    for (text, expected) in [
        // Java's toString of ZonedDateTime writes these, at a whole minute and second, and with an offset of seconds.
        ("2026-01-31T12:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:30Z", "2026-01-31T12:00:30Z"),
        ("2026-01-31T12:00+01:00", "2026-01-31T11:00:00Z"),
        ("2026-01-31T12:00Z[UTC]", "2026-01-31T12:00:00Z"),
        (
            "2026-01-31T12:00:00.5+01:00[Europe/Paris]",
            "2026-01-31T11:00:00.500Z",
        ),
        ("2026-01-31T12:00+01:00:30", "2026-01-31T10:59:30Z"),
        ("2026-01-31T12:00", "2026-01-31T12:00:00"),
        // Spark and polars write these.
        ("2026-01-31T12:00:00.123+05:30", "2026-01-31T06:30:00.123Z"),
        ("2026-01-31 12:00:00", "2026-01-31T12:00:00"),
        // PostgreSQL and DuckDB write these.
        ("2026-01-31 12:00:00+00", "2026-01-31T12:00:00Z"),
        ("2026-01-31 12:00:00.25+05:30", "2026-01-31T06:30:00.250Z"),
        ("2026-01-31 12:00:00-03:30", "2026-01-31T15:30:00Z"),
        // Ruby, Go, JavaScript's libraries and strftime's %z write these.
        ("2026-01-31 12:00:00 +0000", "2026-01-31T12:00:00Z"),
        (
            "2026-01-31 12:00:00.5 +0100 CET",
            "2026-01-31T11:00:00.500Z",
        ),
        ("2026-01-31 12:00:00 +0000 UTC", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00+0000", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00-0330", "2026-01-31T15:30:00Z"),
        // Python's logging and Go's log write these.
        ("2026-01-31 12:00:00,250", "2026-01-31T12:00:00.250"),
        ("2026/01/31 12:00:00.25", "2026-01-31T12:00:00.250"),
        // Spark's from_json reads these, too.
        ("2026-1-5 3:4:5", "2026-01-05T03:04:05"),
        ("2026-01-31 12:00:00-8", "2026-01-31T20:00:00Z"),
        ("2026-01-31T12:00:00 UTC", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00 GMT+1", "2026-01-31T11:00:00Z"),
        ("2026-01-31T12:00:00UTC-03:30", "2026-01-31T15:30:00Z"),
        ("2026-01-31 12:00:00 Europe/Paris", "2026-01-31T11:00:00Z"),
        ("2026-07-31 12:00:00 Europe/Paris", "2026-07-31T10:00:00Z"),
        ("2026-01-31T12:00:00[Europe/Paris]", "2026-01-31T11:00:00Z"),
        ("2026-01-31T12:00:00 Etc/GMT+1", "2026-01-31T13:00:00Z"),
        ("2026", "2026-01-01"),
        ("2026-02", "2026-02-01"),
        ("2026-2-3", "2026-02-03"),
        (" \t2026-01-31T12:00:00Z\n", "2026-01-31T12:00:00Z"),
        (" 2026-01-31 ", "2026-01-31"),
        ("2026-01-31T12", "2026-01-31T12:00:00"),
        // These are ISO 8601's basic form.
        ("20260131T120000Z", "2026-01-31T12:00:00Z"),
        ("20260131T120000.125+0100", "2026-01-31T11:00:00.125Z"),
        ("20260131T1230", "2026-01-31T12:30:00"),
        // HTTP, mail and ctime write these.
        ("Sat, 31 Jan 2026 12:00:00 GMT", "2026-01-31T12:00:00Z"),
        ("Sat, 31 Jan 2026 12:00:00 +0100", "2026-01-31T11:00:00Z"),
        ("Wed Oct 10 20:19:24 +0000 2018", "2018-10-10T20:19:24Z"),
        ("Sat Jan 31 12:00:00 UTC 2026", "2026-01-31T12:00:00Z"),
        ("Sun Feb  1 12:00:00 2026", "2026-02-01T12:00:00"),
        // Digits beyond the microsecond are cut off, also before 1970.
        (
            "1969-12-31 23:59:59,9999999+00",
            "1969-12-31T23:59:59.999999Z",
        ),
    ] {
        assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn the_clocks_of_a_zone_decide_whether_a_local_time_is_one_instant() {
    for (text, expected) in [
        ("2026-03-29 02:30:00 Europe/Paris", Err(NoMoment::Skipped)),
        ("2026-10-25 02:30:00 Europe/Paris", Err(NoMoment::Repeated)),
        ("2026-10-25T02:30:00[Europe/Paris]", Err(NoMoment::Repeated)),
        // With its offset the time is one instant.
        (
            "2026-10-25T02:30+02:00[Europe/Paris]",
            Ok("2026-10-25T00:30:00Z"),
        ),
        (
            "2026-10-25T02:30+01:00[Europe/Paris]",
            Ok("2026-10-25T01:30:00Z"),
        ),
        // The offset of Paris before 1891 is 9 min 21 s.
        (
            "1890-01-01T00:00+00:09:21[Europe/Paris]",
            Ok("1889-12-31T23:50:39Z"),
        ),
        (
            "2026-01-31T12:00+02:00[Europe/Paris]",
            Err(NoMoment::OtherOffset),
        ),
        ("2026-01-31T12:00+01:00[UTC]", Err(NoMoment::OtherOffset)),
        (
            "2026-01-31T12:00+01:00[GMT+01:00]",
            Ok("2026-01-31T11:00:00Z"),
        ),
        // Z is not a local offset.
        (
            "2026-01-31T12:00Z[Europe/Paris]",
            Ok("2026-01-31T12:00:00Z"),
        ),
        // The offset is enough if the zone is not known.
        (
            "2026-01-31T12:00-03:00[Moon/Copernicus]",
            Ok("2026-01-31T15:00:00Z"),
        ),
        ("2026-01-31T12:00[Moon/Copernicus]", Err(NoMoment::Other)),
        // It is not known whether there is summer time in 2100.
        (
            "2099-12-31 23:59:59 Europe/Paris",
            Ok("2099-12-31T22:59:59Z"),
        ),
        (
            "2100-07-01 12:00:00 Europe/Paris",
            Err(NoMoment::UnknownRules),
        ),
        (
            "2100-07-01T12:00+02:00[Europe/Paris]",
            Ok("2100-07-01T10:00:00Z"),
        ),
    ] {
        assert_eq!(read(text).as_deref(), expected.as_deref(), "{text}");
    }
}

#[test]
fn a_number_is_told_from_what_is_no_time() {
    for text in [
        "1769860800",
        "1769860800.5",
        "-1",
        "20260131",
        "20260131120000",
        "1e9",
        " 7 ",
    ] {
        assert_eq!(moment(text), Err(NoMoment::Number), "{text}");
    }
}

#[test]
fn a_date_column_takes_dates_alone() {
    for text in ["2026-01-31", "20260131", "2026-1-31", " 2026/01/31 "] {
        assert_eq!(date(text), Some(20_484), "{text}");
    }
    assert_eq!(date("2026"), Some(20_454));
    for text in [
        "2026-01-31T00:00:00",
        "1769860800",
        "31.01.2026",
        "12:00:00",
    ] {
        assert_eq!(date(text), None, "{text}");
    }
}

#[test]
fn what_has_no_meaning_or_several_is_refused() {
    for text in [
        "",
        " ",
        "12:00:00",
        "T12:00:00Z",
        "2026-02-30",
        "2026-13",
        "2026-01-31T",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12:34:56.Z",
        "2026-01-31T12:34.5Z",
        "2026-01-31_12:34:56",
        "2026-01-31T12:34:56+01:00Z",
        "2026-01-31T12:34:56+24",
        "2026-01-31T12:34:56+130",
        "2026-01-31T12:34:56+01:00 UTC",
        "2026-01-31T12:34:56.5é",
        "2026\u{2010}01-31",
        "+02026-01-31",
        "26-01-31",
        "31.01.2026 12:00:00",
        "01/31/2026 12:00:00",
        "2026-01/31",
        "2026-01 12:00:00",
        "2026-01-31Z",
        // These abbreviations belong to several zones, or to one offset in winter and another in summer.
        "2026-01-31 12:00:00 CST",
        "2026-07-31 12:00:00 CET",
        "2026-01-31 12:00:00 Europe/paris",
        "2026-01-31T12:00:00[]",
        "2026-01-31T12:00:00Z[a b]",
        "2026-01-31T12:00:00Z[UTC][UTC]",
        // These have the wrong day of the week, a year of two digits, and an abbreviation.
        "Sun, 31 Jan 2026 12:00:00 GMT",
        "Sat, 31 Jan 26 12:00:00 GMT",
        "Sat, 31 Jan 2026 12:00:00 EST",
        "Sat Jan 31 12:00:00 CST 2026",
    ] {
        assert_eq!(moment(text), Err(NoMoment::Other), "{text}");
    }
}

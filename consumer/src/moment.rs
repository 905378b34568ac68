//! Reads points in time from their text. It first tries RFC 3339, which nearly all records have, and then every other
//! form that writers give to a time and that can be read in only one way ([`written`]).
//!
//! Dates and clocks are proleptic Gregorian, with years 0000 to 9999. A second 60 is a leap second and counts as the
//! first second of the next minute, as in POSIX time.

mod named_months;
mod written;
mod zone;

const DAY_SECONDS: i64 = 86_400;

/// A text read as a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The microseconds since 1970-01-01T00:00:00 UTC, or since that time on a local clock if there is no offset.
    /// Digits beyond the microsecond are cut off.
    pub(crate) micros: i64,
    /// The parts of a point in time that the text has.
    pub(crate) form: Form,
}

/// The parts of a point in time that a text has: only the date, also the time, or also an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `2026-01-31`
    Date,
    /// `2026-01-31T12:00:00`
    Wall,
    /// `2026-01-31T12:00:00Z`, `2026-01-31T12:00:00+01:00`
    Instant,
}

/// The reason why a text is not a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoMoment {
    /// The text is not written as one, or names a day or hour that does not exist.
    Other,
    /// The text is a number without a unit.
    Number,
    /// The text is a local time that a zone's clocks never showed.
    Skipped,
    /// The text is a local time that a zone's clocks showed twice.
    Repeated,
    /// The text is a local time in a year for which a zone's rules are not known.
    UnknownRules,
    /// The text's offset differs from the offset of its zone at that time.
    OtherOffset,
}

/// Returns the point in time of a text, and whether the text is a date, a local time or an instant.
///
/// # Errors
/// Returns the reason why the text is not a point in time.
#[inline]
pub(crate) fn moment(text: &str) -> Result<Moment, NoMoment> {
    match rfc3339(text) {
        Some(moment) => Ok(moment),
        None => written::moment(text),
    }
}

/// Reads `YYYY-MM-DD`, alone or with `Thh:mm:ss[.fraction][offset]`. The fraction has any number of digits, `T` may be
/// `t` or one blank, and the offset is `Z`, `z` or `±hh:mm`. Returns `None` for anything else.
#[inline]
fn rfc3339(text: &str) -> Option<Moment> {
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_first_chunk::<10>()?;
    let days = i64::from(days(date)?);
    let Some((clock, mut rest)) = rest.split_first_chunk::<9>() else {
        return rest.is_empty().then_some(Moment {
            micros: days * DAY_SECONDS * 1_000_000,
            form: Form::Date,
        });
    };
    let [b'T' | b't' | b' ', h1, h2, b':', m1, m2, b':', s1, s2] = *clock else {
        return None;
    };
    let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days * DAY_SECONDS + i64::from(hour * 3600 + minute * 60 + second);
    let mut micros = seconds * 1_000_000;
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits == 0 {
            return None;
        }
        let (fraction, behind) = fraction.split_at(digits);
        let mut unit = 100_000;
        for digit in fraction.iter().take(6) {
            micros += i64::from(digit - b'0') * unit;
            unit /= 10;
        }
        rest = behind;
    }
    let (offset, form) = match *rest {
        [] => (0, Form::Wall),
        [b'Z' | b'z'] => (0, Form::Instant),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let east = i64::from(hours * 60 + minutes) * 60_000_000;
            (if sign == b'+' { east } else { -east }, Form::Instant)
        }
        _ => return None,
    };
    Some(Moment {
        micros: micros - offset,
        form,
    })
}

/// Returns the days since 1970-01-01 of a date, which is nearly always `YYYY-MM-DD`, or `None` for anything else.
pub(crate) fn date(text: &str) -> Option<i32> {
    match text.as_bytes().try_into().ok().and_then(days) {
        Some(days) => Some(days),
        None => written::date(text),
    }
}

#[inline]
fn days(date: &[u8; 10]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else {
        return None;
    };
    day(
        two(y1, y2)? * 100 + two(y3, y4)?,
        two(m1, m2)?,
        two(d1, d2)?,
    )
}

/// Returns the days since 1970-01-01, if the day exists.
#[inline]
fn day(year: i32, month: i32, day: i32) -> Option<i32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i32::from(leap),
        _ => return None,
    };
    (1..=length).contains(&day).then(|| civil(year, month, day))
}

/// Returns the days since 1970-01-01 (H. Hinnant, chrono-compatible low-level date algorithms, `days_from_civil`).
/// Years begin in March, so that a leap day is the last day of a year.
#[inline]
fn civil(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<i32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i32::from(tens) * 10 + i32::from(ones))
}

#[cfg(test)]
mod tests;

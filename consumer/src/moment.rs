//! Points in time from their text: RFC 3339 first, which nearly all records have, and then whatever else writers make
//! of a time that can be read in one way alone ([`written`]).
//!
//! Date and clock are proleptic Gregorian, years 0000 to 9999. A second 60 is a leap second and counts as
//! the next minute's first, as in POSIX time.

mod named_months;
mod written;
mod zone;

const DAY_SECONDS: i64 = 86_400;

/// A text read as a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since 1970-01-01T00:00:00 UTC, or on the wall's clock if there is no offset. Digits beyond the
    /// microsecond are cut off.
    pub(crate) micros: i64,
    /// What the text says beside the date.
    pub(crate) form: Form,
}

/// How much a text says of its point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `2026-01-31`
    Date,
    /// `2026-01-31T12:00:00`
    Wall,
    /// `2026-01-31T12:00:00Z`, `2026-01-31T12:00:00+01:00`
    Instant,
}

/// Why a text is no point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoMoment {
    /// It is not written as one, or is a day or hour that does not exist.
    Other,
    /// It is a number, and does not say what it counts.
    Number,
    /// A local time that a zone's clocks never showed.
    Skipped,
    /// A local time that a zone's clocks showed twice.
    Repeated,
    /// A local time in a year for which a zone's rules are not known.
    UnknownRules,
    /// Its offset is not the one that its zone has then.
    OtherOffset,
}

/// Says what point in time a text is, and whether it is a date, a time on the wall's clock, or an instant.
///
/// # Errors
/// Why it is none.
#[inline]
pub(crate) fn moment(text: &str) -> Result<Moment, NoMoment> {
    match rfc3339(text) {
        Some(moment) => Ok(moment),
        None => written::moment(text),
    }
}

/// Reads `YYYY-MM-DD`, or that with `Thh:mm:ss[.fraction][offset]`: any number of digits in the fraction,
/// `T` or `t` or one blank, `Z` or `z` or `±hh:mm`. `None` for anything else.
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

/// Days since 1970-01-01 of a date, which is `YYYY-MM-DD` nearly always; `None` for anything else.
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

/// Days since 1970-01-01, if there is such a day.
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

/// Days since 1970-01-01 (H. Hinnant, chrono-compatible low-level date algorithms, `days_from_civil`).
/// Years begin in March, so that a leap day is a year's last.
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

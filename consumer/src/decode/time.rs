//! Points in time from their text: RFC 3339, and what people write for it.
//!
//! Date and clock are proleptic Gregorian, years 0000 to 9999. A second 60 is a leap second and counts as
//! the next minute's first, as in POSIX time.

const DAY_SECONDS: i64 = 86_400;

/// A text read as a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Since 1970-01-01T00:00:00 UTC, or on the wall's clock if there is no offset. Digits beyond the
    /// microsecond are cut off.
    pub(super) micros: i64,
    /// What the text says beside the date.
    pub(super) form: Form,
}

/// How much a text says of its point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `2026-01-31`
    Date,
    /// `2026-01-31T12:00:00`
    Wall,
    /// `2026-01-31T12:00:00Z`, `2026-01-31T12:00:00+01:00`
    Instant,
}

/// Reads `YYYY-MM-DD`, or that with `Thh:mm:ss[.fraction][offset]`: any number of digits in the fraction,
/// `T` or `t` or one blank, `Z` or `z` or `±hh:mm`. `None` for anything else.
#[inline]
pub(super) fn moment(text: &str) -> Option<Moment> {
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

/// Days since 1970-01-01 of `YYYY-MM-DD`; `None` for anything else.
pub(super) fn date(text: &str) -> Option<i32> {
    days(text.as_bytes().try_into().ok()?)
}

#[inline]
fn days(date: &[u8; 10]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else {
        return None;
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
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

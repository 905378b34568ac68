//! Reads points in time in the forms that other programs write.
//!
//! | text | written by |
//! |---|---|
//! | `2026-01-31T12:00Z`, `2026-01-31T12:00+01:00[Europe/Paris]` | Java |
//! | `2026-01-31 12:00:00+00`, `2026-01-31 12:00:00 UTC` | PostgreSQL, DuckDB |
//! | `2026-01-31 12:00:00 +0000`, `2026-01-31 12:00:00 +0000 UTC` | Ruby, Go |
//! | `2026-01-31 12:00:00,250` | Python's logging |
//! | `2026/01/31 12:00:00` | Go's log |
//! | `20260131T120000Z` | ISO 8601's basic form |
//! | `Sat, 31 Jan 2026 12:00:00 GMT` and others with a month's name ([`named_months`]) | HTTP, mail |
//!
//! Besides these, every form that Spark reads is read: fields of one digit, `2026`, `2026-01`, `-8`, `+01:00:30`, `
//! Europe/Paris`, and blanks around the text.
//!
//! A text is read only if it can be read in one way. These are not read: a time without its date, which means another
//! time each day; a year of two digits; a day before its month; a number other than a year of four digits; an
//! abbreviation such as `CST`, which several zones have.

use super::zone::Zone;
use super::{DAY_SECONDS, Form, Moment, NoMoment, day, named_months};

/// Does what [`super::moment`] does, for a text that is not RFC 3339.
#[cold]
#[inline(never)]
pub(super) fn moment(text: &str) -> Result<Moment, NoMoment> {
    let text = trimmed(text);
    if is_number(text) {
        return Err(NoMoment::Number);
    }
    if text.starts_with(|first: char| first.is_ascii_alphabetic()) || text.contains(", ") {
        return named_months::moment(text).ok_or(NoMoment::Other);
    }
    let mut cursor = Cursor(text);
    let date = cursor.date().ok_or(NoMoment::Other)?;
    let seconds = i64::from(date.days) * DAY_SECONDS;
    if cursor.0.is_empty() {
        return Ok(Moment {
            micros: seconds * 1_000_000,
            form: Form::Date,
        });
    }
    let clock = match date.is_whole {
        true => cursor.clock().ok_or(NoMoment::Other)?,
        false => return Err(NoMoment::Other),
    };
    let seconds = seconds + clock.seconds;
    let (offset, form) = match Zone::read(cursor.0)? {
        None => (0, Form::Wall),
        Some(zone) => (zone.offset(seconds)?, Form::Instant),
    };
    Ok(Moment {
        micros: (seconds - offset) * 1_000_000 + clock.micros,
        form,
    })
}

/// Does what [`super::date`] does, for a text that is not `YYYY-MM-DD`. Eight digits are a date here, where no number
/// is expected.
#[cold]
#[inline(never)]
pub(super) fn date(text: &str) -> Option<i32> {
    let mut cursor = Cursor(trimmed(text));
    let date = cursor.date()?;
    cursor.0.is_empty().then_some(date.days)
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_ascii_whitespace() || letter.is_ascii_control())
}

/// Returns whether a text is a number and not a year.
fn is_number(text: &str) -> bool {
    let is_year = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    !is_year && text.parse::<f64>().is_ok_and(f64::is_finite)
}

struct Date {
    /// The days since 1970-01-01.
    days: i32,
    /// Whether the text names the day.
    is_whole: bool,
}

struct Clock {
    seconds: i64,
    /// The microseconds of the second's fraction.
    micros: i64,
}

/// The part of a text that has not been read yet.
pub(super) struct Cursor<'a>(pub(super) &'a str);

impl<'a> Cursor<'a> {
    /// Reads a date: `2026`, `2026-1`, `2026-1-31`, `2026/01/31` or `20260131`.
    fn date(&mut self) -> Option<Date> {
        let number = self.digits();
        if let ([y1, y2, y3, y4, rest @ ..], 8) = (number.as_bytes(), number.len()) {
            let (month, day_of_month) = rest.split_at_checked(2)?;
            return Some(Date {
                days: day(
                    value(&[*y1, *y2, *y3, *y4]),
                    value(month),
                    value(day_of_month),
                )?,
                is_whole: true,
            });
        }
        if number.len() != 4 {
            return None;
        }
        let mut fields = [value(number.as_bytes()), 1, 1];
        let mut is_whole = false;
        if let Some(separator @ ('-' | '/')) = self.0.chars().next() {
            self.take(separator);
            fields[1] = self.field()?;
            is_whole = self.take(separator);
            if is_whole {
                fields[2] = self.field()?;
            }
        }
        let [year, month, day_of_month] = fields;
        let days = day(year, month, day_of_month)?;
        Some(Date { days, is_whole })
    }

    /// Reads a time: `T12`, `T12:00`, `T12:00:00.5`, `T1200` or `T120000.5`. Blanks may stand in place of the `T`.
    fn clock(&mut self) -> Option<Clock> {
        if !(self.take('T') || self.take('t') || self.blanks()) {
            return None;
        }
        let number = self.digits();
        let (fields, has_seconds) = match number.as_bytes() {
            [_] | [_, _] => {
                let mut fields = [value(number.as_bytes()), 0, 0];
                let has_minutes = self.take(':');
                if has_minutes {
                    fields[1] = self.field()?;
                }
                let has_seconds = has_minutes && self.take(':');
                if has_seconds {
                    fields[2] = self.field()?;
                }
                (fields, has_seconds)
            }
            [h1, h2, m1, m2] => ([value(&[*h1, *h2]), value(&[*m1, *m2]), 0], false),
            [h1, h2, m1, m2, s1, s2] => {
                let fields = [value(&[*h1, *h2]), value(&[*m1, *m2]), value(&[*s1, *s2])];
                (fields, true)
            }
            _ => return None,
        };
        let [hour, minute, second] = fields;
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut micros = 0;
        if has_seconds && (self.take('.') || self.take(',')) {
            let fraction = self.digits();
            if fraction.is_empty() {
                return None;
            }
            let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
            micros = digits.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0'));
        }
        Some(Clock {
            seconds: i64::from(hour * 3600 + minute * 60 + second),
            micros,
        })
    }

    /// Reads a number of one or two digits.
    pub(super) fn field(&mut self) -> Option<i32> {
        let digits = self.digits();
        matches!(digits.len(), 1 | 2).then(|| value(digits.as_bytes()))
    }

    /// Reads the digits that stand here.
    pub(super) fn digits(&mut self) -> &'a str {
        let end = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits
    }

    /// Passes over `letter` if it stands here, and returns whether it does.
    pub(super) fn take(&mut self, letter: char) -> bool {
        let rest = self.0.strip_prefix(letter);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Passes over blanks if there are any here, and returns whether there are.
    pub(super) fn blanks(&mut self) -> bool {
        let rest = self.0.trim_start_matches(' ');
        let some = rest.len() < self.0.len();
        self.0 = rest;
        some
    }
}

/// Returns the number that at most nine digits stand for.
pub(super) fn value(digits: &[u8]) -> i32 {
    digits
        .iter()
        .fold(0, |value, digit| value * 10 + i32::from(digit - b'0'))
}

//! Reads points in time that have the name of a month, as in the headers of HTTP and mail and in the text of C's
//! `ctime`. Only English names are read, since no standard has others.

use chrono::{DateTime, NaiveDateTime};

use super::{Form, Moment};

/// Reads `Sat, 31 Jan 2026 12:00:00 GMT` (RFC 2822, RFC 9110), `Sat Jan 31 12:00:00 +0000 2026` and `Sat Jan 31
/// 12:00:00 2026`. The day of the week must be right, and the year must have four digits.
pub(super) fn moment(text: &str) -> Option<Moment> {
    let mut words = text.split_ascii_whitespace();
    if !words.any(|word| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    // The other abbreviations of RFC 2822, such as CST, mean several zones elsewhere.
    let text = [" GMT", " UTC", " UT"]
        .iter()
        .find_map(|zone| {
            let (before, behind) = text.split_once(zone)?;
            (behind.is_empty() || behind.starts_with(' '))
                .then(|| format!("{before} +0000{behind}"))
        })
        .unwrap_or_else(|| text.to_owned());
    let instant = match text.contains(',') {
        true if text.contains(['+', '-']) => DateTime::parse_from_rfc2822(&text).ok(),
        true => None,
        false => DateTime::parse_from_str(&text, "%a %b %e %H:%M:%S %z %Y").ok(),
    };
    if let Some(instant) = instant {
        return Some(Moment {
            micros: instant.timestamp_micros(),
            form: Form::Instant,
        });
    }
    let wall = NaiveDateTime::parse_from_str(&text, "%a %b %e %H:%M:%S %Y").ok()?;
    Some(Moment {
        micros: wall.and_utc().timestamp_micros(),
        form: Form::Wall,
    })
}

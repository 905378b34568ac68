//! The end of a text with a time: its offset, or the zone whose clocks showed the time.

use arrow::array::timezone::Tz;
use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeZone};

use super::NoMoment;
use super::written::{Cursor, value};

/// The first second of the year 2100, on a local clock. chrono-tz knows each zone's clock changes up to then, and gives
/// winter time for all later times.
const RULES_END: i64 = 4_102_444_800;

/// The offset or zone of a local time.
pub(super) enum Zone<'a> {
    /// This many seconds east of Greenwich, and perhaps the name of a zone that agrees with the offset:
    /// `+01:00[Europe/Paris]`.
    Offset {
        east: i64,
        /// Whether the offset is `Z`, which gives the instant and says nothing about a local offset (RFC 9557, 2.2).
        is_z: bool,
        bracket: Option<&'a str>,
    },
    /// The clocks of a zone: ` Europe/Paris`.
    Clocks(Tz),
}

impl<'a> Zone<'a> {
    /// Reads all of `text`. Returns `None` for an empty text.
    pub(super) fn read(text: &'a str) -> Result<Option<Self>, NoMoment> {
        let (text, bracket) = match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
            Some((text, bracket)) => (text, Some(bracket)),
            None => (text, None),
        };
        let mut cursor = Cursor(text);
        cursor.blanks();
        let zone = match (cursor.0, bracket) {
            ("", None) if text.is_empty() => return Ok(None),
            ("", Some(bracket)) if text.is_empty() => Self::named(bracket),
            ("Z" | "z", bracket) => Some(Self::Offset {
                east: 0,
                is_z: true,
                bracket,
            }),
            (name, None) if name.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                Self::named(name)
            }
            (_, bracket) => cursor.offset().and_then(|east| {
                cursor.abbreviation(east).then_some(Self::Offset {
                    east,
                    is_z: false,
                    bracket,
                })
            }),
        };
        zone.map(Some).ok_or(NoMoment::Other)
    }

    /// Reads a zone's name: `UTC`, `GMT+1`, `Europe/Paris`, `+01:00`. Other names without a slash are abbreviations,
    /// many of which belong to several zones, and are not read.
    fn named(name: &str) -> Option<Self> {
        if name.contains('/') {
            return name.parse().ok().map(Self::Clocks);
        }
        let prefix = ["UTC", "GMT", "UT", ""].into_iter().find(|prefix| {
            let start = name.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        })?;
        let mut cursor = Cursor(name.get(prefix.len()..)?);
        let east = match cursor.0 {
            "" if !prefix.is_empty() => 0,
            _ => cursor.offset()?,
        };
        cursor.0.is_empty().then_some(Self::Offset {
            east,
            is_z: false,
            bracket: None,
        })
    }

    /// Returns the seconds by which the local time `local`, in seconds since 1970, is ahead of UTC.
    pub(super) fn offset(&self, local: i64) -> Result<i64, NoMoment> {
        match *self {
            Self::Clocks(zone) if local < RULES_END => {
                let local = naive(local).ok_or(NoMoment::Other)?;
                match zone.offset_from_local_datetime(&local) {
                    LocalResult::Single(offset) => Ok(seconds(&offset)),
                    LocalResult::Ambiguous(..) => Err(NoMoment::Repeated),
                    LocalResult::None => Err(NoMoment::Skipped),
                }
            }
            Self::Clocks(_) => Err(NoMoment::UnknownRules),
            Self::Offset {
                east,
                is_z: false,
                bracket: Some(name),
            } => match Self::named(name) {
                Some(zone) if !zone.has(east, local - east) => Err(NoMoment::OtherOffset),
                _ if is_zone_name(name) => Ok(east),
                _ => Err(NoMoment::Other),
            },
            Self::Offset { east, bracket, .. } => match bracket.is_none_or(is_zone_name) {
                true => Ok(east),
                false => Err(NoMoment::Other),
            },
        }
    }

    /// Returns whether the zone is `east` seconds ahead of UTC at the instant `utc`, or may be because its rules are
    /// not known.
    fn has(&self, east: i64, utc: i64) -> bool {
        match *self {
            Self::Offset { east: own, .. } => own == east,
            Self::Clocks(zone) => {
                utc >= RULES_END
                    || naive(utc)
                        .is_some_and(|utc| seconds(&zone.offset_from_utc_datetime(&utc)) == east)
            }
        }
    }
}

/// Returns whether a text may be a zone's name. A zone newer than this program has an unknown name, which does no harm
/// after an offset.
fn is_zone_name(name: &str) -> bool {
    let continues = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-+:".contains(&byte);
    !name.is_empty() && name.bytes().all(continues)
}

fn naive(seconds: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp(seconds, 0).map(|time| time.naive_utc())
}

fn seconds(offset: &impl Offset) -> i64 {
    offset.fix().local_minus_utc().into()
}

impl Cursor<'_> {
    /// Reads an offset in seconds: `+1`, `+01`, `+0100`, `+01:00`, `+01:00:30` or `+010030`.
    fn offset(&mut self) -> Option<i64> {
        let sign = match (self.take('+'), self.take('-')) {
            (true, false) => 1,
            (false, true) => -1,
            _ => return None,
        };
        let number = self.digits();
        let fields = match number.as_bytes() {
            hours @ ([_] | [_, _]) => {
                let mut fields = [value(hours), 0, 0];
                for field in &mut fields[1..] {
                    if !self.take(':') {
                        break;
                    }
                    let digits = self.digits();
                    *field = (digits.len() == 2).then(|| value(digits.as_bytes()))?;
                }
                fields
            }
            [h1, h2, m1, m2] => [value(&[*h1, *h2]), value(&[*m1, *m2]), 0],
            [h1, h2, m1, m2, s1, s2] => {
                [value(&[*h1, *h2]), value(&[*m1, *m2]), value(&[*s1, *s2])]
            }
            _ => return None,
        };
        let [hours, minutes, seconds] = fields;
        let exists = hours < 24 && minutes < 60 && seconds < 60;
        exists.then(|| sign * i64::from(hours * 3600 + minutes * 60 + seconds))
    }

    /// Passes over the abbreviation that Go writes after an offset (` CET`), if there is one, and returns whether the
    /// text ends there. `UTC` and `GMT` must agree with the offset.
    fn abbreviation(&mut self, east: i64) -> bool {
        if !self.blanks() {
            return self.0.is_empty();
        }
        let is_name =
            matches!(self.0.len(), 3..=5) && self.0.bytes().all(|b| b.is_ascii_uppercase());
        is_name && (east == 0 || !matches!(self.0, "UTC" | "GMT"))
    }
}

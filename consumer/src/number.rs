//! Formats numbers for people: thousands are separated, units fit, and no digit of a decimal is lost.

use std::time::Duration;

/// Formats a count: `1,234,567`.
pub fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// Separates the thousands of a printed number: `-1234567.50` becomes `-1,234,567.50`.
///
/// This works on the text, so that a decimal of any precision keeps every digit.
pub fn grouped(digits: &str) -> String {
    let (sign, rest) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let whole = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (whole, fraction) = rest.split_at(whole);
    let mut out = String::with_capacity(digits.len() + whole.len() / 3 + 1);
    out.push_str(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out.push_str(fraction);
    out
}

/// Formats a floating-point number with at most six decimals, without zeros at their end.
///
/// Very large and very small numbers are written with an exponent, to four digits.
pub fn float(x: f64) -> String {
    if !x.is_finite() {
        return if x.is_nan() {
            "NaN".into()
        } else {
            format!("{}∞", if x < 0.0 { "-" } else { "" })
        };
    }
    if x != 0.0 && !(1e-4..1e15).contains(&x.abs()) {
        return format!("{x:.3e}");
    }
    let text = format!("{x:.6}");
    grouped(text.trim_end_matches('0').trim_end_matches('.'))
}

/// Formats a change with its sign and `scale` decimals: `+1,234.50`. If the column has no scale of its own, it has at
/// most six decimals, and only needed ones. Returns an empty text if nothing is visible at that precision.
pub fn change(x: f64, scale: Option<usize>) -> String {
    let text = match scale {
        Some(scale) => grouped(&format!("{x:.scale$}")),
        None => float(x),
    };
    match text {
        text if !text.contains(|c: char| ('1'..='9').contains(&c)) => String::new(),
        text if text.starts_with('-') => text,
        text => format!("+{text}"),
    }
}

/// Formats a rough number in at most five characters: `950`, `12.3k`, `4.2M`.
pub fn short(x: f64) -> String {
    const UNITS: [&str; 5] = ["", "k", "M", "G", "T"];
    let (mut x, mut unit) = (x, 0);
    while x >= 999.5 && unit < UNITS.len() - 1 {
        x /= 1000.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && x < 99.95);
    let text = format!("{x:.decimals$}");
    format!(
        "{}{}",
        text.strip_suffix(".0").unwrap_or(&text),
        UNITS[unit]
    )
}

/// Formats a number of bytes in binary units: `2.1 MiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    // The text only gives an idea of the size, so the rounding of a cast does not show.
    let (mut x, mut unit) = (n as f64, 0);
    while x >= 1023.5 && unit < UNITS.len() - 1 {
        x /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && x < 99.95);
    format!("{x:.decimals$} {}", UNITS[unit])
}

/// Formats a duration in the unit that reads best: `85 ms`, `2.5 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(d: Duration) -> String {
    let (ms, s) = (d.as_millis(), d.as_secs());
    match s {
        0 => format!("{ms} ms"),
        1..=9 if ms % 1000 >= 100 => format!("{}.{} s", s, ms % 1000 / 100),
        1..=59 => format!("{s} s"),
        60..=3599 if s.is_multiple_of(60) => format!("{} min", s / 60),
        60..=3599 => format!("{} min {} s", s / 60, s % 60),
        _ if s % 3600 < 60 => format!("{} h", s / 3600),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

/// Formats a count with its noun: `1 row`, `2 rows`.
pub fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", count(n), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated_and_no_digit_is_lost() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(grouped("-1234567.50"), "-1,234,567.50");
        assert_eq!(
            grouped("12345678901234567890123456.0000000001"),
            "12,345,678,901,234,567,890,123,456.0000000001"
        );
    }

    #[test]
    fn floats_are_readable() {
        assert_eq!(float(0.1 + 0.2), "0.3");
        assert_eq!(float(1234.5), "1,234.5");
        assert_eq!(float(0.0), "0");
        assert_eq!(float(1.5e20), "1.500e20");
        assert_eq!(float(f64::NAN), "NaN");
        assert_eq!(float(f64::NEG_INFINITY), "-∞");
    }

    #[test]
    fn changes_carry_their_sign() {
        assert_eq!(change(1234.5, Some(2)), "+1,234.50");
        assert_eq!(change(-3.0, Some(0)), "-3");
        assert_eq!(change(0.001, Some(2)), "");
        assert_eq!(change(-0.25, None), "-0.25");
    }

    #[test]
    fn short_numbers_stay_short() {
        assert_eq!(short(0.0), "0");
        assert_eq!(short(950.0), "950");
        assert_eq!(short(12_345.0), "12.3k");
        assert_eq!(short(50_000.0), "50k");
        assert_eq!(short(999_999.0), "1M");
        assert_eq!(short(123_456_789.0), "123M");
    }

    #[test]
    fn units_fit() {
        assert_eq!(bytes(1000), "1000 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(5 << 30), "5.0 GiB");
        assert_eq!(duration(Duration::from_millis(85)), "85 ms");
        assert_eq!(duration(Duration::from_millis(2500)), "2.5 s");
        assert_eq!(duration(Duration::from_secs(60)), "1 min");
        assert_eq!(duration(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(duration(Duration::from_secs(7500)), "2 h 5 min");
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(2000, "row"), "2,000 rows");
    }
}

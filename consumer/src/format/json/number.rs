//! Numbers from their digits, exactly: none of them goes through a float but floats.

use super::scan::Scanner;

/// Why a text is not a number of the type asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberError {
    /// It has digits that the type has no room for, before the point or behind it.
    OutOfRange,
    /// It is not a number as JSON has them.
    NotANumber,
}

/// Whether `text` is one number as JSON has them, and nothing else.
pub(super) fn is_number(text: &str) -> bool {
    let mut scanner = Scanner::new(text.as_bytes(), 0);
    scanner.number().is_ok() && scanner.at() == text.len()
}

/// `number` × 10^`scale` as a whole number of at most `precision` digits (at most 38).
///
/// `number` is a JSON number, as bytes. `12.340` has two digits behind the point, and `1e2` is 100: only the value
/// counts.
///
/// # Errors
/// `OutOfRange` where a digit other than 0 has no place.
#[inline]
pub(super) fn decimal(number: &[u8], precision: u8, scale: i8) -> Result<i128, NumberError> {
    match short_decimal(number, scale) {
        Some(unscaled) if unscaled.unsigned_abs() < POWERS[usize::from(precision.min(18))] => {
            Ok(i128::from(unscaled))
        }
        _ => any_decimal(number, precision, scale),
    }
}

/// 10^0 to 10^18: all that an i64 has room for.
const POWERS: [u64; 19] = {
    let mut powers = [1; 19];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// [`decimal`] for the numbers that there are: no exponent, at most 18 digits, none behind the scale.
#[inline]
fn short_decimal(number: &[u8], scale: i8) -> Option<i64> {
    let (negative, digits) = match number {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 17 {
        return None;
    }
    let mut value: u64 = 0;
    let mut point = digits.len();
    for (i, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            value = value * 10 + u64::from(digit);
        } else if *byte == b'.' {
            point = i + 1;
        } else {
            return None;
        }
    }
    let missing = usize::try_from(scale)
        .ok()?
        .checked_sub(digits.len() - point)?;
    let value = value.checked_mul(*POWERS.get(missing)?)?;
    let value = i64::try_from(value).ok()?;
    Some(if negative { -value } else { value })
}

/// [`decimal`] for every number, however long.
#[cold]
fn any_decimal(number: &[u8], precision: u8, scale: i8) -> Result<i128, NumberError> {
    match cut_off(number, precision, scale)? {
        (value, false) => Ok(value),
        (_, true) => Err(NumberError::OutOfRange),
    }
}

/// `number` × 10^`scale`, rounded down to a whole number. As [`decimal`] but for that.
#[inline]
pub(super) fn floor(number: &[u8], scale: i8) -> Result<i128, NumberError> {
    match short_decimal(number, scale) {
        Some(unscaled) => Ok(i128::from(unscaled)),
        None => {
            let (value, lost) = cut_off(number, 38, scale)?;
            Ok(value - i128::from(lost && number.starts_with(b"-")))
        }
    }
}

/// `number` × 10^`scale` without what is behind the point, and whether that was anything but zeros.
#[cold]
fn cut_off(number: &[u8], precision: u8, scale: i8) -> Result<(i128, bool), NumberError> {
    let is_e = |byte: &u8| matches!(byte, b'e' | b'E');
    let mut parts = number.splitn(2, is_e);
    let mantissa = parts.next().unwrap_or_default();
    let exponent = parts.next().map_or(0, saturating);
    let (negative, mantissa) = match mantissa {
        [b'-', mantissa @ ..] => (true, mantissa),
        mantissa => (false, mantissa),
    };
    let whole = mantissa.iter().position(|byte| *byte == b'.');
    let whole = whole.unwrap_or(mantissa.len());
    // The place of the next digit in the result: 0 is its last one.
    let mut place = i64::try_from(whole).map_err(|_| NumberError::OutOfRange)? - 1
        + exponent
        + i64::from(scale);
    let mut value: i128 = 0;
    let mut lost = false;
    for digit in mantissa.iter().filter(|byte| **byte != b'.') {
        let digit = i128::from(digit - b'0');
        if digit != 0 && place >= i64::from(precision) {
            return Err(NumberError::OutOfRange);
        }
        if place >= 0 {
            value = value * 10 + digit;
        } else {
            lost |= digit != 0;
        }
        place -= 1;
    }
    // The first digit had its place within the precision, so this stays below 10^38.
    if value != 0 {
        for _ in 0..=place {
            value *= 10;
        }
    }
    Ok((if negative { -value } else { value }, lost))
}

/// An exponent, or one that is far beyond all types if it is too large to be kept.
fn saturating(exponent: &[u8]) -> i64 {
    const FAR: i64 = 1 << 40;
    let (sign, digits) = match exponent {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] | digits => (1, digits),
    };
    let size = digits.iter().fold(0, |size, digit| {
        FAR.min(size * 10 + i64::from(digit - b'0'))
    });
    sign * size
}

/// A whole number; `3.0` and `1e2` are.
#[inline]
pub(super) fn integer<T: TryFrom<i128>>(number: &[u8]) -> Result<T, NumberError> {
    let value = decimal(number, 19, 0)?;
    T::try_from(value).map_err(|_| NumberError::OutOfRange)
}

/// The float nearest to the number. One that only infinity is near to is out of range.
pub(super) fn double(number: &str) -> Result<f64, NumberError> {
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(NumberError::OutOfRange),
        Err(_) => Err(NumberError::NotANumber),
    }
}

/// As [`double`], in single precision, rounded once.
pub(super) fn float(number: &str) -> Result<f32, NumberError> {
    match number.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(NumberError::OutOfRange),
        Err(_) => Err(NumberError::NotANumber),
    }
}

#[cfg(test)]
mod tests;

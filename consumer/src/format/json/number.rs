//! Reads numbers from their digits, exactly. Only a number for a float column goes through a float.

use super::scan::Scanner;

/// The reason why a text is not a number of the type asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberError {
    /// The number has digits for which the type has no room, before the point or after it.
    OutOfRange,
    /// The text is not a number in JSON's grammar.
    NotANumber,
}

/// Returns whether `text` is one number in JSON's grammar, and nothing else.
pub(super) fn is_number(text: &str) -> bool {
    let mut scanner = Scanner::new(text.as_bytes(), 0);
    scanner.number().is_ok() && scanner.at() == text.len()
}

/// Returns `number` × 10^`scale` as a whole number of at most `precision` digits (at most 38).
///
/// `number` is a JSON number, as bytes. Only its value counts: `12.340` has two digits after the point, and `1e2` is
/// 100.
///
/// # Errors
/// Returns `OutOfRange` if there is no room for a digit other than 0.
#[inline]
pub(super) fn decimal(number: &[u8], precision: u8, scale: i8) -> Result<i128, NumberError> {
    match short_decimal(number, scale) {
        Some(unscaled) if unscaled.unsigned_abs() < POWERS[usize::from(precision.min(18))] => {
            Ok(i128::from(unscaled))
        }
        _ => any_decimal(number, precision, scale),
    }
}

/// The powers 10^0 to 10^18: all that fit an i64.
const POWERS: [u64; 19] = {
    let mut powers = [1; 19];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// Does what [`decimal`] does for the usual numbers: no exponent, at most 17 characters, no digits beyond the scale.
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

/// Does what [`decimal`] does for every number, however long.
#[cold]
fn any_decimal(number: &[u8], precision: u8, scale: i8) -> Result<i128, NumberError> {
    match cut_off(number, precision, scale)? {
        (value, false) => Ok(value),
        (_, true) => Err(NumberError::OutOfRange),
    }
}

/// Returns `number` × 10^`scale`, rounded down to a whole number. In all else it does what [`decimal`] does.
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

/// Returns `number` × 10^`scale` without the digits after the point, and whether any of these was not zero.
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
    // The place of the next digit in the result; the result's last digit has the place 0.
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
    // The place of the first digit was within the precision, so this stays below 10^38.
    if value != 0 {
        for _ in 0..=place {
            value *= 10;
        }
    }
    Ok((if negative { -value } else { value }, lost))
}

/// Returns an exponent. One that is too large to be stored becomes an exponent far beyond all types.
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

/// Returns a whole number; `3.0` and `1e2` are whole numbers.
#[inline]
pub(super) fn integer<T: TryFrom<i128>>(number: &[u8]) -> Result<T, NumberError> {
    let value = decimal(number, 19, 0)?;
    T::try_from(value).map_err(|_| NumberError::OutOfRange)
}

/// Returns the float nearest to the number. A number so large that infinity is nearest is out of range.
pub(super) fn double(number: &str) -> Result<f64, NumberError> {
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(NumberError::OutOfRange),
        Err(_) => Err(NumberError::NotANumber),
    }
}

/// Returns the float of single precision that is nearest to the number, rounded only once.
pub(super) fn float(number: &str) -> Result<f32, NumberError> {
    match number.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(NumberError::OutOfRange),
        Err(_) => Err(NumberError::NotANumber),
    }
}

#[cfg(test)]
mod tests;

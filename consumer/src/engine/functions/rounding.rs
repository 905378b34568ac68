//! Rounds quotients.

/// Returns `dividend / divisor`, rounded half away from zero, which is SQL's HALF_UP. Returns `None` if the divisor is
/// zero or the quotient does not fit.
pub fn divide_half_up(dividend: i128, divisor: i128) -> Option<i128> {
    let quotient = dividend.checked_div(divisor)?;
    let remainder = (dividend % divisor).unsigned_abs();
    if remainder >= divisor.unsigned_abs() - remainder {
        quotient.checked_add(dividend.signum() * divisor.signum())
    } else {
        Some(quotient)
    }
}

#[cfg(test)]
mod tests {
    use super::divide_half_up;

    #[test]
    fn halves_are_rounded_away_from_zero() {
        for (dividend, divisor, expected) in [
            (5, 2, 3),
            (-5, 2, -3),
            (5, -2, -3),
            (-5, -2, 3),
            (4, 3, 1),
            (-4, 3, -1),
            (7, 3, 2),
            (-8, 3, -3),
            (8, -3, -3),
            (0, 7, 0),
            (6, 3, 2),
            (i128::MAX, 1, i128::MAX),
            (i128::MIN, i128::MIN, 1),
            (i128::MAX, i128::MIN, -1),
        ] {
            let quotient = divide_half_up(dividend, divisor);
            assert_eq!(quotient, Some(expected), "{dividend} / {divisor}");
        }
        assert_eq!(divide_half_up(1, 0), None);
        assert_eq!(divide_half_up(i128::MIN, -1), None);
    }
}

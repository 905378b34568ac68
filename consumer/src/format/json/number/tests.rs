//! Tests numbers against arithmetic on their digits as text.

use proptest::prelude::*;

use super::*;

/// Computes `sign` `whole`.`behind`e`exponent` × 10^scale by moving the point along the digits.
fn by_hand(
    negative: bool,
    whole: &str,
    behind: &str,
    exponent: i32,
    precision: u8,
    scale: i8,
) -> Option<i128> {
    let mut digits = format!("{whole}{behind}");
    let mut point = whole.len() as i64 + i64::from(exponent) + i64::from(scale);
    while point < 0 {
        digits.insert(0, '0');
        point += 1;
    }
    while (digits.len() as i64) < point {
        digits.push('0');
    }
    let (kept, lost) = digits.split_at(point as usize);
    let kept = kept.trim_start_matches('0');
    if lost.contains(|digit| digit != '0') || kept.len() > usize::from(precision) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    Some(match kept {
        "" => 0,
        _ => format!("{sign}{kept}").parse().unwrap(),
    })
}

proptest! {
    #[test]
    fn decimal_is_what_the_digits_say(
        negative: bool,
        whole in "0|[1-9][0-9]{0,3}|[1-9][0-9]{0,40}",
        behind in "|[0-9]{1,3}|[0-9]{1,3}0{1,9}|[0-9]{1,40}",
        exponent in prop_oneof![Just(None), (-45..45i32).prop_map(Some), (-3..3i32).prop_map(Some)],
        (precision, scale) in (1..=38u8).prop_flat_map(|p| (Just(p), 0..=p as i8)),
    ) {
        let mut number = format!("{}{whole}", if negative { "-" } else { "" });
        if !behind.is_empty() {
            number += &format!(".{behind}");
        }
        if let Some(exponent) = exponent {
            number += &format!("e{exponent}");
        }
        prop_assert!(is_number(&number));
        let expected = by_hand(negative, &whole, &behind, exponent.unwrap_or(0), precision, scale);
        prop_assert_eq!(decimal(number.as_bytes(), precision, scale).ok(), expected, "{}", number);
    }

    #[test]
    fn floor_is_the_whole_number_below(
        negative: bool,
        whole in "0|[1-9][0-9]{0,14}",
        behind in "|[0-9]{1,3}|[0-9]{1,30}",
        scale in 0..=6i8,
    ) {
        let point = if behind.is_empty() { "" } else { "." };
        let number = format!("{}{whole}{point}{behind}", if negative { "-" } else { "" });
        let digits = format!("{behind:0<6}");
        let (kept, lost) = digits.split_at(usize::from(scale.unsigned_abs()));
        let cut: i128 = format!("{whole}{kept}").parse().unwrap();
        let below = i128::from(negative && lost.contains(|digit| digit != '0'));
        let expected = if negative { -cut } else { cut } - below;
        prop_assert_eq!(floor(number.as_bytes(), scale), Ok(expected), "{}", number);
        let moved = format!("{number}e-3");
        prop_assert_eq!(floor(moved.as_bytes(), scale + 3), Ok(expected), "{}", moved);
    }

    #[test]
    fn decimal_reads_back_what_it_was_written_from(
        unscaled in prop_oneof![-9_999_999_999_999i128..10_000_000_000_000, -(10i128.pow(37))..10i128.pow(37)],
        scale in 0..=37i8,
    ) {
        let places = usize::from(scale.unsigned_abs());
        let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = places + 1);
        let (whole, behind) = digits.split_at(digits.len() - places);
        let sign = if unscaled < 0 { "-" } else { "" };
        let point = if behind.is_empty() { "" } else { "." };
        let number = format!("{sign}{whole}{point}{behind}");
        prop_assert_eq!(decimal(number.as_bytes(), 38, scale), Ok(unscaled), "{}", number);
    }

    #[test]
    fn integers_are_read_to_their_types_ends(value: i64) {
        prop_assert_eq!(integer::<i64>(value.to_string().as_bytes()), Ok(value));
        let small = i16::try_from(value).map_err(|_| NumberError::OutOfRange);
        prop_assert_eq!(integer::<i16>(value.to_string().as_bytes()), small);
    }

    #[test]
    fn doubles_read_back_what_they_were_written_from(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        prop_assert_eq!(double(&format!("{value:e}")), Ok(value));
    }
}

#[test]
fn exponents_beyond_all_bounds_are_bounded() {
    let huge = "9".repeat(100);
    assert_eq!(decimal(format!("0.000e{huge}").as_bytes(), 5, 2), Ok(0));
    assert_eq!(
        decimal(format!("1e{huge}").as_bytes(), 38, 0),
        Err(NumberError::OutOfRange)
    );
    assert_eq!(
        decimal(format!("1e-{huge}").as_bytes(), 38, 38),
        Err(NumberError::OutOfRange)
    );
    assert_eq!(double(&format!("1e-{huge}")), Ok(0.0));
}

#[test]
fn a_number_is_what_json_calls_one() {
    for text in ["0", "-0", "10.50", "1e5", "1E+5", "0.1e-05"] {
        assert!(is_number(text), "{text}");
    }
    for text in [
        "", "-", "+1", "01", "1.", ".1", "1e", "0x1", " 1", "1 ", "1_0", "NaN", "inf", "１",
    ] {
        assert!(!is_number(text), "{text}");
    }
}

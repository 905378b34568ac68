//! The type that has room for all numbers seen, and holds them exactly if any type does.

use arrow::datatypes::DataType;

/// The digits of a DECIMAL column, unless the numbers had more before the point.
const PRECISION: usize = 18;
/// The most digits after the point of an amount. A number with more of them is a measurement.
const MOST_SCALE: usize = 6;
/// The fewest digits after the point of an amount. Amounts have cents, even if the first ones seen have none.
const LEAST_SCALE: usize = 2;
/// The most digits that a DECIMAL can have.
const MOST_DIGITS: usize = 38;

/// A summary of the numbers in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    count: usize,
    /// The most digits before the point, without leading zeros.
    before: usize,
    /// The most digits after the point.
    behind: usize,
    point: bool,
    /// Whether a number is written with an exponent, or is NaN or an infinity.
    needs_float: bool,
    /// Whether every number is a whole number that fits BIGINT.
    bigint: bool,
}

impl Numbers {
    /// Returns the summary of one number, as it is written in JSON.
    pub(super) fn of(text: &str) -> Self {
        let digits = text.trim_start_matches('-');
        let (before, behind) = digits.split_once('.').unwrap_or((digits, ""));
        Self {
            count: 1,
            before: before.trim_start_matches('0').len(),
            behind: behind.len(),
            point: digits.contains('.'),
            needs_float: digits.contains(['e', 'E']),
            bigint: text.parse::<i64>().is_ok(),
        }
    }

    /// Returns the summary of NaN or an infinity.
    pub(super) fn not_finite() -> Self {
        Self {
            count: 1,
            before: 0,
            behind: 0,
            point: false,
            needs_float: true,
            bigint: false,
        }
    }

    /// Returns how many numbers there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.before = self.before.max(other.before);
        self.behind = self.behind.max(other.behind);
        self.point |= other.point;
        self.needs_float |= other.needs_float;
        self.bigint &= other.bigint;
    }

    pub(super) fn data_type(&self) -> DataType {
        if self.bigint {
            return DataType::Int64;
        }
        let scale = if self.point {
            self.behind.max(LEAST_SCALE)
        } else {
            0
        };
        let precision = match self.point {
            true if self.before + scale <= PRECISION => PRECISION,
            _ => MOST_DIGITS,
        };
        let fits = !self.needs_float && scale <= MOST_SCALE && self.before + scale <= precision;
        match (u8::try_from(precision), i8::try_from(scale)) {
            (Ok(precision), Ok(scale)) if fits => DataType::Decimal128(precision, scale),
            _ => DataType::Float64,
        }
    }
}

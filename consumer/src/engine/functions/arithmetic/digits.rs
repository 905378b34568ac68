//! The number of digits of the result of an operation on decimals, by Spark's rules.
//!
//! An exact result may need more than the 38 digits that a decimal can have. It then loses digits after the point in
//! favour of those before it, and at least six digits after the point stay.
//!
//! Source: `DecimalType.adjustPrecisionScale` and `resultDecimalType` of Spark 4.0 (`Add`, `Multiply`, `Divide` and so
//! on, in `arithmetic.scala`), with the default of `spark.sql.decimalOperations.allowPrecisionLoss`.

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use datafusion_expr::Operator;

/// The most digits of a decimal.
const MOST: i16 = DECIMAL128_MAX_PRECISION as i16;

/// The fewest digits after the point that stay if there are too many digits.
const LEAST_BEHIND: i16 = 6;

/// The number of all digits, and the number of digits after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Digits {
    pub(super) all: i16,
    pub(super) behind: i16,
}

impl Digits {
    pub(super) const fn new(all: i16, behind: i16) -> Self {
        Self { all, behind }
    }

    /// Returns the digits of a decimal type, or `None` if its scale is negative.
    pub(super) fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Decimal128(precision, scale) if *scale >= 0 => {
                Some(Self::new((*precision).into(), (*scale).into()))
            }
            _ => None,
        }
    }

    /// Returns the digits of the decimal that a whole number becomes beside a decimal.
    pub(super) fn of_whole(data_type: &DataType) -> Option<Self> {
        use DataType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
        let all = match data_type {
            Int8 | UInt8 => 3,
            Int16 | UInt16 => 5,
            Int32 | UInt32 => 10,
            Int64 | UInt64 => 20,
            _ => return None,
        };
        Some(Self::new(all, 0))
    }

    pub(super) fn data_type(self) -> DataType {
        let all = u8::try_from(self.all).unwrap_or(DECIMAL128_MAX_PRECISION);
        DataType::Decimal128(all, i8::try_from(self.behind).unwrap_or(0))
    }

    fn before(self) -> i16 {
        self.all - self.behind
    }

    /// Returns the digits after their number has been limited to what a decimal can have.
    fn adjusted(self) -> Self {
        if self.all <= MOST {
            return self;
        }
        let least = self.behind.min(LEAST_BEHIND);
        Self::new(MOST, (MOST - self.before()).max(least))
    }
}

/// Returns the digits of `left op right`, or `None` if `op` is none of the five operations.
pub(super) fn of_result(left: Digits, op: Operator, right: Digits) -> Option<Digits> {
    let behind = left.behind.max(right.behind);
    let exact = match op {
        Operator::Plus | Operator::Minus => {
            Digits::new(left.before().max(right.before()) + behind + 1, behind)
        }
        Operator::Multiply => Digits::new(left.all + right.all + 1, left.behind + right.behind),
        Operator::Divide => {
            let behind = (left.behind + right.all + 1).max(LEAST_BEHIND);
            Digits::new(left.before() + right.behind + behind, behind)
        }
        Operator::Modulo => Digits::new(left.before().min(right.before()) + behind, behind),
        _ => return None,
    };
    Some(exact.adjusted())
}

#[cfg(test)]
mod tests {
    use datafusion_expr::Operator::{Divide, Minus, Modulo, Multiply, Plus};

    use super::{Digits, of_result};

    /// The expected digits are those of Spark 4.0.
    #[test]
    fn results_have_sparks_digits() {
        for (left, op, right, expected) in [
            ((12, 2), Plus, (12, 2), (13, 2)),
            ((12, 2), Minus, (20, 0), (23, 2)),
            ((38, 18), Plus, (38, 18), (38, 17)),
            ((38, 2), Plus, (38, 2), (38, 2)),
            ((38, 0), Plus, (38, 38), (38, 6)),
            ((12, 2), Multiply, (2, 1), (15, 3)),
            ((38, 18), Multiply, (38, 18), (38, 6)),
            ((38, 18), Multiply, (1, 0), (38, 16)),
            ((38, 38), Multiply, (38, 38), (38, 37)),
            ((20, 10), Multiply, (20, 10), (38, 17)),
            ((38, 2), Multiply, (38, 2), (38, 4)),
            ((12, 2), Divide, (12, 2), (27, 15)),
            ((22, 2), Divide, (20, 0), (38, 18)),
            ((38, 18), Divide, (38, 18), (38, 6)),
            ((3, 0), Divide, (1, 0), (9, 6)),
            ((38, 38), Divide, (1, 0), (38, 38)),
            ((12, 2), Modulo, (3, 0), (5, 2)),
            ((38, 18), Modulo, (38, 2), (38, 18)),
        ] {
            let digits = |(all, behind)| Digits::new(all, behind);
            let result = of_result(digits(left), op, digits(right));
            assert_eq!(result, Some(digits(expected)), "{left:?} {op} {right:?}");
        }
    }
}

//! The five operations on decimals. They are computed exactly, and then rounded half up to the digits of the result.

use arrow::array::{Array, Decimal128Array, new_null_array};
use arrow::compute::kernels::arity::try_binary;
use arrow::datatypes::{Decimal128Type, DecimalType, i256};
use arrow::error::ArrowError;
use datafusion_expr::Operator;

use crate::engine::functions::rounding::divide_half_up;

/// One operation, with the digits after the point of its operands and of its result.
pub(super) struct Operands {
    op: Operator,
    precision: u8,
    scales: [i8; 2],
    result: i8,
}

/// The reason why there is no result.
enum Missing {
    DivisionByZero,
    Overflow,
}

impl Operands {
    pub(super) fn new(op: Operator, scales: [i8; 2], precision: u8, result: i8) -> Self {
        Self {
            op,
            precision,
            scales,
            result,
        }
    }

    /// Computes the operation row by row. An operand that is a single value has that value in each row.
    ///
    /// # Errors
    /// Fails if a result has more digits than its type, or a divisor is zero.
    pub(super) fn apply(
        &self,
        (left, is_left_one): (&Decimal128Array, bool),
        (right, is_right_one): (&Decimal128Array, bool),
    ) -> Result<Decimal128Array, ArrowError> {
        let nulls = |many: &Decimal128Array| {
            let nulls = new_null_array(many.data_type(), many.len());
            Decimal128Array::from(nulls.to_data())
        };
        let results: Decimal128Array = match (is_left_one, is_right_one) {
            (false, true) if right.is_null(0) => nulls(left),
            (true, false) if left.is_null(0) => nulls(right),
            (false, true) => left.try_unary(|value| self.of(value, right.value(0)))?,
            (true, false) => right.try_unary(|value| self.of(left.value(0), value))?,
            _ => try_binary(left, right, |left, right| self.of(left, right))?,
        };
        results.with_precision_and_scale(self.precision, self.result)
    }

    fn of(&self, left: i128, right: i128) -> Result<i128, ArrowError> {
        // A result for which 128 bits have no room is computed with 256 bits, which have room for every result that
        // could fit.
        let result = match self.narrow(left, right) {
            Some(result) => Ok(result),
            None => self.wide(left, right),
        };
        let result = result.and_then(|result| {
            let fits = Decimal128Type::is_valid_decimal_precision(result, self.precision);
            fits.then_some(result).ok_or(Missing::Overflow)
        });
        result.map_err(|missing| match missing {
            Missing::DivisionByZero => ArrowError::DivideByZero,
            Missing::Overflow => {
                let shown = |value, scale| Decimal128Type::format_decimal(value, 38, scale);
                let (left, right) = (shown(left, self.scales[0]), shown(right, self.scales[1]));
                ArrowError::ArithmeticOverflow(format!("{left} {} {right}", self.op))
            }
        })
    }

    /// Returns by how many digits each operand is extended so that both have as many digits after the point. For a
    /// quotient, only the dividend is extended.
    fn up(&self) -> [u32; 2] {
        let [left, right] = self.scales.map(i32::from);
        let ups = match self.op {
            Operator::Multiply => [0, 0],
            Operator::Divide => [i32::from(self.result) - left + right, 0],
            _ => [left.max(right) - left, left.max(right) - right],
        };
        ups.map(|up| u32::try_from(up).unwrap_or(0))
    }

    /// Returns how many digits after the point the exact result has too many.
    fn down(&self) -> u32 {
        let [left, right] = self.scales.map(i32::from);
        let exact = match self.op {
            Operator::Multiply => left + right,
            Operator::Divide => return 0,
            _ => left.max(right),
        };
        u32::try_from(exact - i32::from(self.result)).unwrap_or(0)
    }

    /// Returns the result if it and everything on the way to it fit 128 bits.
    fn narrow(&self, left: i128, right: i128) -> Option<i128> {
        let power = |exponent| 10_i128.checked_pow(exponent);
        let [up_left, up_right] = self.up();
        let left = left.checked_mul(power(up_left)?)?;
        let right = right.checked_mul(power(up_right)?)?;
        let exact = match self.op {
            Operator::Plus => left.checked_add(right)?,
            Operator::Minus => left.checked_sub(right)?,
            Operator::Multiply => left.checked_mul(right)?,
            Operator::Divide => return divide_half_up(left, right),
            _ => left.checked_rem(right)?,
        };
        match self.down() {
            0 => Some(exact),
            down => divide_half_up(exact, power(down)?),
        }
    }

    fn wide(&self, left: i128, right: i128) -> Result<i128, Missing> {
        let is_quotient = matches!(self.op, Operator::Divide | Operator::Modulo);
        if is_quotient && right == 0 {
            return Err(Missing::DivisionByZero);
        }
        if left == 0 && self.op != Operator::Plus && self.op != Operator::Minus {
            return Ok(0);
        }
        self.widened(left, right)
            .and_then(i256::to_i128)
            .ok_or(Missing::Overflow)
    }

    fn widened(&self, left: i128, right: i128) -> Option<i256> {
        let power = |exponent| i256::from_i128(10).checked_pow(exponent);
        let [up_left, up_right] = self.up();
        let left = i256::from_i128(left).checked_mul(power(up_left)?)?;
        let right = i256::from_i128(right).checked_mul(power(up_right)?)?;
        let exact = match self.op {
            Operator::Plus => left.checked_add(right)?,
            Operator::Minus => left.checked_sub(right)?,
            Operator::Multiply => left.checked_mul(right)?,
            Operator::Divide => return divide_wide(left, right),
            _ => left.checked_rem(right)?,
        };
        match self.down() {
            0 => Some(exact),
            down => divide_wide(exact, power(down)?),
        }
    }
}

/// Does what [`divide_half_up`] does, with 256 bits.
fn divide_wide(dividend: i256, divisor: i256) -> Option<i256> {
    let quotient = dividend.checked_div(divisor)?;
    let remainder = dividend.checked_rem(divisor)?.checked_abs()?;
    if remainder >= divisor.checked_abs()?.checked_sub(remainder)? {
        let away = dividend.signum().checked_mul(divisor.signum())?;
        return quotient.checked_add(away);
    }
    Some(quotient)
}

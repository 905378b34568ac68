//! `floor` and `ceil` of decimals. Their results are whole numbers with one digit more than the decimal has before its
//! point, as in Spark. DataFusion's functions return the decimal's own type, and DECIMAL(2,2) has no 1.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Field, FieldRef};
use datafusion_common::tree_node::Transformed;
use datafusion_common::{DFSchema, Result, ScalarValue};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Towards {
    Less,
    More,
}

/// Returns the functions to be called in place of DataFusion's functions of the same names, which `known` returns.
pub fn functions(known: impl Fn(&str) -> Option<Arc<ScalarUDF>>) -> Vec<ScalarUDF> {
    [("floor", Towards::Less), ("ceil", Towards::More)]
        .into_iter()
        .filter_map(|(name, towards)| {
            Some(ScalarUDF::from(Whole {
                name,
                towards,
                inner: known(name)?,
            }))
        })
        .collect()
}

/// Gives `expr` a name of its own if it is one of these functions of a decimal. The identity of a query has the names
/// of functions, and in earlier versions the results of these functions had another type.
///
/// # Errors
/// Fails if the function's argument has no type.
pub fn named(expr: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    if let Expr::ScalarFunction(call) = &expr
        && let Some(whole) = call.func.inner().downcast_ref::<Whole>()
        && let [argument] = call.args.as_slice()
        && has_fraction(&argument.get_type(columns)?).is_some()
    {
        let function = Whole {
            name: match whole.towards {
                Towards::Less => "decimal_floor",
                Towards::More => "decimal_ceil",
            },
            towards: whole.towards,
            inner: Arc::clone(&whole.inner),
        };
        let call = ScalarFunction {
            func: Arc::new(ScalarUDF::from(function)),
            args: call.args.clone(),
        };
        return Ok(Transformed::yes(Expr::ScalarFunction(call)));
    }
    Ok(Transformed::no(expr))
}

/// Returns the number of digits, and the number of digits after the point, of a decimal that has digits after its
/// point.
fn has_fraction(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal128(precision, scale) if *scale > 0 => Some((*precision, *scale)),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Whole {
    name: &'static str,
    towards: Towards,
    /// DataFusion's function, which is called for floats and for decimals without digits after the point.
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Whole {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match types.first().and_then(has_fraction) {
            Some((precision, scale)) => {
                let before = i16::from(precision) - i16::from(scale) + 1;
                let digits = before.clamp(1, DECIMAL128_MAX_PRECISION.into());
                DataType::Decimal128(u8::try_from(digits).unwrap_or(DECIMAL128_MAX_PRECISION), 0)
            }
            None => self.inner.return_type(types)?,
        })
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let argument = &args.arg_fields[0];
        let result = self.return_type(&[argument.data_type().clone()])?;
        let field = Field::new(self.name(), result, argument.is_nullable());
        Ok(Arc::new(field))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let argument = args.args[0].data_type();
        let Some((_, scale)) = has_fraction(&argument) else {
            return self.inner.invoke_with_args(args);
        };
        let is_constant = matches!(args.args[0], ColumnarValue::Scalar(_));
        let values = ColumnarValue::values_to_arrays(&args.args)?;
        let one = 10_i128.pow(scale.unsigned_abs().into());
        let whole: Decimal128Array =
            values[0]
                .as_primitive::<Decimal128Type>()
                .unary(|value| match self.towards {
                    Towards::Less => value.div_euclid(one),
                    Towards::More => -(-value).div_euclid(one),
                });
        let whole: ArrayRef = Arc::new(whole.with_data_type(self.return_type(&[argument])?));
        Ok(match is_constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&whole, 0)?),
            false => ColumnarValue::Array(whole),
        })
    }
}

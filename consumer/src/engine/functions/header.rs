//! The value of a record's header by its name: `_headers['trace']`, or `header(_headers, 'trace')`.
//!
//! A record may have several headers of one name. The last one counts, as for Kafka's own clients
//! (`Headers.lastHeader`).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StructArray, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::{DFSchema, Result, ScalarValue, exec_err, plan_err};
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion_expr::{
    ColumnarValue, ExprSchemable, GetFieldAccess, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, lit,
};

const KEY: &str = "key";
const VALUE: &str = "value";

/// Returns the function `header`, which takes an array of keys with their values.
pub fn header() -> ScalarUDF {
    ScalarUDF::from(HeaderFunction {
        signature: Signature::user_defined(Volatility::Immutable),
    })
}

/// Plans `_headers['trace']`, which has no other meaning for an array.
#[derive(Debug)]
pub struct HeaderPlanner;

impl ExprPlanner for HeaderPlanner {
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        if let GetFieldAccess::NamedStructField { name } = &access.field_access
            && value_of(&access.expr.get_type(schema)?).is_some()
        {
            let name = lit(name.clone());
            return Ok(PlannerResult::Planned(
                header().call(vec![access.expr, name]),
            ));
        }
        Ok(PlannerResult::Original(access))
    }
}

/// Returns the type of the values, if the type is an array of keys with values.
fn value_of(data_type: &DataType) -> Option<&DataType> {
    let DataType::List(item) = data_type else {
        return None;
    };
    let DataType::Struct(fields) = item.data_type() else {
        return None;
    };
    let (_, key) = fields.find(KEY)?;
    let (_, value) = fields.find(VALUE)?;
    key.data_type().is_string().then_some(value.data_type())
}

const ARGUMENTS: &str = "header takes _headers and a name, as in header(_headers, 'trace')";

#[derive(Debug, PartialEq, Eq, Hash)]
struct HeaderFunction {
    signature: Signature,
}

impl ScalarUDFImpl for HeaderFunction {
    fn name(&self) -> &str {
        "header"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [headers, name] if value_of(headers).is_some() && name.is_string() => {
                Ok(vec![headers.clone(), DataType::Utf8View])
            }
            _ => plan_err!("{ARGUMENTS}"),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types.first().and_then(value_of) {
            Some(value) => Ok(value.clone()),
            None => plan_err!("{ARGUMENTS}"),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let value = self.return_type(&[args.arg_fields[0].data_type().clone()])?;
        Ok(Arc::new(Field::new(self.name(), value, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let are_constant = |value: &ColumnarValue| matches!(value, ColumnarValue::Scalar(_));
        let are_constant = args.args.iter().all(are_constant);
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let names = cast(&columns[1], &DataType::Utf8View)?;
        let values = last_values(&columns[0], names.as_string_view())?;
        Ok(match are_constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?),
            false => ColumnarValue::Array(values),
        })
    }
}

/// Returns for each row the value of its last header that has the row's name.
fn last_values(headers: &ArrayRef, names: &StringViewArray) -> Result<ArrayRef> {
    let lists = headers.as_list_opt::<i32>();
    let pairs = lists.and_then(|lists| lists.values().as_any().downcast_ref::<StructArray>());
    let columns = pairs.map(|pairs| (pairs.column_by_name(KEY), pairs.column_by_name(VALUE)));
    let (Some(lists), Some(pairs), Some((Some(keys), Some(values)))) = (lists, pairs, columns)
    else {
        return exec_err!("header of what has no keys");
    };
    let keys = cast(keys, &DataType::Utf8View)?;
    let keys = keys.as_string_view();
    let places = (0..lists.len()).map(|row| {
        if lists.is_null(row) || names.is_null(row) {
            return None;
        }
        let (first, name) = (lists.value_offsets()[row], names.value(row));
        let count = lists.value_length(row);
        let mut places = (first..first + count)
            .rev()
            .filter_map(|at| usize::try_from(at).ok());
        let place =
            places.find(|&at| pairs.is_valid(at) && keys.is_valid(at) && keys.value(at) == name);
        place.and_then(|place| u32::try_from(place).ok())
    });
    let places: UInt32Array = places.collect();
    Ok(take(values, &places, None)?)
}

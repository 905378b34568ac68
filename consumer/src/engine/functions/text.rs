//! Casts bytes to text. Bytes that are not UTF-8 become U+FFFD, as in Spark; Arrow's cast would end the query.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, StringViewArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::DataType;
use datafusion_common::tree_node::Transformed;
use datafusion_common::{DFSchema, Result, ScalarValue};
use datafusion_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::arithmetic::type_of;

/// Replaces `expr` by our cast if it casts bytes to text.
///
/// # Errors
/// Fails if the expression has no type.
pub fn of_bytes(expr: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    let (bytes, field) = match &expr {
        Expr::Cast(cast) => (&cast.expr, &cast.field),
        Expr::TryCast(cast) => (&cast.expr, &cast.field),
        _ => return Ok(Transformed::no(expr)),
    };
    if !is_text_of(field.data_type(), &type_of(bytes, columns)?) {
        return Ok(Transformed::no(expr));
    }
    let function = TextOfBytes {
        result: field.data_type().clone(),
        signature: Signature::any(1, Volatility::Immutable),
    };
    let text = ScalarUDF::from(function).call(vec![Expr::clone(bytes)]);
    Ok(Transformed::yes(text))
}

/// Returns whether the first type is text and the second is bytes, or both are lists of these.
fn is_text_of(text: &DataType, bytes: &DataType) -> bool {
    use DataType::{Binary, BinaryView, FixedSizeBinary, LargeBinary, List};
    match (text, bytes) {
        (List(text), List(bytes)) => is_text_of(text.data_type(), bytes.data_type()),
        (text, Binary | BinaryView | LargeBinary | FixedSizeBinary(_)) => text.is_string(),
        _ => false,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TextOfBytes {
    result: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for TextOfBytes {
    fn name(&self) -> &str {
        "text_of_bytes"
    }

    /// Returns the cast as the query writes it.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let argument = args.first().map(ToString::to_string).unwrap_or_default();
        Ok(format!("CAST({argument} AS STRING)"))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.result.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = matches!(args.args[0], ColumnarValue::Scalar(_));
        let bytes = ColumnarValue::values_to_arrays(&args.args)?;
        let texts = texts(&bytes[0], &self.result)?;
        Ok(match is_constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&texts, 0)?),
            false => ColumnarValue::Array(texts),
        })
    }
}

fn texts(bytes: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let all_of_it = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    // Most values are UTF-8, so all of them are tried at once.
    if let Ok(texts) = cast_with_options(bytes, to, &all_of_it) {
        return Ok(texts);
    }
    if let (DataType::List(item), Some(lists)) = (to, bytes.as_list_opt::<i32>()) {
        let items = texts(lists.values(), item.data_type())?;
        let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
        let lists = ListArray::try_new(Arc::clone(item), offsets, items, nulls)?;
        return Ok(Arc::new(lists));
    }
    let bytes = cast(bytes, &DataType::BinaryView)?;
    let texts = bytes.as_binary_view().iter();
    let texts = texts.map(|bytes| bytes.map(String::from_utf8_lossy));
    let texts: ArrayRef = match to {
        DataType::Utf8View => Arc::new(texts.collect::<StringViewArray>()),
        _ => Arc::new(texts.collect::<StringArray>()),
    };
    match texts.data_type() == to {
        true => Ok(texts),
        false => Ok(cast(&texts, to)?),
    }
}

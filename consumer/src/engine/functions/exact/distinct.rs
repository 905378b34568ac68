//! `sum(DISTINCT …)` and `avg(DISTINCT …)`. Their states hold the values themselves, so that they can be merged.

use std::collections::HashSet;
use std::mem::{size_of, size_of_val};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use datafusion_common::Result;
use datafusion_common::ScalarValue;
use datafusion_common::utils::SingleRowListArrayBuilder;
use datafusion_expr::Accumulator;

use super::finish::Finish;
use super::sum_type;

/// The distinct values of one group.
#[derive(Debug)]
pub(super) struct DistinctExact {
    values: HashSet<i128>,
    finish: Finish,
}

impl DistinctExact {
    pub(super) fn new(finish: Finish) -> Self {
        Self {
            values: HashSet::new(),
            finish,
        }
    }
}

impl Accumulator for DistinctExact {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        match values[0].data_type() {
            DataType::Int64 => {
                let values = values[0].as_primitive::<Int64Type>();
                self.values.extend(values.iter().flatten().map(i128::from));
            }
            _ => {
                let values = values[0].as_primitive::<Decimal128Type>();
                self.values.extend(values.iter().flatten());
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for values in states[0].as_list::<i32>().iter().flatten() {
            let values = values.as_primitive::<Decimal128Type>();
            self.values.extend(values.iter().flatten());
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut values: Vec<i128> = self.values.drain().collect();
        // The values are sorted, so that the same values make the same state, byte for byte.
        values.sort_unstable();
        let values = Decimal128Array::from(values).with_data_type(sum_type(self.finish.input()));
        Ok(vec![
            SingleRowListArrayBuilder::new(Arc::new(values)).build_list_scalar(),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut sum = 0_i128;
        for value in &self.values {
            sum = sum
                .checked_add(*value)
                .ok_or_else(|| self.finish.overflow())?;
        }
        let count = i64::try_from(self.values.len()).unwrap_or(i64::MAX);
        let result = self.finish.results(vec![sum], &[count])?;
        ScalarValue::try_from_array(&result, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<i128>()
    }
}

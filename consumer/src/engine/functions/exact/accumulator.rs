//! Sums and counts of groups, in 128-bit integers.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Decimal128Array, Int64Array,
    PrimitiveArray,
};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use datafusion_common::Result;
use datafusion_common::ScalarValue;
use datafusion_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::finish::{Finish, seen};
use super::{Outcome, sum_type};

/// The sums and counts of many groups. A group is identified by its index.
#[derive(Debug)]
pub(super) struct ExactGroups {
    sums: Vec<i128>,
    counts: Vec<i64>,
    finish: Finish,
}

impl ExactGroups {
    pub(super) fn new(finish: Finish) -> Self {
        Self {
            sums: Vec::new(),
            counts: Vec::new(),
            finish,
        }
    }

    fn resize(&mut self, groups: usize) {
        self.sums.resize(groups, 0);
        self.counts.resize(groups, 0);
    }

    fn add<T>(
        &mut self,
        values: &PrimitiveArray<T>,
        groups: &[usize],
        filter: Option<&BooleanArray>,
    ) -> Result<()>
    where
        T: ArrowPrimitiveType<Native: Into<i128>>,
    {
        if values.null_count() == 0 && filter.is_none() {
            for (&group, &value) in groups.iter().zip(values.values()) {
                self.add_one(group, value.into(), 1)?;
            }
            return Ok(());
        }
        for (row, &group) in groups.iter().enumerate() {
            let kept = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if kept && values.is_valid(row) {
                self.add_one(group, values.value(row).into(), 1)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn add_one(&mut self, group: usize, value: i128, count: i64) -> Result<()> {
        let sum = &mut self.sums[group];
        *sum = sum
            .checked_add(value)
            .ok_or_else(|| self.finish.overflow())?;
        self.counts[group] += count;
        Ok(())
    }

    fn take(&mut self, emit: EmitTo) -> (Vec<i128>, Vec<i64>) {
        (
            emit.take_needed(&mut self.sums),
            emit.take_needed(&mut self.counts),
        )
    }
}

impl GroupsAccumulator for ExactGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        self.resize(total_groups);
        match values[0].data_type() {
            DataType::Int64 => self.add(values[0].as_primitive::<Int64Type>(), groups, filter),
            _ => self.add(values[0].as_primitive::<Decimal128Type>(), groups, filter),
        }
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        total_groups: usize,
    ) -> Result<()> {
        self.resize(total_groups);
        let sums = values[0].as_primitive::<Decimal128Type>();
        let counts = values
            .get(1)
            .map(|counts| counts.as_primitive::<Int64Type>());
        for (row, &group) in groups.iter().enumerate() {
            if sums.is_valid(row) {
                // The state of a sum has no count: it only matters whether there was a value.
                let count = counts.map_or(1, |counts| counts.value(row));
                self.add_one(group, sums.value(row), count)?;
            }
        }
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let (sums, counts) = self.take(emit);
        let sums = Decimal128Array::new(sums.into(), seen(&counts))
            .with_data_type(sum_type(self.finish.input()));
        Ok(match self.finish.outcome() {
            Outcome::Sum => vec![Arc::new(sums)],
            Outcome::Average => vec![Arc::new(sums), Arc::new(Int64Array::from(counts))],
        })
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let (sums, counts) = self.take(emit);
        self.finish.results(sums, &counts)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        let each: Vec<usize> = (0..rows).collect();
        let mut groups = Self::new(self.finish.clone());
        groups.update_batch(values, &each, filter, rows)?;
        groups.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.counts.capacity() * size_of::<i64>()
    }
}

/// The sum and count of a query without GROUP BY, which has one group.
#[derive(Debug)]
pub(super) struct ExactAccumulator {
    groups: ExactGroups,
    /// The group of each row, which is 0. There are as many as the largest batch had rows.
    zeros: Vec<usize>,
}

impl ExactAccumulator {
    pub(super) fn new(finish: Finish) -> Self {
        let mut groups = ExactGroups::new(finish);
        groups.resize(1);
        Self {
            groups,
            zeros: Vec::new(),
        }
    }

    fn grow(&mut self, rows: usize) {
        if self.zeros.len() < rows {
            self.zeros.resize(rows, 0);
        }
    }
}

impl Accumulator for ExactAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values[0].len();
        self.grow(rows);
        self.groups
            .update_batch(values, &self.zeros[..rows], None, 1)
    }

    /// Removes the values that a window has left behind.
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let mut gone = Self::new(self.groups.finish.clone());
        gone.update_batch(values)?;
        self.groups.resize(1);
        let ExactGroups {
            sums,
            counts,
            finish,
            ..
        } = &mut self.groups;
        for (sum, gone) in sums.iter_mut().zip(&gone.groups.sums) {
            *sum = sum.checked_sub(*gone).ok_or_else(|| finish.overflow())?;
        }
        for (count, gone) in counts.iter_mut().zip(&gone.groups.counts) {
            *count -= gone;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states[0].len();
        self.grow(rows);
        self.groups.merge_batch(states, &self.zeros[..rows], 1)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = self.groups.state(EmitTo::All)?;
        self.groups.resize(1);
        state
            .iter()
            .map(|column| ScalarValue::try_from_array(column, 0))
            .collect()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let (sums, counts) = (self.groups.sums.clone(), &self.groups.counts);
        let result = self.groups.finish.results(sums, counts)?;
        ScalarValue::try_from_array(&result, 0)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.groups.size() + self.zeros.capacity() * size_of::<usize>()
    }
}

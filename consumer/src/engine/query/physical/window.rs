//! Plans window functions over the groups of a result.

use std::sync::Arc;

use datafusion_common::{DFSchema, Result, plan_err};
use datafusion_expr::expr::{NullTreatment, WindowFunction};
use datafusion_expr::{Expr, Window, WindowFrame, WindowFrameBound};
use datafusion_physical_plan::windows::{BoundedWindowAggExec, WindowAggExec, create_window_expr};
use datafusion_physical_plan::{ExecutionPlan, InputOrderMode, WindowExpr};

use super::{Planner, ordered};

impl Planner {
    /// Returns the plan that adds the functions of `window`, which all have the same order, to the rows of `input`.
    pub(super) fn window(
        &self,
        window: &Window,
        input: Arc<dyn ExecutionPlan>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = window.input.schema();
        let calls = window.window_expr.iter();
        let calls = calls.map(|call| self.window_call(call, columns));
        let calls = calls.collect::<Result<Vec<_>>>()?;
        let any = over(calls.clone(), Arc::clone(&input))?;
        match ordered(any.as_ref(), &input)? {
            Some(input) => over(calls, input),
            None => Ok(any),
        }
    }

    fn window_call(&self, call: &Expr, columns: &DFSchema) -> Result<Arc<dyn WindowExpr>> {
        let (name, call) = match call {
            Expr::Alias(alias) => {
                let call = alias.expr.as_ref().clone().unalias_nested().data;
                (alias.name.clone(), call)
            }
            call => (call.schema_name().to_string(), call.clone()),
        };
        let Expr::WindowFunction(call) = call else {
            return plan_err!("{call} is no window function");
        };
        let WindowFunction { fun, params } = *call;
        let frame = params.window_frame;
        if !is_frame(&frame) {
            return plan_err!(
                "the window's frame ends ({}) before it starts ({})",
                frame.end_bound,
                frame.start_bound
            );
        }
        let filter = params.filter.map(|filter| self.expr(&filter, columns));
        create_window_expr(
            &fun,
            name,
            &self.exprs(&params.args, columns)?,
            &self.exprs(&params.partition_by, columns)?,
            &self.sort_exprs(&params.order_by, columns)?,
            Arc::new(frame),
            Arc::clone(columns.inner()),
            params.null_treatment == Some(NullTreatment::IgnoreNulls),
            params.distinct,
            filter.transpose()?,
        )
    }
}

fn over(
    calls: Vec<Arc<dyn WindowExpr>>,
    input: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    Ok(match calls.iter().all(|call| call.uses_bounded_memory()) {
        true => {
            let order = InputOrderMode::Sorted;
            Arc::new(BoundedWindowAggExec::try_new(calls, input, order, false)?)
        }
        false => Arc::new(WindowAggExec::try_new(calls, input, false)?),
    })
}

/// Returns whether the frame does not end before it starts.
fn is_frame(frame: &WindowFrame) -> bool {
    use WindowFrameBound::{CurrentRow, Following, Preceding};
    match (&frame.start_bound, &frame.end_bound) {
        (Following(_), Preceding(_) | CurrentRow) | (CurrentRow, Preceding(_)) => false,
        // A bound without a number is unlimited.
        (Preceding(start), Preceding(end)) => !end.is_null() && (start.is_null() || start >= end),
        (Following(start), Following(end)) => !start.is_null() && (end.is_null() || start <= end),
        _ => true,
    }
}
